//! The work of the command line beside serving: accounts, chats, sites and jobs.

use bus::outbox::LaneWaker;
use channel_auth::Role;
use chat_events::{ChatId, ChatKind, LaneCount, SiteId, UserId};
use jobs::admin::Listed;
use secrecy::SecretString;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::accounts::{self, Account, ListedAccount, NewAccount, grants, refresh_tokens, users};
use crate::changes::ChatChanges;
use crate::chats;
use crate::chats::members::{self, MemberChange};
use crate::db::{Connection, Database, installation};
use crate::error::Error;
use crate::http::body::read_object;
use crate::input::fields::{Name, SiteKey};
use crate::messages::send::statement;
use crate::operators;
use crate::sites::settings::{SiteChange, SiteColumns, SiteOrigins};
use crate::sites::{self, Site};
use crate::writes::Writes;

/// One to read on, and one for a change.
const CONNECTIONS: usize = 2;

/// Works on a database that is migrated.
pub struct Admin {
    connection: Connection,
    changes: ChatChanges,
}

impl Admin {
    /// Migrates first, so that the first account can be made before the first start.
    pub async fn connect(url: &SecretString, lanes: LaneCount) -> Result<Self, crate::PrepareError> {
        installation::check_sessions(url).await?;
        installation::migrate(url).await?;
        Self::of_prepared(url, lanes).await
    }

    /// Of a database that was migrated before.
    pub async fn of_prepared(url: &SecretString, lanes: LaneCount) -> Result<Self, crate::PrepareError> {
        let away = |why: Error| crate::PrepareError::Away(why.to_string());
        let database = Database::new(url, CONNECTIONS, statement::SETTINGS, Handle::current()).map_err(away)?;
        let mut connection = database.get_unprepared().await.map_err(away)?;
        installation::claim_lanes(&mut connection, lanes).await?;
        database.set_prepared();
        // No process is nudged: serving ones look for changes that they were not told of.
        let changes = ChatChanges::new(database, lanes, LaneWaker::new(lanes), Writes::new(Handle::current()));
        Ok(Self { connection, changes })
    }

    /// Makes an account.
    pub async fn add_user(&mut self, account: Account) -> Result<NewAccount, Error> {
        accounts::add(&mut self.connection, account).await
    }

    /// Gives an account another password and ends all its logins. The password, where it is made here.
    pub async fn set_password(&mut self, email: &str, password: Option<String>) -> Result<Option<String>, Error> {
        let user = self.find_account(email).await?;
        accounts::set_password(&mut self.connection, user, password).await
    }

    /// Closes an account and ends all its logins.
    pub async fn disable_user(&mut self, email: &str) -> Result<(), Error> {
        let user = self.find_account(email).await?;
        accounts::set_active(&mut self.connection, user, false).await
    }

    /// Opens a closed account again.
    pub async fn enable_user(&mut self, email: &str) -> Result<(), Error> {
        let user = self.find_account(email).await?;
        accounts::set_active(&mut self.connection, user, true).await
    }

    /// Gives an account another role. An operator who loses the role is none any more within seconds.
    pub async fn set_role(&mut self, email: &str, role: Role) -> Result<bool, Error> {
        let user = self.find_account(email).await?;
        accounts::set_role(&mut self.connection, user, role).await
    }

    /// All accounts.
    pub async fn users(&mut self) -> Result<Vec<ListedAccount>, Error> {
        accounts::list(&mut self.connection).await
    }

    /// Gives an account another name.
    pub async fn rename_user(&mut self, email: &str, name: &str) -> Result<(), Error> {
        let user = self.find_account(email).await?;
        users::rename(&mut self.connection, user, &name_to_show(name)?.into_inner()).await
    }

    /// The oldest jobs, of a kind or of all.
    pub async fn jobs(&mut self, kind: Option<&str>, only_dead: bool, count: u16) -> Result<Vec<Listed>, Error> {
        Ok(jobs::admin::list(&mut self.connection, kind, only_dead, count).await?)
    }

    /// Has jobs tried again at once; returns the jobs that exist.
    pub async fn retry_jobs(&mut self, ids: &[i64]) -> Result<Vec<i64>, Error> {
        Ok(jobs::admin::retry(&mut self.connection, ids).await?)
    }

    /// Drops jobs; returns the jobs that existed.
    pub async fn drop_jobs(&mut self, ids: &[i64]) -> Result<Vec<i64>, Error> {
        Ok(jobs::admin::drop(&mut self.connection, ids).await?)
    }

