//! The page without scripts.

use reqwest::header::{LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::service::{Service, bodies, messages};

fn browser() -> Client {
    Client::builder().redirect(Policy::none()).build().expect("a client")
}

fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

async fn send(service: &Service, cookie: Option<&str>, form: &[(&str, &str)]) -> Response {
    let mut request = browser().post(format!("{}/talk/default/send", service.url));
    request = request.header("content-type", "application/x-www-form-urlencoded").body(encoded(form));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.send().await.expect("an answer")
}

async fn page(service: &Service, path: &str, cookie: Option<&str>, language: &str) -> (StatusCode, String) {
    let mut request = browser().get(format!("{}{path}", service.url)).header("accept-language", language);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.text().await.expect("HTML"))
}

fn cookie_of(answer: &Response) -> String {
    let cookie = answer.headers()[SET_COOKIE].to_str().expect("text");
    for rule in ["HttpOnly", "SameSite=Strict", "Path=/talk/default"] {
        assert!(cookie.contains(rule), "{cookie}");
    }
    cookie.split(';').next().expect("a value").to_owned()
}

#[tokio::test]
async fn a_visitor_without_scripts_writes_and_reads_the_answer() {
    let service = Service::start().await;
    let (status, form) = page(&service, "/talk/default/", None, "de").await;
    assert!(status == StatusCode::OK && form.contains("Ihre Nachricht") && form.contains("lang=\"de\""), "{form}");
    let id = Uuid::new_v4().to_string();
    let fields = [("client_id", id.as_str()), ("body", "<b>Do</b> you\r\nship?"), ("email", "ada@example.com")];
    let sent = send(&service, None, &fields).await;
    assert_eq!((sent.status(), &sent.headers()[LOCATION]), (StatusCode::SEE_OTHER, &"./".parse().expect("a header")));
    let cookie = cookie_of(&sent);
    // A form that is sent twice is stored once.
    assert_eq!(send(&service, Some(&cookie), &fields).await.status(), StatusCode::SEE_OTHER);
    let (_, operator) = service.operator().await;
    let (_, sessions) = service.get("/chat/sessions", &operator).await;
    let session = &sessions["sessions"][0];
    assert_eq!(
        (sessions["sessions"].as_array().map(Vec::len), &session["client"]["email"]),
        (Some(1), &json!("ada@example.com"))
    );
    let session = session["session_id"].as_i64().expect("an id");
    assert_eq!(bodies(&service.get(&messages(session), &operator).await.1), ["<b>Do</b> you\nship?"]);
    // The same form again, whose answer was lost: the same session, and the message once.
    let again = cookie_of(&send(&service, None, &fields).await);
    assert_eq!(again, cookie);
    assert_eq!(bodies(&service.get(&messages(session), &operator).await.1).len(), 1);
    service.say(session, &operator, "We do <script>alert(1)</script>").await;
    service.note(session, &operator, "between us").await;
    let (_, shown) = page(&service, "/talk/default/messages", Some(&cookie), "en").await;
    assert!(shown.contains("&lt;b&gt;Do&lt;/b&gt; you\nship?") && shown.contains("We do &lt;script&gt;"), "{shown}");
    assert!(!shown.contains("between us") && !shown.contains("<script"), "{shown}");
    assert!(shown.contains("http-equiv=\"refresh\"") && shown.contains("href=\"messages?still\""), "{shown}");
    let (_, form) = page(&service, "/talk/default/", Some(&cookie), "en").await;
    assert!(form.contains("<iframe") && !form.contains("name=\"email\""), "{form}");

    // The newest last, as everywhere; addresses lead there; and it can be read without being moved.
    service.say(session, &operator, "See https://shop.example/a?b=1&c=\"2\".").await;
    let (_, shown) = page(&service, "/talk/default/messages?still", Some(&cookie), "en").await;
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in {shown}"));
    assert!(place("you\nship?") < place("We do ") && place("We do ") < place("See "), "{shown}");
    assert!(shown.contains("<a href=\"https://shop.example/a?b=1&amp;c=\" target=\"_blank\""), "{shown}");
    assert!(!shown.contains("http-equiv"), "{shown}");
}

