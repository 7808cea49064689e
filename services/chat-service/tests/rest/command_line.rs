//! The command line of an administrator: accounts and chats, each command as a process.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Answer, Installation, Service, message};

/// The id that a command prints.
fn id_in(printed: &str) -> i64 {
    let line = printed.lines().find_map(|line| line.strip_prefix("id: "));
    line.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id in {printed:?}"))
}

async fn refresh(service: &Service, token: &Value) -> Answer {
    service.call(Method::POST, "/auth/refresh", None, Some(json!({"refresh_token": token}))).await
}

#[tokio::test]
async fn the_command_line_makes_accounts_with_a_password_that_is_given_or_made() {
    let installation = Installation::fresh().await;
    let add = ["user", "add", "--email", "olga@example.com", "--name", "Olga", "--role", "operator"];
    let given = installation.command(&[&add[..], &["--password-stdin"]].concat(), "a good password\nnot this line\n");
    assert_eq!(given, format!("id: {}\n", id_in(&given)), "a password that was given is not shown");
    let add = ["user", "add", "--email", "uma@example.com", "--name", "Uma", "--role", "user"];
    let made = installation.command(&add, "");
    let password = made.lines().find_map(|line| line.strip_prefix("password: ")).expect("a password").to_owned();
    let service = Service::start_on(installation).await;
    for (email, password, id, role) in [
        ("olga@example.com", "a good password", id_in(&given), "operator"),
        ("uma@example.com", password.as_str(), id_in(&made), "user"),
    ] {
        let (status, login) = service.log_in(email, password).await;
        assert_eq!(status, StatusCode::OK, "{login}");
        let (_, me) = service.get("/users/me", login["access_token"].as_str().expect("a token")).await;
        assert_eq!((&me["id"], &me["role"]), (&json!(id), &json!(role)), "{me}");
    }
}

