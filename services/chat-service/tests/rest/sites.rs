//! Web sites: their settings, the pages that may show their widgets, and who administers them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Answer, Service, code};

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://evil.example";

/// A request by the script of a page.
async fn from_page(
    service: &Service,
    origin: &str,
    (method, path): (Method, &str),
    token: Option<&str>,
    body: Option<Value>,
) -> Answer {
    let mut request = service.request(method, path).header("origin", origin);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

async fn admin(service: &Service) -> String {
    service.account("admin@example.com", "admin").await.1
}

async fn change(service: &Service, admin: &str, site: i64, body: Value) -> Answer {
    service.call(Method::PATCH, &format!("/sites/{site}"), Some(admin), Some(body)).await
}

#[tokio::test]
async fn an_admin_makes_a_site_and_its_widget_shows_the_settings() {
    let service = Service::start().await;
    let admin = admin(&service).await;
    let (status, made) = service.post("/sites", &admin, json!({"key": "shop", "name": "Shop"})).await;
    assert_eq!((status, &made["key"], &made["origins"]), (StatusCode::CREATED, &json!("shop"), &json!([])), "{made}");
    let site = made["id"].as_i64().expect("an id");
    let settings = json!({
        "name": "The shop", "origins": ["https://Shop.example/", SHOP], "color": "#1F6FEB", "position": "left",
        "languages": ["en", "ar"], "texts": {"en": {"greeting": "Hello"}}, "prechat": {"email": "required"},
        "shows_operators": true, "is_archived": false
    });
    let (status, changed) = change(&service, &admin, site, settings).await;
    assert_eq!((status, &changed["origins"]), (StatusCode::OK, &json!([SHOP])), "{changed}");
    let (status, shown) = service.call(Method::GET, "/chat/sites/shop", None, None).await;
    let expected = json!({
        "key": "shop", "name": "The shop", "color": "#1f6feb", "position": "left", "languages": ["en", "ar"],
        "texts": {"en": {"greeting": "Hello"}}, "prechat": {"name": "off", "email": "required"},
        "identity": "optional", "is_online": false, "operators": []
    });
    assert_eq!((status, shown), (StatusCode::OK, expected));
    // What is left out stays; null takes the colour away.
    let (_, changed) = change(&service, &admin, site, json!({"color": null})).await;
    assert_eq!((&changed["color"], &changed["name"]), (&Value::Null, &json!("The shop")));
    let (_, same) = change(&service, &admin, site, json!({})).await;
    assert_eq!(same, changed);
    let (_, list) = service.get("/sites", &admin).await;
    assert_eq!(list["sites"].as_array().map(Vec::len), Some(2));
    assert_eq!(code(&service.post("/sites", &admin, json!({"key": "shop", "name": "Again"})).await.1), "conflict");
    change(&service, &admin, site, json!({"is_archived": true})).await;
    assert_eq!(service.call(Method::GET, "/chat/sites/shop", None, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_setting_that_is_not_good_is_refused_by_its_name() {
    let service = Service::start().await;
    let admin = admin(&service).await;
    let many: Vec<String> = (0..101).map(|number| format!("https://shop{number}.example")).collect();
    for (body, field) in [
        (json!({"origins": ["shop.example"]}), "origins"),
        (json!({"origins": ["https://shop.example/path"]}), "origins"),
        (json!({"origins": many}), "origins"),
        (
            json!({"origins": many[..13].iter().map(|origin| format!("{origin}{}", ".example".repeat(30))).collect::<Vec<_>>()}),
            "origins",
        ),
        (json!({"color": "blue"}), "color"),
        (json!({"position": "top"}), "position"),
        (json!({"languages": ["e n"]}), "languages[0]"),
        (json!({"languages": ["en", "xx"]}), "languages"),
        (json!({"texts": {"xx": {"greeting": "Hello"}}}), "texts"),
        (json!({"texts": {"e n": {}}}), "texts"),
        (json!({"texts": {"en": {"greeting": ""}}}), "texts.en.greeting"),
        (json!({"texts": {"en": {"greting": "x"}}}), "texts.en.greting"),
        (json!({"prechat": {"email": "maybe"}}), "prechat.email"),
        (json!({"name": " "}), "name"),
        (json!({"secret": "x"}), "secret"),
    ] {
        let (status, refused) = change(&service, &admin, 1, body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {refused}");
        assert_eq!(refused["error"]["details"]["field"], field, "{body}: {refused}");
    }
}

#[tokio::test]
async fn sites_are_administered_by_their_admins_alone() {
    let service = Service::start().await;
    let admin = admin(&service).await;
    let (_, made) = service.post("/sites", &admin, json!({"key": "shop", "name": "Shop"})).await;
    let site = made["id"].as_i64().expect("an id");
    let (_, operator) = service.operator().await;
    let visitor = service.visitor().await;
    let narrowed = service.installation.accounts().add_operator_of("Otto", &["shop"]).await;
    service.installation.accounts().set_role(&narrowed.email, "admin").await;
    let (_, login) = service.log_in(&narrowed.email, test_people::PASSWORD).await;
    let narrowed = login["access_token"].as_str().expect("a token").to_owned();
    let paths = |site: i64| {
        [
            (Method::GET, format!("/sites/{site}"), None),
            (Method::PATCH, format!("/sites/{site}"), Some(json!({}))),
            (Method::GET, format!("/sites/{site}/identity-keys"), None),
            (Method::POST, format!("/sites/{site}/identity-keys"), None),
            (Method::DELETE, format!("/sites/{site}/identity-keys/x"), None),
            (Method::GET, format!("/sites/{site}/refused-origins"), None),
        ]
    };
    for (method, path, body) in paths(site) {
        for token in [&operator, &visitor.token] {
            let (status, refused) = service.call(method.clone(), &path, Some(token), body.clone()).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {refused}");
        }
        let (status, _) = service.call(method.clone(), &path, Some(&narrowed), body).await;
        assert!(status.is_success() || method == Method::DELETE, "{method} {path}: {status}");
    }
    // Of another site it is told what it would be told if there were none.
    for ((method, path, body), (_, nowhere, _)) in paths(1).into_iter().zip(paths(999)) {
        let other = service.call(method.clone(), &path, Some(&narrowed), body.clone()).await;
        assert_eq!(other.0, StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(other, service.call(method, &nowhere, Some(&narrowed), body).await);
    }
    let (_, list) = service.get("/sites", &narrowed).await;
    assert_eq!(list["sites"].as_array().map(Vec::len), Some(1));
    let add = service.post("/sites", &narrowed, json!({"key": "blog", "name": "Blog"})).await;
    assert_eq!(add.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_uses_the_sites_that_allow_it_and_its_admin_sees_who_was_refused() {
    let service = Service::start().await;
    let admin = admin(&service).await;
    service.post("/sites", &admin, json!({"key": "blog", "name": "Blog"})).await;
    change(&service, &admin, 1, json!({"origins": [SHOP]})).await;
    let site = |key: &str| format!("/chat/sites/{key}");
    let shown = from_page(&service, SHOP, (Method::GET, &site("default")), None, None).await;
    assert_eq!(shown.0, StatusCode::OK, "{}", shown.1);
    for (origin, key) in [(EVIL, "default"), (SHOP, "blog"), ("null", "default")] {
        let (status, refused) = from_page(&service, origin, (Method::GET, &site(key)), None, None).await;
        assert_eq!((status, code(&refused)), (StatusCode::FORBIDDEN, "forbidden"), "{origin} {key}");
        assert_eq!(refused["error"]["details"]["origin"], origin);
        let open = json!({"site": key});
        let opened = from_page(&service, origin, (Method::POST, "/chat/session"), None, Some(open)).await;
        assert_eq!(opened.0, StatusCode::FORBIDDEN, "{origin} {key}");
    }
    let (status, opened) =
        from_page(&service, SHOP, (Method::POST, "/chat/session"), None, Some(json!({"site": "default"}))).await;
    assert_eq!(status, StatusCode::CREATED, "{opened}");
    let path = format!("/chat/session/{}/channel-token", opened["session_id"]);
    let secret = opened["visitor_secret"].as_str();
    assert_eq!(from_page(&service, SHOP, (Method::GET, &path), secret, None).await.0, StatusCode::OK);
    assert_eq!(from_page(&service, EVIL, (Method::GET, &path), secret, None).await.0, StatusCode::FORBIDDEN);

    let (_, refused) = service.get("/sites/1/refused-origins", &admin).await;
    let mut origins: Vec<_> = refused["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["origin"].as_str().unwrap_or_default(), one["times"].as_i64()))
        .collect();
    origins.sort_unstable();
    assert_eq!(origins, [(EVIL, Some(3)), ("null", Some(2))]);
    change(&service, &admin, 1, json!({"origins": [SHOP, "https://*.example"]})).await;
    let (_, refused) = service.get("/sites/1/refused-origins", &admin).await;
    assert_eq!(refused["refused"].as_array().map(Vec::len), Some(1), "the other is allowed now: {refused}");
    // Of a flood of names only so many are kept.
    for number in 0..150 {
        let origin = format!("https://{number}.evil.test");
        from_page(&service, &origin, (Method::GET, &site("default")), None, None).await;
    }
    let (_, refused) = service.get("/sites/1/refused-origins", &admin).await;
    assert_eq!(refused["refused"].as_array().map(Vec::len), Some(100));
    // They do not hide one that comes after them.
    from_page(&service, "https://late.test", (Method::GET, &site("default")), None, None).await;
    let (_, refused) = service.get("/sites/1/refused-origins", &admin).await;
    assert_eq!(
        (refused["refused"].as_array().map(Vec::len), &refused["refused"][0]["origin"]),
        (Some(100), &json!("https://late.test"))
    );
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_read_what() {
    let service = Service::start().await;
    let admin = admin(&service).await;
    change(&service, &admin, 1, json!({"origins": [SHOP]})).await;
    let preflight = async |origin: &str, path: &str| {
        let request = service.request(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let answer = request.header("access-control-request-headers", "content-type").send().await.expect("an answer");
        answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().expect("text").to_owned())
    };
    assert_eq!(preflight(SHOP, "/chat/session").await.as_deref(), Some(SHOP));
    assert_eq!(preflight(EVIL, "/chat/session").await, None);
    assert_eq!(preflight(SHOP, "/auth/login").await, None, "the pages of a site are for its visitors");
    // Why a page is refused has to be readable by it.
    let refused =
        service.request(Method::GET, "/chat/sites/default").header("origin", EVIL).send().await.expect("an answer");
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn the_command_line_administers_sites() {
    let service = Service::start().await;
    let run = |arguments: &[&str]| service.installation.command(arguments, "");
    run(&["site", "add", "--key", "shop", "--name", "Shop"]);
    run(&["site", "set", "--key", "shop", "--color", "#1F6FEB", "--prechat-email", "optional", "--languages", "en,de"]);
    run(&["site", "set", "--key", "shop", "--prechat-name", "required", "--identity-required", "true"]);
    assert!(
        run(&["site", "allow", "--key", "shop", "--origin", "https://Shop.example,http://localhost:3000"])
            .contains(SHOP)
    );
    assert!(!run(&["site", "disallow", "--key", "shop", "--origin", "http://localhost:3000"]).contains("localhost"));
    let shown: Value = serde_json::from_str(&run(&["site", "show", "--key", "shop"])).expect("JSON");
    assert_eq!(
        (&shown["color"], &shown["prechat"], &shown["origins"], &shown["identity_required"], &shown["languages"]),
        (
            &json!("#1f6feb"),
            &json!({"name": "required", "email": "optional"}),
            &json!([SHOP]),
            &json!(true),
            &json!(["en", "de"])
        )
    );
    let made = run(&["site", "add-identity-key", "--key", "shop"]);
    let kid = made.lines().next().and_then(|line| line.strip_prefix("kid: ")).expect("a name").to_owned();
    assert!(made.contains("secret: "));
    assert_eq!(run(&["site", "identity-keys", "--key", "shop"]).trim(), kid);
    run(&["site", "remove-identity-key", "--key", "shop", "--kid", &kid]);
    assert_eq!(run(&["site", "identity-keys", "--key", "shop"]).trim(), "");
    assert_eq!(run(&["site", "refused", "--key", "shop"]).trim(), "");
}
