//! Whatever an endpoint accepts, every endpoint that shows it can show, and shows it equal. Inputs are wild, and JSON.

use chat_events::gateway_api::{Clients, SyncPage};
use chat_events::text::one_line;
use chat_events::{MessageBody, Session, Visitor};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Service, message, messages};

const CASES: usize = 24;

/// What breaks readers: controls, quotes, separators, directions, joiners, blanks, the ends of Unicode.
const ODD: [char; 24] = [
    'a',
    'ß',
    '0',
    ' ',
    '\0',
    '\u{1}',
    '\n',
    '\t',
    '"',
    '\\',
    '\u{7f}',
    '\u{85}',
    '\u{200b}',
    '\u{200d}',
    '\u{200f}',
    '\u{2028}',
    '\u{202c}',
    '\u{202e}',
    '\u{2067}',
    '\u{2069}',
    '\u{fe0f}',
    '\u{ffff}',
    '\u{1f642}',
    '\u{10ffff}',
];

fn text() -> impl Strategy<Value = String> {
    let odd = vec(select(ODD.as_slice()), 0..12).prop_map(|characters| characters.into_iter().collect());
    prop_oneof![odd, any::<String>(), "[a-zA-Z éя]{1,20}", Just("я".repeat(200))]
}

/// JSON in its very characters: no number goes through a float before it is sent.
fn json_text() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        number,
        text().prop_map(|text| Value::from(text).to_string()),
        select(
            ["true", "false", "null", "-0", "-0.0", "1.7976931348623157e308", "5e-324", "18446744073709551616"]
                .as_slice()
        )
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| prop_oneof![vec(inner.clone(), 0..5).prop_map(array), object(inner)])
}

#[expect(clippy::needless_pass_by_value, reason = "for prop_map")]
fn array(items: Vec<String>) -> String {
    format!("[{}]", items.join(","))
}

fn object(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec((text(), values), 0..4).prop_map(|fields| {
        let fields = fields.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    })
}

#[derive(Debug, Clone)]
struct Opening {
    name: Option<String>,
    email: Option<String>,
    page_url: Option<String>,
    locale: Option<String>,
    metadata: Option<String>,
}

fn opening() -> impl Strategy<Value = Opening> {
    let email = prop_oneof![3 => Just("ada@example.com".to_owned()), 1 => text()];
    let page_url = prop_oneof![3 => Just("https://example.com/ü?q=\"'".to_owned()), 1 => text().prop_map(|rest| format!("https://{rest}"))];
    let fields = (
        weighted(0.5, text()),
        weighted(0.3, email),
        weighted(0.3, page_url),
        weighted(0.3, "[A-Za-z0-9_-]{0,36}"),
        weighted(0.8, object(json_text())),
    );
    fields.prop_map(|(name, email, page_url, locale, metadata)| Opening { name, email, page_url, locale, metadata })
}

impl Opening {
    fn body(&self) -> String {
        let texts =
            [("name", &self.name), ("email", &self.email), ("page_url", &self.page_url), ("locale", &self.locale)];
        let texts =
            texts.into_iter().filter_map(|(field, text)| Some((field, Value::from(text.as_deref()?).to_string())));
        let fields = texts.chain(self.metadata.clone().map(|json| ("metadata", json)));
        format!("{{{}}}", fields.map(|(field, json)| format!("\"{field}\":{json}")).collect::<Vec<_>>().join(","))
    }
}

/// A session as an answer shows it, `metadata` in its very characters.
#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(flatten)]
    session: Session,
    last_message: Option<Value>,
}

#[derive(Deserialize)]
struct WithMetadata {
    metadata: Box<RawValue>,
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).expect("a value").current()
}

/// A body in its very characters.
async fn post(service: &Service, path: &str, token: &str, body: String) -> (StatusCode, String) {
    let request = service.request(Method::POST, path).bearer_auth(token);
    answer(request.header(CONTENT_TYPE, "application/json").body(body.clone()), &body).await
}

async fn answer(request: RequestBuilder, what: &str) -> (StatusCode, String) {
    let answer = request.send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(!status.is_server_error(), "{what}: {status} {text}");
    (status, text)
}

#[tokio::test]
async fn whatever_is_accepted_can_be_shown_and_is_equal() {
    let service = Service::start().await;
    let (id, operator) = service.operator().await;
    let mut runner = TestRunner::default();
    let mut accepted = 0;
    for _ in 0..CASES {
        let (opening, said) = draw(&mut runner, &(opening(), text()));
        let (status, opened) = post(&service, "/chat/session", "", opening.body()).await;
        if status == StatusCode::CREATED {
            accepted += 1;
            let opened: Value = serde_json::from_str(&opened).expect("JSON");
            let visitor = (opened["session_id"].as_i64().expect("an id"), opened["token"].as_str().expect("a token"));
            check(&service, (id, &operator), visitor, &opening, &said).await;
        }
        let cursors = draw(&mut runner, &object(json_text()));
        post(&service, "/chats/changes", &operator, format!("{{\"cursors\":{cursors}}}")).await;
    }
    assert!(accepted > 0);
}

