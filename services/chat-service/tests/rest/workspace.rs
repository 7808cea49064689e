//! What is not of a chat: names of accounts and sites, and their one version.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::service::Service;

fn names(of: &Value) -> Vec<&str> {
    of.as_array().expect("a list").iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_change_is_read_after_the_version_that_is_known() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let accounts = service.installation.accounts();
    let (status, whole) = service.get("/workspace", &token).await;
    assert_eq!(status, StatusCode::OK, "{whole}");
    assert_eq!((&whole["is_whole"], &whole["has_more"]), (&json!(true), &json!(false)));
    assert_eq!((names(&whole["users"]).len(), names(&whole["sites"])), (1, vec!["Default"]));
    let since = async |version: &Value| service.get(&format!("/workspace?since={version}"), &token).await.1;

    let nothing = since(&whole["version"]).await;
    assert_eq!((&nothing["users"], &nothing["sites"], &nothing["is_whole"]), (&json!([]), &json!([]), &json!(false)));
    assert_eq!(nothing["version"], whole["version"]);
    let ben = accounts.add_named("Ben", "user").await;
    accounts.add_site("shop").await;
    accounts.rename(&ben.email, "Benno").await;
    let changed = since(&whole["version"]).await;
    assert_eq!(changed["users"], json!([{"id": ben.id, "name": "Benno", "is_active": true}]));
    assert_eq!(names(&changed["sites"]), ["shop"]);
    accounts.disable(&ben.email).await;
    accounts.set_role(&ben.email, "operator").await;
    let closed = since(&changed["version"]).await;
    assert_eq!(closed["users"], json!([{"id": ben.id, "name": "Benno", "is_active": false}]), "a role is no name");
    // A version of another database.
    let foreign = since(&json!(1_000_000)).await;
    assert_eq!((&foreign["is_whole"], names(&foreign["users"]).len()), (&json!(true), 2));
}

#[tokio::test]
async fn pages_lose_nothing_and_repeat_nothing() {
    let service = Service::start().await;
    let (_, token) = service.operator().await;
    let accounts = service.installation.accounts();
    for number in 0..5 {
        accounts.add_named(&format!("User{number}"), "user").await;
        accounts.add_site(&format!("site{number}")).await;
    }
    let (mut seen, mut since, mut pages) = (Vec::new(), json!(0), 0);
    loop {
        let (_, page) = service.get(&format!("/workspace?limit=3&since={since}"), &token).await;
        let (users, sites) = (names(&page["users"]), names(&page["sites"]));
        assert!(users.len() + sites.len() <= 3);
        seen.extend(users.into_iter().chain(sites).map(str::to_owned));
        (since, pages) = (page["version"].clone(), pages + 1);
        if page["has_more"] == false {
            break;
        }
    }
    seen.sort();
    let count = seen.len();
    seen.dedup();
    assert_eq!((seen.len(), count, pages), (12, 12, 4), "{seen:?}");
}

#[tokio::test]
async fn each_is_told_of_what_is_for_it() {
    let service = Service::start().await;
    let accounts = service.installation.accounts();
    for site in ["shop", "blog"] {
        accounts.add_site(site).await;
    }
    let narrowed = accounts.add_operator_of("Otto", &["shop"]).await;
    let (_, login) = service.log_in(&narrowed.email, test_people::PASSWORD).await;
    let (_, seen) = service.get("/workspace", login["access_token"].as_str().expect("a token")).await;
    assert_eq!(names(&seen["sites"]), ["shop"]);
    let (_, user) = service.account("uma@example.com", "user").await;
    let (_, seen) = service.get("/workspace", &user).await;
    assert_eq!((names(&seen["users"]).len(), &seen["sites"]), (2, &json!([])));
    let visitor = service.visitor().await;
    assert_eq!(service.get("/workspace", &visitor.token).await.0, StatusCode::FORBIDDEN);
    for query in ["since=-1", "since=x", "limit=0", "limit=201", "until=3"] {
        let (status, refused) = service.get(&format!("/workspace?{query}"), &user).await;
        assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY), "{query}: {refused}");
    }
}