#[tokio::test]
async fn the_command_line_makes_chats_and_changes_their_members() {
    let service = Service::start().await;
    let (admin, admin_token) = service.account("admin@example.com", "user").await;
    let (_, member) = service.account("member@example.com", "user").await;
    let (guest, guest_token) = service.account("guest@example.com", "user").await;
    let (admin, guest) = (admin.to_string(), guest.to_string());
    let create = ["chat", "create", "--kind", "channel", "--title", "News", "--member", &admin];
    let created = service.installation.command(&[&create[..], &["--member", "member@example.com"]].concat(), "");
    let chat = id_in(&created).to_string();
    let path = format!("/chats/{chat}/messages");
    assert_eq!(
        service.post(&path, &admin_token, message("news")).await.0,
        StatusCode::CREATED,
        "the first is its admin"
    );
    assert_eq!(service.post(&path, &member, message("me too")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.get(&path, &guest_token).await.0, StatusCode::NOT_FOUND);
    let change = |what: &str, more: &[&str]| {
        let arguments = ["chat", what, "--chat", &chat, "--member", &guest];
        service.installation.command(&[&arguments[..], more].concat(), "");
    };
    change("add-member", &["--admin"]);
    assert_eq!(service.post(&path, &guest_token, message("more news")).await.0, StatusCode::CREATED);
    change("remove-member", &[]);
    assert_eq!(service.post(&path, &guest_token, message("and more")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_command_line_gives_an_account_another_role() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    service.installation.command(&["user", "role", "--email", "OPERATOR@example.com", "--role", "user"], "");
    assert_eq!(service.get("/chat/sessions", &token).await.0, StatusCode::FORBIDDEN);
    service.installation.command(&["user", "role", "--email", "operator@example.com", "--role", "admin"], "");
    assert_eq!(service.get("/chat/sessions", &token).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_command_line_closes_an_account_and_opens_it_again() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let user = |what: &str| service.installation.command(&["user", what, "--email", "Operator@example.com"], "");
    user("disable");
    assert_eq!(service.get("/users/me", &token).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", "a good password").await.0, StatusCode::UNAUTHORIZED);
    user("enable");
    assert_eq!(refresh(&service, &login["refresh_token"]).await.0, StatusCode::UNAUTHORIZED, "its logins are over");
    assert_eq!(service.log_in("operator@example.com", "a good password").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_command_line_ends_all_logins_of_an_account_and_of_no_other() {
    let service = Service::start().await;
    service.operator().await;
    service.account("other@example.com", "operator").await;
    let mut refresh_tokens = vec![];
    for email in ["operator@example.com", "operator@example.com", "other@example.com"] {
        refresh_tokens.push(service.log_in(email, "a good password").await.1["refresh_token"].clone());
    }
    service.installation.command(&["user", "logout", "--email", "operator@example.com"], "");
    let mut statuses = vec![];
    for token in &refresh_tokens {
        statuses.push(refresh(&service, token).await.0.as_u16());
    }
    assert_eq!(statuses, [401, 401, 200]);
    assert_eq!(service.log_in("operator@example.com", "a good password").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_command_line_gives_an_account_another_password_which_ends_its_logins() {
    let service = Service::start().await;
    service.operator().await;
    let (_, login) = service.log_in("operator@example.com", "a good password").await;
    let command = ["user", "password", "--email", "operator@example.com"];
    let told = service.installation.command(&command, "");
    let made = told.trim().strip_prefix("password: ").expect("a password").to_owned();
    assert_eq!(refresh(&service, &login["refresh_token"]).await.0, StatusCode::UNAUTHORIZED, "its logins are over");
    assert_eq!(service.log_in("operator@example.com", "a good password").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", &made).await.0, StatusCode::OK);
    let told = service.installation.command(&[&command[..], &["--password-stdin"]].concat(), "another good one\n");
    assert!(!told.contains("another good one"), "{told}");
    assert_eq!(service.log_in("operator@example.com", &made).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", "another good one").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_command_line_makes_sites_and_says_who_works_there() {
    let installation = Installation::fresh().await;
    let shop = id_in(&installation.command(&["site", "add", "--key", "shop", "--name", "The shop"], ""));
    assert_eq!(installation.command(&["site", "list"], ""), format!("1\tdefault\tDefault\n{shop}\tshop\tThe shop\n"));
    assert_eq!(installation.command(&["site", "archive", "--key", "shop"], ""), "shop is archived\n");
    assert!(installation.command(&["site", "list"], "").ends_with("\tarchived\n"));
    assert_eq!(installation.command(&["site", "restore", "--key", "shop"], ""), "shop is open\n");
    let add = ["user", "add", "--email", "olga@example.com", "--name", "Olga", "--role", "operator", "--site", "shop"];
    let olga = id_in(&installation.command(&add, ""));
    let grants = async || {
        let sql = format!("SELECT concat_ws(' ', role, scope, site_id) FROM grants WHERE user_id = {olga} ORDER BY id");
        installation.texts(&sql).await
    };
    assert_eq!(grants().await, [format!("operator site {shop}")]);
    let listed = installation.command(&["user", "list"], "");
    assert_eq!(listed, format!("{olga}\tolga@example.com\tOlga\toperator\tshop\n"));
    let of_olga = ["--email", "olga@example.com"];
    installation.command(&[&["user", "grant"][..], &of_olga].concat(), "");
    installation.command(&[&["user", "role"][..], &of_olga, &["--role", "admin"]].concat(), "");
    assert_eq!(grants().await, [format!("admin site {shop}"), "admin all".to_owned()]);
    let said = installation.command(&[&["user", "ungrant"][..], &of_olga, &["--site", "shop"]].concat(), "");
    assert_eq!(said, "olga@example.com does not work in the site shop any more\n");
    assert_eq!(grants().await, ["admin all"]);
    installation.command(&[&["user", "role"][..], &of_olga, &["--role", "user"]].concat(), "");
    assert!(grants().await.is_empty(), "a user works nowhere");
    installation.command(&[&["user", "role"][..], &of_olga, &["--role", "operator"]].concat(), "");
    assert_eq!(grants().await, ["operator all"]);
    installation.command(&[&["user", "ungrant"][..], &of_olga].concat(), "");
    for role in ["operator", "admin"] {
        let said = installation.command(&[&["user", "role"][..], &of_olga, &["--role", role]].concat(), "");
        assert!(
            !said.contains("all sites") && grants().await.is_empty(),
            "no right comes with a role of staff: {said}"
        );
    }
}
