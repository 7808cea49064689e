//! What cannot be read, or should not be, is refused with a reason and never with 500.

use reqwest::header::{ALLOW, CONTENT_TYPE};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Service, code, message, messages};

#[tokio::test]
async fn bodies_that_are_not_good_are_refused_with_a_reason() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let path = messages(visitor.session);
    let id = Uuid::new_v4();
    let long = "x".repeat(10_001);
    let deep = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    let text = |body: &str| json!({"body": body, "client_id": id}).to_string().into_bytes();
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (&path, b"{".to_vec(), 400, "bad_request"),
        (&path, b"".to_vec(), 400, "bad_request"),
        (&path, b"\xff\xfe".to_vec(), 400, "bad_request"),
        (
            &path,
            [b"{\"body\":\"\xc3(\",\"client_id\":\"".as_slice(), id.to_string().as_bytes(), b"\"}"].concat(),
            400,
            "bad_request",
        ),
        (&path, format!("{{\"body\":\"\\ud800\",\"client_id\":\"{id}\"}}").into_bytes(), 400, "bad_request"),
        (&path, b"[]".to_vec(), 422, "invalid"),
        (&path, format!("[\"positional\",\"{id}\"]").into_bytes(), 422, "invalid"),
        (&path, b"null".to_vec(), 422, "invalid"),
        (&path, b"{}".to_vec(), 422, "invalid"),
        (&path, text(""), 422, "invalid"),
        (&path, text(" \n\t"), 422, "invalid"),
        (&path, text(&long), 422, "invalid"),
        (&path, text("a\0b"), 422, "invalid"),
        (&path, json!({"body": 1, "client_id": id}).to_string().into_bytes(), 422, "invalid"),
        (&path, json!({"body": "a", "client_id": "no"}).to_string().into_bytes(), 422, "invalid"),
        (&path, json!({"body": "a", "client_id": id, "seq": 9}).to_string().into_bytes(), 422, "invalid"),
        (&path, json!({"body": "a", "client_id": id, "visibility": "all"}).to_string().into_bytes(), 422, "invalid"),
        (
            &path,
            json!({"body": "a", "client_id": id, "visibility": {"public": null}}).to_string().into_bytes(),
            422,
            "invalid",
        ),
        (&path, format!("{{\"body\":\"a\",\"body\":\"b\",\"client_id\":\"{id}\"}}").into_bytes(), 422, "invalid"),
        (&path, vec![b'x'; 200 * 1024], 413, "too_large"),
        ("/chat/session", deep.into_bytes(), 422, "invalid"),
        ("/chat/session", b"{\"metadata\":{\"a\":1e999}}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"metadata\":{\"a\":\"\\u0000\"}}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"metadata\":[]}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"name\":\"\\u0000\"}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"email\":\"nobody\"}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"page_url\":\"javascript:alert(1)\"}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"locale\":\"<b>\"}".to_vec(), 422, "invalid"),
        ("/chat/session", b"{\"nmae\":\"Ada\"}".to_vec(), 422, "invalid"),
        ("/auth/login", b"{\"email\":\"a\\u0000\",\"password\":\"b\"}".to_vec(), 422, "invalid"),
    ];
    let http = Client::new();
    for (path, body, status, expected) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let request = http.post(format!("{}{path}", service.url)).bearer_auth(&visitor.token);
        let answer = request.header(CONTENT_TYPE, "application/json").body(body).send().await.expect("an answer");
        let found = (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"));
        assert_eq!((found.0, code(&found.1)), (status, expected), "{path} {shown}: {}", found.1);
    }
    let page = service.get(&path, &visitor.token).await.1;
    assert_eq!(page["messages"], json!([]), "nothing of it was stored");
}

/// Taken for what it is not, it would be no JSON.
#[tokio::test]
async fn a_body_in_an_encoding_that_is_not_read_is_told_so() {
    let service = Service::start().await;
    let post = async |encodings: &[&str]| {
        let request =
            Client::new().post(format!("{}/chat/session", service.url)).header(CONTENT_TYPE, "application/json");
        let request = encodings.iter().fold(request, |request, encoding| request.header("content-encoding", *encoding));
        request.body("{}").send().await.expect("an answer")
    };
    for encodings in [&["br"][..], &["zstd"], &["compress"], &["gzip, br"], &["gzip", "gzip"]] {
        let answer = post(encodings).await;
        assert_eq!(answer.headers()["accept-encoding"], "gzip");
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encodings:?}");
        assert_eq!(code(&answer.json().await.expect("JSON")), "unsupported_media_type");
    }
    assert_eq!(post(&["Identity"]).await.status(), StatusCode::CREATED);
    assert_eq!(post(&["gzip"]).await.status(), StatusCode::BAD_REQUEST, "it is read, and none");
}

