//! What is accepted can be shown, and is shown as it was sent.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::service::{Service, code};

/// A body as it is, in its very characters.
async fn open_with(service: &Service, body: String) -> (StatusCode, Value) {
    let request = Client::new().post(format!("{}/chat/session", service.url)).header(CONTENT_TYPE, "application/json");
    let answer = request.body(body).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// `metadata` in the very characters of an answer.
async fn metadata_of(service: &Service, method: Method, path: &str, token: &str, body: Value) -> String {
    #[derive(serde::Deserialize)]
    struct Shown {
        metadata: Option<Box<RawValue>>,
        sessions: Option<Vec<Shown>>,
    }
    let request = Client::new().request(method, format!("{}{path}", service.url)).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let shown: Shown = serde_json::from_str(&answer.text().await.expect("a body")).expect("a session or a list");
    let shown = shown.sessions.map_or(shown.metadata, |sessions| sessions.into_iter().next().and_then(|s| s.metadata));
    shown.expect("metadata").get().to_owned()
}

/// Whether PostgreSQL, which counts with all digits, finds them equal.
async fn are_equal(service: &Service, one: &str, other: &str) -> bool {
    let same = format!("SELECT $j${one}$j$::jsonb = $j${other}$j$::jsonb");
    service.installation.texts(&same).await == ["true"]
}

#[tokio::test]
async fn a_value_that_would_not_come_back_is_refused_by_name_and_nothing_is_stored() {
    let service = Service::start().await;
    let (_, operator) = service.operator().await;
    let too_many = format!("{{\"a\":[{}]}}", vec!["1e300"; 1000].join(","));
    for metadata in [
        r#"{"a":1.7976931348623157e308}"#,
        r#"{"a":[{"b":1e309}]}"#,
        r#"{"a":-1e400}"#,
        r#"{"a":1e-400}"#,
        r#"{"a":1e99999999999999999999}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"\udc00\ud800":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"b":{"$serde_json::private::RawValue":"]"}}"#,
        r#"{"$serde_json::private::Number":"1e999"}"#,
        r#"{"a":[[[[1]]]]}"#,
        "[]",
        "7",
        &too_many,
    ] {
        let (status, answer) = open_with(&service, format!("{{\"metadata\":{metadata}}}")).await;
        assert_eq!((status.as_u16(), code(&answer)), (422, "invalid"), "{metadata:.60}: {answer}");
        assert_eq!(answer["error"]["details"]["field"], "metadata", "{answer}");
    }
    let (_, list) = service.get("/chat/sessions", &operator).await;
    assert_eq!(list["sessions"], json!([]));
}

#[tokio::test]
async fn metadata_comes_back_equal_from_every_answer_that_has_it() {
    let service = Service::start().await;
    let (id, operator) = service.operator().await;
    for sent in [
        "{}",
        r#"{"zero":-0,"float":-0.0,"n":[0.1,1.50,1e5,1E16,-1e22,1e300,5e-324,2.2250738585072014e-308]}"#,
        r#"{"big":[9223372036854775808,18446744073709551615,18446744073709551617,123456789012345678901234567890]}"#,
        r#"{"digits":0.1234567890123456789012345678901234567890}"#,
        r#"{"":null,"é\n\"\\\/\u2028\ud83d\ude00":{"\u0001":[true,false,null,"\t"]}}"#,
        r#"{"a":{"b":{"c":[]}}}"#,
    ] {
        let (status, opened) = open_with(&service, format!("{{\"metadata\": {sent} }}")).await;
        assert_eq!(status, StatusCode::CREATED, "{sent}: {opened}");
        let session = opened["session_id"].as_i64().expect("an id");
        let own = opened["token"].as_str().expect("a token");
        let path = format!("/chat/session/{session}");
        for (method, path, token, body) in [
            (Method::GET, path.clone(), operator.as_str(), Value::Null),
            (Method::GET, path.clone(), own, Value::Null),
            (Method::GET, "/chat/sessions?limit=1".into(), &operator, Value::Null),
            (Method::POST, format!("{path}/assign"), &operator, json!({"user_id": id})),
            (Method::POST, format!("{path}/status"), &operator, json!({"status": "pending"})),
            (Method::POST, format!("{path}/ban"), &operator, Value::Null),
            (Method::POST, format!("{path}/unban"), &operator, Value::Null),
        ] {
            let shown = metadata_of(&service, method, &path, token, body).await;
            assert!(are_equal(&service, sent, &shown).await, "{path} shows {shown} for {sent}");
        }
    }
}

#[tokio::test]
async fn metadata_is_as_long_as_postgresql_prints_it() {
    let service = Service::start().await;
    // An array of n such numbers: 2 brackets of each kind, the name, and n numbers with a comma and a space between.
    let body = |count: usize, rest: usize| {
        format!("{{\"metadata\":{{\"a\":[{}],\"b\":\"{}\"}}}}", vec!["1e300"; count].join(","), "x".repeat(rest))
    };
    let rest = 8192 - (20 * 303 - 2) - r#"{"a": [], "b": ""}"#.len();
    let (status, answer) = open_with(&service, body(20, rest)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let lengths = service.installation.texts("SELECT octet_length(metadata::text) FROM clients").await;
    assert_eq!(lengths, ["8192"]);
    let (status, answer) = open_with(&service, body(20, rest + 1)).await;
    assert_eq!((status.as_u16(), code(&answer)), (422, "invalid"), "{answer}");
}