    /// Gives a site another name to show.
    pub async fn rename_site(&mut self, key: &str, name: &str) -> Result<(), Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        let columns = SiteColumns { name: Some(name_to_show(name)?.into_inner()), ..SiteColumns::default() };
        sites::rows::change(&mut self.connection, site.id(), &columns).await
    }

    /// Lets an operator work in the site of that key, or in all sites. Its sockets come again within seconds.
    pub async fn grant(&mut self, email: &str, site: Option<&str>) -> Result<(), Error> {
        let (user, role) = self.find_operator(email).await?;
        let site = self.find_site(site).await?;
        grants::add(&mut self.connection, user, role, site).await
    }

    /// Takes that right. Returns whether it was there.
    pub async fn ungrant(&mut self, email: &str, site: Option<&str>) -> Result<bool, Error> {
        let user = self.find_account(email).await?;
        let site = self.find_site(site).await?;
        grants::remove(&mut self.connection, user, site).await
    }

    async fn find_operator(&mut self, email: &str) -> Result<(UserId, Role), Error> {
        let (user, _) = users::by_email(&mut self.connection, email).await?.ok_or_else(|| no_account(email))?;
        match user.role.0 {
            role if role.is_staff() => Ok((UserId(user.id), role)),
            _ => Err(Error::invalid("email", format!("{email} is no operator"))),
        }
    }

    async fn find_site(&mut self, key: Option<&str>) -> Result<Option<SiteId>, Error> {
        match key {
            Some(key) => Ok(Some(sites::by_key(&mut self.connection, key).await?.id())),
            None => Ok(None),
        }
    }

    /// Makes a web site.
    pub async fn add_site(&mut self, key: &str, name: &str) -> Result<SiteId, Error> {
        let key = SiteKey::parse(key.to_owned()).map_err(|fault| Error::Refused(fault.of("key")))?;
        sites::add(&mut self.connection, key, name_to_show(name)?).await
    }

    /// A site with its settings, as its admins see it.
    pub async fn site(&mut self, key: &str) -> Result<Value, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        Ok(serde_json::to_value(site.view())?)
    }

    /// Gives a site other settings: the body of `PATCH /sites/{id}`, but for `prechat_name` and `prechat_email`, which may stand
    /// alone.
    pub async fn change_site(&mut self, key: &str, mut settings: Value) -> Result<(), Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        let mut prechat = serde_json::to_value(site.prechat())?;
        for part in ["name", "email"] {
            if let Some(asks) = settings.as_object_mut().and_then(|body| body.remove(&format!("prechat_{part}"))) {
                prechat[part] = asks;
                settings["prechat"] = Value::Null;
            }
        }
        if settings.get("prechat").is_some() {
            settings["prechat"] = prechat;
        }
        let change: SiteChange = read_object(&settings.to_string()).map_err(Error::Refused)?;
        sites::rows::change(&mut self.connection, site.id(), &change.columns()?).await?;
        Ok(())
    }

    /// Lets pages of these origins show the widget of a site; returns all that may.
    pub async fn allow_origins(&mut self, key: &str, origins: &[String]) -> Result<Vec<String>, Error> {
        let mut all = sites::by_key(&mut self.connection, key).await?.origins;
        all.extend_from_slice(origins);
        self.set_origins(key, &all).await
    }

    /// Takes that right; returns the rest.
    pub async fn disallow_origins(&mut self, key: &str, origins: &[String]) -> Result<Vec<String>, Error> {
        let gone = SiteOrigins::parse(origins).map_err(|fault| Error::Refused(fault.of("origin")))?.0;
        let mut left = sites::by_key(&mut self.connection, key).await?.origins;
        left.retain(|origin| !gone.contains(origin));
        self.set_origins(key, &left).await
    }

    async fn set_origins(&mut self, key: &str, origins: &[String]) -> Result<Vec<String>, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        let origins = SiteOrigins::parse(origins).map_err(|fault| Error::Refused(fault.of("origin")))?.0;
        let columns = SiteColumns { origins: Some(origins.clone()), ..SiteColumns::default() };
        sites::rows::change(&mut self.connection, site.id(), &columns).await?;
        sites::refused::forget_allowed(&mut self.connection, site.id(), &origins).await?;
        Ok(origins)
    }

    /// The origins that were refused, how often, and when last.
    pub async fn refused_origins(&mut self, key: &str) -> Result<Vec<(String, i64, String)>, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        let refused = sites::refused::list(&mut self.connection, site.id()).await?;
        Ok(refused.into_iter().map(|one| (one.origin, one.times, one.last_at.to_rfc3339())).collect())
    }

    /// Makes a key with which a site signs identities; returns its name and its secret.
    pub async fn add_identity_key(&mut self, key: &str) -> Result<(String, String), Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        let made = sites::secrets::add(&mut self.connection, site.id()).await?;
        Ok((made.kid, made.secret))
    }

    /// The names of a site's keys.
    pub async fn identity_keys(&mut self, key: &str) -> Result<Vec<String>, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        Ok(sites::secrets::list(&mut self.connection, site.id()).await?.into_iter().map(|key| key.kid).collect())
    }

    /// Removes a key. Returns whether it was there.
    pub async fn remove_identity_key(&mut self, key: &str, kid: &str) -> Result<bool, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        sites::secrets::remove(&mut self.connection, site.id(), kid).await
    }

    /// All sites.
    pub async fn sites(&mut self) -> Result<Vec<Site>, Error> {
        sites::list(&mut self.connection).await
    }

    /// The names of the operators who work in a site and are connected.
    pub async fn operators_here(&mut self, key: &str) -> Result<Vec<String>, Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        operators::of_site(&mut self.connection, site.id()).await
    }

    /// Archives a site, or opens it again.
    pub async fn archive_site(&mut self, key: &str, is_archived: bool) -> Result<(), Error> {
        let site = sites::by_key(&mut self.connection, key).await?;
        sites::set_archived(&mut self.connection, site.id(), is_archived).await
    }

    /// Ends all logins of an account.
    pub async fn log_out_user(&mut self, email: &str) -> Result<(), Error> {
        let user = self.find_account(email).await?;
        refresh_tokens::end_all(&mut self.connection, user).await
    }

    async fn find_account(&mut self, email: &str) -> Result<UserId, Error> {
        let found = users::by_email(&mut self.connection, email).await?;
        found.map(|(user, _)| UserId(user.id)).ok_or_else(|| no_account(email))
    }

    /// Makes a chat with its members, given by address or id. The first is its admin.
    pub async fn create_chat(
        &mut self,
        kind: ChatKind,
        title: Option<String>,
        people: &[String],
    ) -> Result<ChatId, Error> {
        if kind == ChatKind::Session {
            return Err(Error::invalid("kind", "a session is opened by its client"));
        }
        let title = title
            .map(Name::parse)
            .transpose()
            .map_err(|fault| Error::Refused(fault.of("title")))?
            .map(Name::into_inner);
        let mut user_ids = vec![];
        for person in people {
            user_ids.push(self.find_user(person).await?);
        }
        chats::create(&self.changes, kind, title, user_ids).await
    }

    /// Brings a user into a chat. Returns whether it was not there yet.
    pub async fn add_member(&mut self, chat: ChatId, person: &str, is_admin: bool) -> Result<bool, Error> {
        let user = self.find_user(person).await?;
        self.change_member(chat, user, MemberChange::Add { is_admin }).await
    }

    /// Takes a user out of a chat. Returns whether it was there.
    pub async fn remove_member(&mut self, chat: ChatId, person: &str) -> Result<bool, Error> {
        let user = self.find_user(person).await?;
        self.change_member(chat, user, MemberChange::Remove).await
    }

    async fn change_member(&self, chat: ChatId, user: UserId, change: MemberChange) -> Result<bool, Error> {
        Ok(members::change_by_system(&self.changes, chat, user, change).await?.is_some())
    }

    async fn find_user(&mut self, person: &str) -> Result<UserId, Error> {
        let found = match person.parse() {
            Ok(id) => users::active(&mut self.connection, UserId(id)).await?.map(|user| user.id),
            Err(_) => users::by_email(&mut self.connection, person).await?.map(|(user, _)| user.id),
        };
        found.map(UserId).ok_or_else(|| Error::invalid("member", format!("there is no account {person}")))
    }
}

fn name_to_show(name: &str) -> Result<Name, Error> {
    Name::parse(name.to_owned()).map_err(|fault| Error::Refused(fault.of("name")))
}

fn no_account(email: &str) -> Error {
    Error::invalid("email", format!("there is no account {email}"))
}

/// A role by its name, for the command line.
pub fn parse_role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| "a role is user, operator or admin".to_owned())
}

/// The kind of a chat by its name, for the command line.
pub fn parse_kind(name: &str) -> Result<ChatKind, String> {
    let kind = serde_json::from_value(name.into()).ok().filter(|kind| *kind != ChatKind::Session);
    kind.ok_or_else(|| "a kind is direct, group, channel or record".to_owned())
}
