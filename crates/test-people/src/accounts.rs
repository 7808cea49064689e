//! Accounts and chats. They are made by what the command line of an administrator calls, but in the test's own process: a
//! process for each would take longer than most tests. The command line itself has tests of its own.

use channel_auth::Role;
use chat_events::{ChatId, ChatKind, LaneCount};
use chat_service::accounts::Account as NewAccount;
use chat_service::admin::Admin;
use test_support::Database;

/// The password of every account here.
pub const PASSWORD: &str = "a good password";

/// The lanes of an installation that was told nothing else.
const LANES: i32 = 4;

/// An account that may log in.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its user id.
    pub id: i64,
    /// Its address.
    pub email: String,
}

/// The accounts and chats of an installation. Each call connects anew, as a command does: tests cut connections.
#[derive(Debug, Clone)]
pub struct Accounts {
    url: String,
}

impl Accounts {
    /// Those in a database.
    #[must_use]
    pub fn of(database: &Database) -> Self {
        Self { url: database.url().to_owned() }
    }

    async fn admin(&self) -> Admin {
        let lanes = LaneCount::new(LANES).expect("lanes");
        Admin::of_prepared(&self.url.clone().into(), lanes)
            .await
            .unwrap_or_else(|why| panic!("no administrator: {why}"))
    }

    /// Makes an account: `user`, `operator` or `admin`.
    pub async fn add(&self, email: &str, name: &str, role: &str) -> Account {
        let account = NewAccount {
            email: email.to_owned(),
            name: name.to_owned(),
            role: role_of(role),
            password: Some(PASSWORD.to_owned()),
            sites: Vec::new(),
        };
        self.make(account).await
    }

    async fn make(&self, account: NewAccount) -> Account {
        let email = account.email.clone();
        let made = self.admin().await.add_user(account).await.unwrap_or_else(|why| panic!("{email}: {why}"));
        Account { id: made.id.0, email }
    }

    /// Makes the account of an operator of these sites alone, at example.com.
    pub async fn add_operator_of(&self, name: &str, sites: &[&str]) -> Account {
        let account = NewAccount {
            email: format!("{}@example.com", name.to_lowercase()),
            name: name.to_owned(),
            role: Role::Operator,
            password: Some(PASSWORD.to_owned()),
            sites: sites.iter().map(ToString::to_string).collect(),
        };
        self.make(account).await
    }

    /// Gives an account another name.
    pub async fn rename(&self, email: &str, name: &str) {
        self.admin().await.rename_user(email, name).await.unwrap_or_else(|why| panic!("{email}: {why}"));
    }

    /// Makes a site.
    pub async fn add_site(&self, key: &str) -> i64 {
        self.admin().await.add_site(key, key).await.unwrap_or_else(|why| panic!("{key}: {why}")).0
    }

    /// The names of the operators of a site who are connected.
    pub async fn operators_here(&self, key: &str) -> Vec<String> {
        self.admin().await.operators_here(key).await.unwrap_or_else(|why| panic!("{key}: {why}"))
    }

    /// Archives a site.
    pub async fn archive_site(&self, key: &str) {
        self.admin().await.archive_site(key, true).await.unwrap_or_else(|why| panic!("{key}: {why}"));
    }

    /// Lets an operator work in a site, or in all.
    pub async fn grant(&self, email: &str, site: Option<&str>) {
        self.admin().await.grant(email, site).await.unwrap_or_else(|why| panic!("{email}: {why}"));
    }

    /// Takes that right.
    pub async fn ungrant(&self, email: &str, site: Option<&str>) {
        let was_there = self.admin().await.ungrant(email, site).await.unwrap_or_else(|why| panic!("{email}: {why}"));
        assert!(was_there, "{email} did not work in {site:?}");
    }

    /// Makes the account of that name at example.com.
    pub async fn add_named(&self, name: &str, role: &str) -> Account {
        self.add(&format!("{}@example.com", name.to_lowercase()), name, role).await
    }

    /// Closes an account.
    pub async fn disable(&self, email: &str) {
        self.admin().await.disable_user(email).await.unwrap_or_else(|why| panic!("{email}: {why}"));
    }

    /// Opens a closed account again.
    pub async fn enable(&self, email: &str) {
        self.admin().await.enable_user(email).await.unwrap_or_else(|why| panic!("{email}: {why}"));
    }

    /// Gives an account another role.
    pub async fn set_role(&self, email: &str, role: &str) {
        let role = role_of(role);
        self.admin().await.set_role(email, role).await.unwrap_or_else(|why| panic!("{email}: {why}"));
    }

    /// Makes a group of these users; the first is its admin. Its id.
    pub async fn group(&self, title: Option<&str>, users: &[i64]) -> i64 {
        self.chat(ChatKind::Group, title, users).await
    }

    /// Makes a chat of these users; the first is its admin. Its id.
    pub async fn chat(&self, kind: ChatKind, title: Option<&str>, users: &[i64]) -> i64 {
        let users: Vec<String> = users.iter().map(i64::to_string).collect();
        let made = self.admin().await.create_chat(kind, title.map(str::to_owned), &users).await;
        made.unwrap_or_else(|why| panic!("no {kind:?} of {users:?}: {why}")).0
    }

    /// Brings a user into a chat.
    pub async fn add_member(&self, chat: i64, user: i64) {
        let added = self.admin().await.add_member(ChatId(chat), &user.to_string(), false).await;
        let _is_new = added.unwrap_or_else(|why| panic!("{user} in {chat}: {why}"));
    }

    /// Takes a user out of a chat.
    pub async fn remove_member(&self, chat: i64, user: i64) {
        let removed = self.admin().await.remove_member(ChatId(chat), &user.to_string()).await;
        let _was_there = removed.unwrap_or_else(|why| panic!("{user} out of {chat}: {why}"));
    }
}

fn role_of(name: &str) -> Role {
    Role::parse(name).unwrap_or_else(|| panic!("{name} is no role"))
}