#[tokio::test]
async fn the_page_is_in_the_colour_of_its_site_and_says_what_may_be_left_out() {
    let service = Service::start().await;
    let (_, admin) = service.account("admin@example.com", "admin").await;
    let color = json!({"color": "#ffcc00", "prechat": {"name": "optional", "email": "required"}});
    let (status, _) = service.call(Method::PATCH, "/sites/1", Some(&admin), Some(color)).await;
    assert_eq!(status, StatusCode::OK);
    let (_, style) = page(&service, "/talk/default/style.css", None, "en").await;
    assert!(style.contains("--own: #ffcc00; --own-text: #000;"), "{style}");
    let (_, form) = page(&service, "/talk/default/", None, "en").await;
    assert!(form.contains("Name (optional)") && !form.contains("E-mail (optional)"), "{form}");
    for (path, at) in [("/talk/nowhere/", "\"style.css\""), ("/talk/No%20Where", "\"default/style.css\"")] {
        let (status, shown) = page(&service, path, None, "en").await;
        assert!(status == StatusCode::NOT_FOUND && shown.contains(&format!("href={at}")), "{shown}");
    }
    let (status, plain) = page(&service, "/talk/nowhere/style.css", None, "en").await;
    assert!(status == StatusCode::OK && plain.contains(":root"), "{plain}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_and_not_lost() {
    let service = Service::start().await;
    let id = Uuid::new_v4().to_string();
    let long = "x".repeat(10_001);
    for (fields, words) in [
        (vec![("client_id", id.as_str()), ("body", " ")], "body"),
        (vec![("client_id", id.as_str()), ("body", long.as_str())], "10000"),
        (vec![("client_id", id.as_str()), ("body", "hello <i>"), ("email", "nobody")], "is not an address"),
    ] {
        let refused = send(&service, None, &fields).await;
        let (status, text) = (refused.status(), refused.text().await.expect("HTML"));
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains(words), "{status} {words}: {text}");
        assert!(!fields[1].1.starts_with("hello") || text.contains("hello &lt;i&gt;</textarea>"), "{text}");
    }
    assert_eq!(send(&service, None, &[("body", "x")]).await.status(), StatusCode::BAD_REQUEST);
    // A form on another page, a site that is none, a cookie of nobody.
    let foreign = browser().post(format!("{}/talk/default/send", service.url)).header(ORIGIN, "https://evil.example");
    let foreign = foreign.header("content-type", "application/x-www-form-urlencoded");
    let foreign = foreign.body(encoded(&[("client_id", id.as_str()), ("body", "x")])).send().await.expect("an answer");
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(page(&service, "/talk/nowhere/", None, "en").await.0, StatusCode::NOT_FOUND);
    assert_eq!(page(&service, "/talk/No%20Where/", None, "en").await.0, StatusCode::NOT_FOUND);
    for cookie in ["talk=1.x", "talk=x", "talk=999999999.aaaa", "talk="] {
        let (status, shown) = page(&service, "/talk/default/messages", Some(cookie), "en").await;
        assert!(status == StatusCode::OK && shown.contains("Nothing has been written yet"), "{cookie}: {shown}");
    }
    let redirected = browser().get(format!("{}/talk/default", service.url)).send().await.expect("an answer");
    assert_eq!(redirected.headers()[LOCATION], "default/");
    let policy = browser().get(format!("{}/talk/default/", service.url)).send().await.expect("an answer");
    let policy = policy.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn a_site_that_wants_identities_sends_the_visitor_to_its_pages() {
    let service = Service::start().await;
    let id = Uuid::new_v4().to_string();
    let cookie = cookie_of(&send(&service, None, &[("client_id", id.as_str()), ("body", "x")]).await);
    service.installation.command(&["site", "set", "--key", "default", "--identity-required", "true"], "");
    for cookie in [None, Some(cookie.as_str())] {
        let (_, shown) = page(&service, "/talk/default/", cookie, "en").await;
        assert!(shown.contains("signed in") && !shown.contains("<form"), "{shown}");
        let refused = send(&service, cookie, &[("client_id", id.as_str()), ("body", "x")]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
