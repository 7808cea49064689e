//! Links by which people come to an account: invitations, another password, the first admin.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_people::PASSWORD;

use crate::service::{Answer, Installation, Service, code};

pub(crate) async fn openly(service: &Service, path: &str, body: Value) -> Answer {
    service.call(Method::POST, path, None, Some(body)).await
}

pub(crate) async fn look(service: &Service, token: &str) -> Answer {
    openly(service, "/auth/links/look", json!({"token": token})).await
}

pub(crate) async fn redeem(service: &Service, body: Value) -> Answer {
    openly(service, "/auth/links/use", body).await
}

/// The token of a link of that kind.
pub(crate) fn token_of(link: &Value, kind: &str) -> String {
    let link = link.as_str().expect("a link");
    let (address, token) = link.split_once(&format!("#{kind}=")).unwrap_or_else(|| panic!("{kind} in {link}"));
    assert!(address.ends_with("/console/"), "{link}");
    assert!(token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    token.to_owned()
}

async fn admin_of(service: &Service, name: &str, sites: &[&str]) -> (i64, String) {
    let accounts = service.installation.accounts();
    let account = accounts.add_operator_of(name, sites).await;
    accounts.set_role(&account.email, "admin").await;
    let (_, login) = service.log_in(&account.email, PASSWORD).await;
    (account.id, login["access_token"].as_str().expect("a token").to_owned())
}

async fn invite(service: &Service, admin: &str, body: Value) -> Value {
    let (status, answer) = service.post("/invitations", admin, body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

#[tokio::test]
async fn an_invitation_makes_one_account_with_its_role_and_sites() {
    let installation = Installation::fresh().await;
    let program = installation.program().env("PUBLIC_URL", "https://chat.example.com/app/");
    let service = Service::start_program(installation, program).await;
    service.installation.accounts().add_site("shop").await;
    let (admin_id, admin) = service.account("admin@example.com", "admin").await;
    let body = json!({"email": "Oscar@example.com", "name": "Oscar", "role": "operator", "sites": ["shop"]});
    let made = invite(&service, &admin, body).await;
    assert!(
        made["link"].as_str().expect("a link").starts_with("https://chat.example.com/app/console/#join="),
        "{made}"
    );
    let token = token_of(&made["link"], "join");
    let (_, waiting) = service.get("/invitations", &admin).await;
    let [waiting] = waiting["invitations"].as_array().expect("a list").as_slice() else { panic!("one: {waiting}") };
    assert_eq!(waiting["made_by"], json!({"id": admin_id, "name": "Somebody"}));
    assert_eq!((&waiting["email"], &waiting["sites"]), (&json!("Oscar@example.com"), &json!(["shop"])));
    assert!(waiting.get("link").is_none() && waiting["expires_at"] == made["expires_at"], "{waiting}");

    let seen = json!({"kind": "join", "email": "Oscar@example.com", "name": "Oscar"});
    assert_eq!(look(&service, &token).await, (StatusCode::OK, seen));
    assert_eq!(
        redeem(&service, json!({"token": token, "password": "short"})).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let other = json!({"token": token, "password": "a new password", "email": "eve@example.com"});
    assert_eq!(redeem(&service, other).await.0, StatusCode::UNPROCESSABLE_ENTITY, "the address is the invitation's");
    // Once, however many come at the same time.
    let uses = join_all(
        (0..5).map(|_| redeem(&service, json!({"token": token, "password": "a new password", "name": "Osc"}))),
    )
    .await;
    let (good, refused): (Vec<_>, Vec<_>) = uses.into_iter().partition(|(status, _)| *status == StatusCode::OK);
    assert_eq!((good.len(), refused.len()), (1, 4));
    let gone = look(&service, &token).await;
    assert_eq!((gone.0, code(&gone.1)), (StatusCode::NOT_FOUND, "not_found"));
    assert!(refused.iter().all(|answer| *answer == gone), "{refused:?}");
    assert_eq!(look(&service, "never seen").await, gone, "nothing tells a used one from a wrong one");

    let login = &good[0].1;
    let access = login["access_token"].as_str().expect("a token");
    let (_, me) = service.get("/users/me", access).await;
    assert_eq!((&me["name"], &me["role"]), (&json!("Osc"), &json!("operator")));
    let (_, counts) = service.get("/chat/sessions/counts", access).await;
    assert_eq!(counts["sites"], json!([{"site": "shop", "open": 0, "unassigned": 0}]));
    assert_eq!(service.log_in("oscar@example.com", "a new password").await.0, StatusCode::OK);
    let (_, refreshed) = openly(&service, "/auth/refresh", json!({"refresh_token": login["refresh_token"]})).await;
    assert!(refreshed["access_token"].is_string(), "{refreshed}");
    assert_eq!(service.get("/invitations", &admin).await.1["invitations"], json!([]));
    let again = service.post("/invitations", &admin, json!({"email": "oscar@EXAMPLE.com", "role": "user"})).await;
    assert_eq!((again.0, &again.1["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("email")));
    let stored = service.installation.texts("SELECT concat_ws(' ', to_jsonb(l)) FROM account_links l").await;
    assert!(!stored.iter().any(|row| row.contains(&token)), "only the hash is stored");
    assert!(!service.process.log().join("\n").contains(&token), "a token is in the log");
}

#[tokio::test]
async fn an_invitation_that_is_withdrawn_or_old_is_good_no_more() {
    let service = Service::start().await;
    let (_, admin) = service.account("admin@example.com", "admin").await;
    let (_, operator) = service.operator().await;
    let body = |name: &str| json!({"email": format!("{name}@example.com"), "name": name, "role": "user"});
    let (one, other) = (invite(&service, &admin, body("ann")).await, invite(&service, &admin, body("ben")).await);
    assert_eq!(one["sites"], json!([]), "a user has none");
    let path = format!("/invitations/{}", one["id"]);
    let withdraw = async |token: &str| service.call(Method::DELETE, &path, Some(token), None).await.0;
    assert_eq!(withdraw(&operator).await, StatusCode::FORBIDDEN);
    assert_eq!(service.get("/invitations", &operator).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.post("/invitations", &operator, body("eve")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(withdraw(&admin).await, StatusCode::NO_CONTENT);
    assert_eq!(withdraw(&admin).await, StatusCode::NOT_FOUND);
    assert_eq!(look(&service, &token_of(&one["link"], "join")).await.0, StatusCode::NOT_FOUND);
    let token = token_of(&other["link"], "join");
    assert_eq!(look(&service, &token).await.0, StatusCode::OK);
    service.installation.database.run_sql("UPDATE account_links SET expires_at = now() - interval '1 second'").await;
    let late = redeem(&service, json!({"token": token, "password": "a new password"})).await;
    assert_eq!(late.0, StatusCode::NOT_FOUND);
    assert_eq!(service.get("/invitations", &admin).await.1["invitations"], json!([]));
}

#[tokio::test]
async fn an_invitation_gives_no_more_than_its_maker_has_when_it_is_made_and_when_it_is_used() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    accounts.add_site("blog").await;
    let (_, everywhere) = service.account("admin@example.com", "admin").await;
    let (_, shop) = admin_of(&service, "Sue", &["shop"]).await;
    let body =
        |role: &str, sites: Value| json!({"email": "new@example.com", "name": "New", "role": role, "sites": sites});
    for (role, sites) in [("admin", Value::Null), ("operator", Value::Null), ("user", Value::Null)] {
        let (status, refused) = service.post("/invitations", &shop, body(role, sites)).await;
        assert_eq!((status, code(&refused)), (StatusCode::FORBIDDEN, "forbidden"), "{role}");
    }
    // A site of others is as one that is not there.
    let elsewhere = service.post("/invitations", &shop, body("operator", json!(["shop", "blog"]))).await;
    let nowhere = service.post("/invitations", &shop, body("operator", json!(["shop", "nowhere"]))).await;
    assert_eq!((elsewhere.0, nowhere.0), (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY));
    for bad in [json!([]), json!(["No Key"])] {
        let (status, _) = service.post("/invitations", &everywhere, body("operator", bad)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let of_all = invite(&service, &everywhere, body("admin", Value::Null)).await;
    let path = format!("/invitations/{}", of_all["id"]);
    assert_eq!(service.call(Method::DELETE, &path, Some(&shop), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(service.get("/invitations", &shop).await.1["invitations"], json!([]));
    let of_shop = invite(&service, &shop, body("admin", json!(["shop"]))).await;
    assert_eq!(service.get("/invitations", &everywhere).await.1["invitations"].as_array().map(Vec::len), Some(2));
    // Its maker is an operator by now, and is an admin again later.
    let token = token_of(&of_shop["link"], "join");
    accounts.set_role("sue@example.com", "operator").await;
    assert_eq!(look(&service, &token).await.0, StatusCode::NOT_FOUND);
    assert_eq!(redeem(&service, json!({"token": token, "password": "a new password"})).await.0, StatusCode::NOT_FOUND);
    accounts.set_role("sue@example.com", "admin").await;
    assert_eq!(look(&service, &token).await.0, StatusCode::OK);
    accounts.ungrant("sue@example.com", Some("shop")).await;
    assert_eq!(look(&service, &token).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_password_link_ends_the_one_before_and_the_logins_of_its_account() {
    let service = Service::start().await;
    let (_, admin) = service.account("admin@example.com", "admin").await;
    let (id, old) = service.operator().await;
    let path = format!("/users/{id}/password-link");
    assert_eq!(service.post(&path, &old, Value::Null).await.0, StatusCode::FORBIDDEN);
    let make = async || {
        let (status, made) = service.call(Method::POST, &path, Some(&admin), None).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        token_of(&made["link"], "password")
    };
    let (first, token) = (make().await, make().await);
    assert_eq!(look(&service, &first).await.0, StatusCode::NOT_FOUND);
    let seen = json!({"kind": "password", "email": "operator@example.com", "name": "Somebody"});
    assert_eq!(look(&service, &token).await, (StatusCode::OK, seen));
    let (status, login) = redeem(&service, json!({"token": token, "password": "another password"})).await;
    assert_eq!(status, StatusCode::OK, "{login}");
    assert_eq!(service.get("/users/me", &old).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.get("/users/me", login["access_token"].as_str().expect("a token")).await.0, StatusCode::OK);
    assert_eq!(service.log_in("operator@example.com", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", "another password").await.0, StatusCode::OK);
    assert_eq!(redeem(&service, json!({"token": token, "password": "once more now"})).await.0, StatusCode::NOT_FOUND);
    let token = make().await;
    service.installation.accounts().disable("operator@example.com").await;
    assert_eq!(look(&service, &token).await.0, StatusCode::NOT_FOUND, "the account is closed");
    assert_eq!(service.call(Method::POST, &path, Some(&admin), None).await.0, StatusCode::CONFLICT);
    let nobody = service.call(Method::POST, "/users/99999/password-link", Some(&admin), None).await;
    assert_eq!(nobody.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_admin_of_sites_takes_over_nobody_who_has_more() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    accounts.add_site("blog").await;
    let (everywhere, _) = service.account("admin@example.com", "admin").await;
    let (user, _) = service.account("user@example.com", "user").await;
    let (_, shop) = admin_of(&service, "Sue", &["shop"]).await;
    let (both, own) = (
        accounts.add_operator_of("Bo", &["shop", "blog"]).await.id,
        accounts.add_operator_of("Oz", &["shop"]).await.id,
    );
    for (account, status) in [
        (everywhere, StatusCode::NOT_FOUND),
        (user, StatusCode::NOT_FOUND),
        (both, StatusCode::NOT_FOUND),
        (own, StatusCode::CREATED),
    ] {
        let path = format!("/users/{account}/password-link");
        assert_eq!(service.call(Method::POST, &path, Some(&shop), None).await.0, status, "{account}");
    }
}

async fn is_open(service: &Service) -> bool {
    let (status, answer) = service.call(Method::GET, "/auth/first", None, None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["is_open"].as_bool().expect("a bool")
}

/// The link that a start has printed.
async fn printed(service: &Service) -> String {
    test_support::wait_until("the link of the first admin", async || {
        let log = service.process.log();
        let line = log.iter().find_map(|line| line.strip_prefix("Make the first admin: ").map(str::to_owned))?;
        Some(token_of(&json!(line), "first"))
    })
    .await
}

#[tokio::test]
async fn a_start_without_an_admin_prints_a_link_by_which_one_is_made_once() {
    let service = Service::start().await;
    let before = printed(&service).await;
    service.operator().await;
    assert!(is_open(&service).await, "an operator is no admin");
    let service = Service::start_on(service.installation).await;
    let token = printed(&service).await;
    assert_eq!(look(&service, &before).await.0, StatusCode::NOT_FOUND, "the newest is good");
    let seen = json!({"kind": "first", "email": null, "name": null});
    assert_eq!(look(&service, &token).await, (StatusCode::OK, seen));
    let who = |email: &str| json!({"token": token, "name": "Ada", "email": email, "password": "a good password"});
    for (missing, field) in [("name", "name"), ("email", "email")] {
        let mut body = who("ada@example.com");
        body.as_object_mut().expect("an object").remove(missing);
        let (status, refused) = redeem(&service, body).await;
        assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    assert_eq!(redeem(&service, who("operator@example.com")).await.0, StatusCode::CONFLICT, "the address is taken");
    let uses = join_all((0..4).map(|n| redeem(&service, who(&format!("ada{n}@example.com"))))).await;
    let good: Vec<&Answer> = uses.iter().filter(|(status, _)| *status == StatusCode::OK).collect();
    let [(_, login)] = good.as_slice() else { panic!("{uses:?}") };
    let access = login["access_token"].as_str().expect("a token");
    let (_, users) = service.get("/users", access).await;
    let admins: Vec<&Value> =
        users["users"].as_array().expect("users").iter().filter(|u| u["role"] == "admin").collect();
    assert!(admins.len() == 1 && admins[0]["sites"].is_null(), "{users}");
    assert!(!is_open(&service).await);
    assert_eq!(look(&service, &token).await.0, StatusCode::NOT_FOUND);
    let service = Service::start_on(service.installation).await;
    assert!(!is_open(&service).await);
    assert!(!service.process.log().iter().any(|line| line.contains("first admin")), "there is one");
}

#[tokio::test]
async fn tokens_of_links_are_guessed_as_seldom_as_passwords() {
    let installation = Installation::fresh().await;
    let program = installation
        .program()
        .env("LIMITS__ADDRESS_WRONG_PASSWORDS_PER_MINUTE", "1")
        .env("LIMITS__ADDRESS_WRONG_PASSWORD_BURST", "5");
    let service = Service::start_program(installation, program).await;
    let good = printed(&service).await;
    for _ in 0..20 {
        assert_eq!(look(&service, &good).await.0, StatusCode::OK, "a good one costs nothing");
    }
    let mut statuses = Vec::new();
    for n in 0..3 {
        statuses.push(look(&service, &format!("wrong {n}")).await.0.as_u16());
        statuses.push(
            redeem(&service, json!({"token": format!("bad {n}"), "password": "a good password"})).await.0.as_u16(),
        );
    }
    assert_eq!(statuses, [404, 404, 404, 404, 404, 429]);
    assert_eq!(look(&service, &good).await.0, StatusCode::TOO_MANY_REQUESTS);
}