#[tokio::test]
async fn an_error_names_the_field_and_never_repeats_a_value() {
    let service = Service::start().await;
    let (_, empty) = service.call(Method::POST, "/auth/login", None, Some(json!({"email": "a@b"}))).await;
    assert_eq!(empty["error"]["details"]["field"], "password");
    let secret_in_the_wrong_place = json!({"email": "a@b", "password": "p", "extra": "hunter2"});
    let (_, extra) = service.call(Method::POST, "/auth/login", None, Some(secret_in_the_wrong_place)).await;
    assert_eq!(extra["error"]["details"]["field"], "extra");
    let (_, wrong) = service.call(Method::POST, "/auth/login", None, Some(json!("hunter2"))).await;
    assert!(!extra.to_string().contains("hunter2") && !wrong.to_string().contains("hunter2"), "{extra} {wrong}");
}

#[tokio::test]
async fn ids_queries_and_paths_that_are_not_good_are_refused() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (_, operator) = service.operator().await;
    let path = messages(visitor.session);
    for (path, status, expected) in [
        ("/nothing/here".into(), 404, "not_found"),
        ("/chat/session/999999".into(), 404, "not_found"),
        ("/chat/session/0".into(), 404, "not_found"),
        ("/chat/session/-1".into(), 404, "not_found"),
        ("/chat/session/abc".into(), 400, "bad_request"),
        ("/chat/session/%00".into(), 400, "bad_request"),
        ("/chat/session/99999999999999999999".into(), 400, "bad_request"),
        (format!("{path}?limit=abc"), 400, "bad_request"),
        (format!("{path}?limit=-1"), 422, "invalid"),
        (format!("{path}?limit=0"), 422, "invalid"),
        (format!("{path}?limit=201"), 422, "invalid"),
        (format!("{path}?limit=1&limit=2"), 400, "bad_request"),
        (format!("{path}?unknown=1"), 400, "bad_request"),
        (format!("{path}?after_seq=-1"), 422, "invalid"),
        (format!("{path}?after_seq=99999999999999999999"), 400, "bad_request"),
        (format!("{path}?before_id=0"), 422, "invalid"),
        (format!("{path}?before_id=999999"), 404, "not_found"),
        (format!("{path}?before_id=%ff"), 400, "bad_request"),
        ("/chat/sessions?status=ajar".into(), 422, "invalid"),
        ("/chat/sessions?assignee=her".into(), 422, "invalid"),
        ("/chat/sessions?cursor=x".into(), 422, "invalid"),
        ("/chat/sessions?sort=oldest".into(), 400, "bad_request"),
        (format!("/chats/{}/messages", visitor.session), 404, "not_found"),
    ] {
        let (found, answer) = service.get(&path, &operator).await;
        assert_eq!((found.as_u16(), code(&answer)), (status, expected), "{path}: {answer}");
    }
}

#[tokio::test]
async fn methods_and_content_types_are_told_apart() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (http, url) = (Client::new(), format!("{}{}", service.url, messages(visitor.session)));
    let send =
        async |method: Method| http.request(method, &url).bearer_auth(&visitor.token).send().await.expect("an answer");
    let deleted = send(Method::DELETE).await;
    assert_eq!(deleted.headers().get(ALLOW).expect("Allow"), "GET, HEAD, POST, OPTIONS");
    assert_eq!(deleted.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(code(&deleted.json().await.expect("JSON")), "method_not_allowed");
    assert_eq!(send(Method::OPTIONS).await.status(), StatusCode::NO_CONTENT);
    let head = send(Method::HEAD).await;
    assert_eq!((head.status(), head.text().await.expect("a body").len()), (StatusCode::OK, 0));
    let form = http.post(&url).bearer_auth(&visitor.token).body("body=hi").header(CONTENT_TYPE, "text/plain");
    let form = form.send().await.expect("an answer");
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(code(&form.json().await.expect("JSON")), "unsupported_media_type");
    let none = http.post(&url).json(&message("hi")).send().await.expect("an answer");
    assert_eq!(none.headers().get("www-authenticate").expect("a challenge"), "Bearer");
    assert_eq!((none.status(), code(&none.json().await.expect("JSON"))), (StatusCode::UNAUTHORIZED, "unauthorized"));
}