/// Asks for the session in every way that there is.
async fn check(
    service: &Service,
    (id, operator): (i64, &str),
    (session, token): (i64, &str),
    opening: &Opening,
    said: &str,
) {
    let metadata = opening.metadata.as_deref().unwrap_or("{}");
    let name = opening.name.clone().map(one_line);
    let sent = service.say(session, token, said).await;
    let kept = MessageBody::parse(said.to_owned()).ok();
    assert_eq!(sent.0 == StatusCode::CREATED, kept.is_some(), "{said:?}: {}", sent.1);
    let kept = kept.as_ref().map(MessageBody::as_str);
    let path = format!("/chat/session/{session}");
    let mut all_metadata = vec![];
    for (method, path, token, body) in [
        (Method::GET, path.clone(), token, Value::Null),
        (Method::GET, path.clone(), operator, Value::Null),
        (Method::POST, format!("{path}/assign"), operator, json!({"user_id": id})),
        (Method::POST, format!("{path}/status"), operator, json!({"status": "pending"})),
        (Method::POST, format!("{path}/unban"), operator, Value::Null),
    ] {
        let request = service.request(method, &path).bearer_auth(token);
        let (status, text) = answer(if body.is_null() { request } else { request.json(&body) }, &path).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let shown: Shown = serde_json::from_str(&text).expect("a session");
        let Visitor { name: shown_name, email, page_url, locale, .. } = shown.session.client;
        assert_eq!((&shown_name, &email), (&name, &opening.email));
        assert_eq!((&page_url, &locale), (&opening.page_url, &opening.locale));
        assert_eq!(shown.last_message.as_ref().map(|message| message["body"].as_str()), kept.map(Some));
        all_metadata.push(serde_json::from_str::<WithMetadata>(&text).expect("metadata").metadata.get().to_owned());
    }
    assert!(all_metadata.iter().all(|one| *one == all_metadata[0]), "{all_metadata:?}");
    let same = format!("SELECT $sent${metadata}$sent$::jsonb = $shown${}$shown$::jsonb", all_metadata[0]);
    assert_eq!(service.installation.texts(&same).await, ["true"], "{metadata}: {all_metadata:?}");
    let (status, list) = service.get("/chat/sessions?limit=1", operator).await;
    assert_eq!((status, &list["sessions"][0]["session_id"]), (StatusCode::OK, &json!(session)), "{list}");
    let (_, clients) = service.ask("clients", json!({"session_ids": [session]})).await;
    let clients: Clients = serde_json::from_value(clients).expect("what `connected` is made of");
    assert_eq!(clients.clients[0].name, name);
    for query in ["", "?after_seq=0"] {
        let (status, page) = service.get(&format!("{}{query}", messages(session)), token).await;
        assert_eq!((status, page["messages"][0]["body"].as_str()), (StatusCode::OK, kept), "{page}");
    }
    let (_, page) = service.ask("sync", json!({"chat_id": session, "after": 0, "limit": 10})).await;
    let page: SyncPage = serde_json::from_value(page).expect("a page");
    assert_eq!(page.messages.first().map(|message| message.body.as_str()), kept);
    if kept.is_some() {
        let mark = json!({"kind": "read", "last_id": sent.1["id"]});
        assert_eq!(service.post(&format!("{path}/marks"), operator, mark).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_text_that_shows_nothing_is_refused_and_one_that_turns_is_closed() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    for nothing in ["", " \n", "\u{200b}", "\u{3164}", "\u{2800}", "\u{feff}\u{2060}", "\u{202e}", "\u{115f}"] {
        let (status, answer) = service.say(visitor.session, &visitor.token, nothing).await;
        assert_eq!((status.as_u16(), &answer["error"]["details"]["field"]), (422, &json!("body")), "{answer}");
        let named = service.call(Method::POST, "/chat/session", None, Some(json!({"name": nothing}))).await;
        assert_eq!((named.0.as_u16(), &named.1["error"]["details"]["field"]), (422, &json!("name")), "{}", named.1);
    }
    let mut turned = message("evil\u{202e}txt.exe");
    let (status, sent) = service.post(&messages(visitor.session), &visitor.token, turned.clone()).await;
    assert_eq!((status, &sent["body"]), (StatusCode::CREATED, &json!("evil\u{202e}txt.exe\u{202c}")));
    let again = service.post(&messages(visitor.session), &visitor.token, turned.clone()).await;
    assert_eq!(again, (StatusCode::OK, sent), "it is known by its client_id");
    turned["client_id"] = json!(Uuid::new_v4());
    turned["body"] = "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f} \u{200f}می\u{200c}خواهم".into();
    let (_, kept) = service.post(&messages(visitor.session), &visitor.token, turned.clone()).await;
    assert_eq!(kept["body"], turned["body"]);
}

#[tokio::test]
async fn a_name_is_one_line_that_turns_nothing_wherever_it_is_given() {
    let service = Service::start().await;
    let named = json!({"name": "Eve\u{202e}\nlin"});
    let (_, opened) = service.call(Method::POST, "/chat/session", None, Some(named)).await;
    service.installation.accounts().add("o@example.com", "O\u{2067}l\tga", "operator").await;
    let (_, login) = service.log_in("o@example.com", "a good password").await;
    let token = login["access_token"].as_str().expect("a token");
    let (_, me) = service.get("/users/me", token).await;
    assert_eq!(me["name"], "Ol ga");
    let assign = format!("/chat/session/{}/assign", opened["session_id"]);
    let (_, shown) = service.post(&assign, token, json!({"user_id": me["id"]})).await;
    assert_eq!((&shown["client"]["name"], &shown["assignee"]["name"]), (&json!("Eve lin"), &json!("Ol ga")));
}
