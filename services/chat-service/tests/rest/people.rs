//! The administration of accounts, and what everybody changes of its own.

use chat_events::gateway_api::Revocations;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_people::PASSWORD;
use uuid::Uuid;

use crate::service::{Answer, Service, code};

async fn change(service: &Service, admin: &str, user: i64, body: Value) -> Answer {
    service.call(Method::PATCH, &format!("/users/{user}"), Some(admin), Some(body)).await
}

async fn log_in(service: &Service, email: &str) -> String {
    let (status, login) = service.log_in(email, PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "{login}");
    login["access_token"].as_str().expect("a token").to_owned()
}

fn names(page: &Value) -> Vec<&str> {
    page["users"].as_array().expect("users").iter().map(|user| user["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn admins_list_the_accounts_whose_sites_are_all_their_own() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    accounts.add_site("blog").await;
    let admin = accounts.add_named("Ada", "admin").await;
    accounts.add_named("Uma", "user").await;
    accounts.add_operator_of("Sue", &["shop"]).await;
    accounts.add_operator_of("Bo", &["shop", "blog"]).await;
    accounts.set_role("sue@example.com", "admin").await;
    let (ada, sue) = (log_in(&service, &admin.email).await, log_in(&service, "sue@example.com").await);
    let bo = log_in(&service, "bo@example.com").await;
    let users = async |token: &str, query: &str| service.get(&format!("/users{query}"), token).await;
    let (status, all) = users(&ada, "").await;
    assert_eq!((status, names(&all)), (StatusCode::OK, vec!["Ada", "Uma", "Sue", "Bo"]));
    let sites: Vec<&Value> = all["users"].as_array().expect("users").iter().map(|user| &user["sites"]).collect();
    assert_eq!(sites, [&Value::Null, &json!([]), &json!(["shop"]), &json!(["shop", "blog"])]);
    assert_eq!((&all["users"][0]["is_active"], &all["users"][0]["last_seen_at"]), (&json!(true), &Value::Null));
    assert!(all["users"][0].get("password_hash").is_none());
    let (_, page) = users(&ada, "?limit=3").await;
    assert_eq!(names(&page).len(), 3);
    let rest = format!("?limit=3&cursor={}", page["next_cursor"].as_str().expect("a cursor"));
    assert_eq!(
        (names(&users(&ada, &rest).await.1), names(&users(&ada, "?q=U").await.1)),
        (vec!["Bo"], vec!["Uma", "Sue"])
    );
    assert_eq!(names(&users(&ada, "?q=bo%40example").await.1), ["Bo"]);
    assert_eq!(names(&users(&ada, "?q=%25").await.1), Vec::<&str>::new(), "a wildcard is a character");
    assert_eq!(names(&users(&sue, "").await.1), ["Sue"]);
    assert_eq!(users(&bo, "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_admin_changes_names_roles_sites_and_closes_accounts() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    let (_, admin) = service.account("admin@example.com", "admin").await;
    let (id, operator) = service.operator().await;
    let (status, changed) = change(&service, &admin, id, json!({"name": "Olga", "sites": ["shop"]})).await;
    assert_eq!((status, &changed["name"], &changed["sites"]), (StatusCode::OK, &json!("Olga"), &json!(["shop"])));
    let visitor = service.visitor().await;
    let shown = async || service.get(&format!("/chat/session/{}", visitor.session), &operator).await.0;
    assert_eq!(shown().await, StatusCode::NOT_FOUND, "it works in the shop");
    assert_eq!(
        change(&service, &admin, id, json!({"sites": ["shop", "default"]})).await.1["sites"],
        json!(["default", "shop"])
    );
    assert_eq!(shown().await, StatusCode::OK);
    assert_eq!(change(&service, &admin, id, json!({"sites": null})).await.1["sites"], Value::Null);
    let (_, user) = change(&service, &admin, id, json!({"role": "user"})).await;
    assert_eq!((&user["role"], &user["sites"]), (&json!("user"), &json!([])));
    assert_eq!(shown().await, StatusCode::FORBIDDEN);
    for (bad, field) in [
        (json!({"sites": ["shop"]}), "sites"),
        (json!({"role": "operator", "sites": []}), "sites"),
        (json!({"role": "operator", "sites": ["nowhere"]}), "sites"),
        (json!({"name": " "}), "name"),
        (json!({"role": "king"}), "role"),
    ] {
        let (status, refused) = change(&service, &admin, id, bad.clone()).await;
        assert_eq!(
            (status, &refused["error"]["details"]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
            "{bad}"
        );
    }
    let (_, unchanged) = change(&service, &admin, id, json!({})).await;
    assert_eq!(
        (&unchanged["role"], &unchanged["name"]),
        (&json!("user"), &json!("Olga")),
        "what is refused changes nothing"
    );
    let (_, back) = change(&service, &admin, id, json!({"role": "operator", "sites": ["default"]})).await;
    assert_eq!((&back["role"], &back["sites"]), (&json!("operator"), &json!(["default"])));
    let (_, closed) = change(&service, &admin, id, json!({"is_active": false})).await;
    assert_eq!(closed["is_active"], false);
    assert_eq!(shown().await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.log_in("operator@example.com", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    change(&service, &admin, id, json!({"is_active": true})).await;
    assert_eq!(service.log_in("operator@example.com", PASSWORD).await.0, StatusCode::OK);
    assert_eq!(change(&service, &admin, 99_999, json!({"name": "X"})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        change(&service, &log_in(&service, "operator@example.com").await, id, json!({"role": "admin"})).await.0,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn an_admin_of_sites_widens_nobody_and_changes_nobody_who_has_more() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    accounts.add_site("blog").await;
    let (everywhere, _) = service.account("admin@example.com", "admin").await;
    let (user, _) = service.account("user@example.com", "user").await;
    let sue = accounts.add_operator_of("Sue", &["shop"]).await;
    accounts.set_role(&sue.email, "admin").await;
    let bo = accounts.add_operator_of("Bo", &["shop", "blog"]).await;
    let oz = accounts.add_operator_of("Oz", &["shop"]).await;
    let token = log_in(&service, &sue.email).await;
    for account in [everywhere, user, bo.id] {
        assert_eq!(change(&service, &token, account, json!({"name": "X"})).await.0, StatusCode::NOT_FOUND);
    }
    for account in [oz.id, sue.id] {
        let (status, refused) = change(&service, &token, account, json!({"sites": null})).await;
        assert_eq!((status, code(&refused)), (StatusCode::FORBIDDEN, "forbidden"), "{refused}");
        let (status, _) = change(&service, &token, account, json!({"sites": ["blog"]})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "as a site that is not there");
    }
    assert_eq!(change(&service, &token, oz.id, json!({"role": "user"})).await.0, StatusCode::FORBIDDEN);
    let (status, promoted) = change(&service, &token, oz.id, json!({"role": "admin"})).await;
    assert_eq!((status, &promoted["sites"]), (StatusCode::OK, &json!(["shop"])));
    assert_eq!(change(&service, &token, oz.id, json!({"is_active": false})).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_last_admin_of_all_sites_stays_one_also_when_two_go_at_once() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    accounts.add_site("shop").await;
    let (ada, first) = service.account("ada@example.com", "admin").await;
    for body in
        [json!({"role": "operator"}), json!({"role": "user"}), json!({"is_active": false}), json!({"sites": ["shop"]})]
    {
        let (status, refused) = change(&service, &first, ada, body.clone()).await;
        assert_eq!((status, code(&refused)), (StatusCode::CONFLICT, "conflict"), "{body}: {refused}");
    }
    let (bea, second) = service.account("bea@example.com", "admin").await;
    for _ in 0..5 {
        let (one, other) = tokio::join!(
            change(&service, &first, bea, json!({"role": "operator"})),
            change(&service, &second, ada, json!({"role": "operator"}))
        );
        let good = [one.0, other.0].into_iter().filter(|status| *status == StatusCode::OK).count();
        assert_eq!(good, 1, "{one:?} {other:?}");
        accounts.set_role("ada@example.com", "admin").await;
        accounts.set_role("bea@example.com", "admin").await;
    }
}

async fn logins(service: &Service, path: &str, token: &str) -> Vec<Value> {
    let (status, answer) = service.get(path, token).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["logins"].as_array().expect("logins").clone()
}

async fn revoked(service: &Service, after: i64) -> Revocations {
    serde_json::from_value(service.ask("revocations", json!({"after": after})).await.1).expect("revocations")
}

#[tokio::test]
async fn a_login_is_known_by_its_browser_and_ends_alone() {
    let service = Service::start().await;
    let (id, first) = service.operator().await;
    let body = json!({"email": "operator@example.com", "password": PASSWORD});
    let request =
        service.request(Method::POST, "/auth/login").header("user-agent", format!("Phone {}", "x".repeat(300)));
    let login: Value = request.json(&body).send().await.expect("an answer").json().await.expect("JSON");
    let phone = login["access_token"].as_str().expect("a token").to_owned();
    let own = logins(&service, "/users/me/logins", &first).await;
    assert_eq!(own.iter().map(|login| login["is_current"] == true).collect::<Vec<_>>(), [false, true], "{own:?}");
    assert_eq!(own[0]["user_agent"].as_str().map(|name| (name.len(), name.starts_with("Phone x"))), Some((200, true)));
    assert_eq!(own[0]["address_hint"], "127.0.0.0/24");
    assert!(own.iter().all(|login| login.as_object().is_some_and(|login| login.len() == 6)), "no token is in {own:?}");
    let refresh = json!({"refresh_token": login["refresh_token"]});
    let (status, renewed) = service.call(Method::POST, "/auth/refresh", None, Some(refresh)).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    let again = logins(&service, "/users/me/logins", &first).await;
    assert_eq!((again.len(), &again[0]["id"], &again[0]["created_at"]), (2, &own[0]["id"], &own[0]["created_at"]));
    assert!(again[0]["used_at"].as_str() > own[0]["used_at"].as_str(), "{again:?}");

    let counter = service.ask("revocations", json!({})).await.1["counter"].as_i64().expect("a number");
    let path = format!("/users/me/logins/{}", again[0]["id"].as_str().expect("an id"));
    let end = async |path: &str, token: &str| service.call(Method::DELETE, path, Some(token), None).await.0;
    let (_, other) = service.account("other@example.com", "operator").await;
    assert_eq!(end(&path, &other).await, StatusCode::NOT_FOUND, "it is somebody else's");
    assert_eq!(end(&path, &first).await, StatusCode::NO_CONTENT);
    assert_eq!(end(&path, &first).await, StatusCode::NOT_FOUND);
    assert_eq!(end("/users/me/logins/none", &first).await, StatusCode::BAD_REQUEST);
    for token in [&phone, renewed["access_token"].as_str().expect("a token")] {
        assert_eq!(service.get("/users/me", token).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(service.get("/users/me", &first).await.0, StatusCode::OK);
    let ended: Uuid = again[0]["id"].as_str().expect("an id").parse().expect("a UUID");
    assert_eq!(revoked(&service, counter).await.logins, [ended], "gateways are told");

    let (_, admin) = service.account("admin@example.com", "admin").await;
    let of_user = format!("/users/{id}/logins");
    assert_eq!(service.get(&of_user, &other).await.0, StatusCode::FORBIDDEN);
    assert_eq!(logins(&service, &of_user, &admin).await.len(), 1);
    log_in(&service, "operator@example.com").await;
    let newest = logins(&service, &of_user, &admin).await[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(end(&format!("{of_user}/{newest}"), &admin).await, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/users/me", &first).await.0, StatusCode::OK);
    assert_eq!(end(&of_user, &admin).await, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/users/me", &first).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(logins(&service, &of_user, &admin).await, Vec::<Value>::new());
}

#[tokio::test]
async fn another_password_needs_the_old_one_and_ends_the_other_logins() {
    let service = Service::start().await;
    let (_, own) = service.operator().await;
    let other = log_in(&service, "operator@example.com").await;
    let set =
        async |old: &str, new: &str| service.post("/users/me/password", &own, json!({"old": old, "new": new})).await;
    let (status, refused) = set("wrong", "another password").await;
    assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("old")));
    assert_eq!(set(PASSWORD, "short").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(service.get("/users/me", &other).await.0, StatusCode::OK, "nothing has happened");
    // Of two at once one is late: the old password is another by then.
    let changes = join_all(["another password", "a third password"].map(|new| set(PASSWORD, new))).await;
    let good = changes.iter().filter(|(status, _)| *status == StatusCode::NO_CONTENT).count();
    assert_eq!(good, 1, "{changes:?}");
    assert_eq!(service.get("/users/me", &other).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(service.get("/users/me", &own).await.0, StatusCode::OK);
    assert_eq!(service.log_in("operator@example.com", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn everybody_has_the_name_that_it_likes() {
    let service = Service::start().await;
    let (_, user) = service.account("user@example.com", "user").await;
    let rename = async |body: Value| service.call(Method::PATCH, "/users/me", Some(&user), Some(body)).await;
    let (status, me) = rename(json!({"name": " Uma\u{202e} "})).await;
    assert_eq!((status, me["name"].as_str().map(str::trim)), (StatusCode::OK, Some("Uma")));
    for bad in [json!({"name": ""}), json!({}), json!({"name": "Uma", "role": "admin"})] {
        assert_eq!(rename(bad).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
