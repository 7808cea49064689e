//! Visitors whose identity their site has signed, their devices, and what they see of each other.

use chrono::Utc;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{Answer, Service, bodies, code, messages};

/// A site that signs.
struct Site<'a> {
    service: &'a Service,
    admin: String,
    kid: String,
    secret: String,
}

impl<'a> Site<'a> {
    async fn of(service: &'a Service) -> Self {
        let (_, admin) = service.account("admin@example.com", "admin").await;
        let (kid, secret) = new_key(service, &admin).await;
        Self { service, admin, kid, secret }
    }

    fn sign(&self, identifier: &str, name: &str) -> String {
        self.sign_until(identifier, name, 300)
    }

    fn sign_until(&self, identifier: &str, name: &str, seconds: i64) -> String {
        let email = format!("{identifier}@example.com");
        let claims =
            json!({"identifier": identifier, "name": name, "email": email, "exp": Utc::now().timestamp() + seconds});
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &EncodingKey::from_secret(self.secret.as_bytes())).expect("a token")
    }

    async fn set_required(&self, required: bool) {
        let body = json!({"identity_required": required});
        let (status, answer) = self.service.call(Method::PATCH, "/sites/1", Some(&self.admin), Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

async fn new_key(service: &Service, admin: &str) -> (String, String) {
    let (status, key) = service.call(Method::POST, "/sites/1/identity-keys", Some(admin), None).await;
    assert_eq!(status, StatusCode::CREATED, "{key}");
    (key["kid"].as_str().expect("a name").to_owned(), key["secret"].as_str().expect("a secret").to_owned())
}

async fn open(service: &Service, body: Value) -> Answer {
    service.call(Method::POST, "/chat/session", None, Some(body)).await
}

struct Opened {
    session: i64,
    token: String,
    secret: String,
}

async fn opened(service: &Service, body: Value) -> Opened {
    let (status, answer) = open(service, body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let text = |field: &str| answer[field].as_str().expect("text").to_owned();
    Opened {
        session: answer["session_id"].as_i64().expect("an id"),
        token: text("token"),
        secret: text("visitor_secret"),
    }
}

impl Opened {
    fn device(&self) -> Value {
        json!({"session_id": self.session, "visitor_secret": self.secret})
    }

    async fn sessions(&self, service: &Service) -> Vec<i64> {
        let (status, page) = service.get(&format!("/chat/session/{}/sessions", self.session), &self.secret).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["sessions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["session_id"].as_i64().expect("an id"))
            .collect()
    }
}

#[tokio::test]
async fn a_visitor_that_is_proved_on_two_devices_sees_both_conversations() {
    let service = Service::start().await;
    let site = Site::of(&service).await;
    let phone = opened(&service, json!({"identity": site.sign("u-17", "Ada")})).await;
    let laptop = opened(&service, json!({"name": "somebody", "email": "u-17@example.com"})).await;
    service.say(phone.session, &phone.token, "from the phone").await;
    assert_eq!(laptop.sessions(&service).await, [laptop.session], "an address that nobody has proved joins nothing");
    let identify = format!("/chat/session/{}/identify", laptop.session);
    let proof = json!({"identity": site.sign("u-17", "Ada L.")});
    let (status, answer) = service.post(&identify, &laptop.token, proof).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    assert_eq!(laptop.sessions(&service).await, [laptop.session, phone.session]);
    assert_eq!(phone.sessions(&service).await, [laptop.session, phone.session]);

    // The token that comes with it opens that session.
    let (_, page) = service
        .get(&format!("/chat/session/{}/sessions?limit=1&cursor={}", laptop.session, laptop.session), &laptop.secret)
        .await;
    let there = &page["sessions"][0];
    assert_eq!(
        (&there["session_id"], &there["last_message"]["body"]),
        (&json!(phone.session), &json!("from the phone"))
    );
    let (_, read) = service.get(&messages(phone.session), there["token"].as_str().expect("a token")).await;
    assert_eq!(bodies(&read), ["from the phone"]);

    let (_, operator) = service.operator().await;
    let (_, seen) = service.get(&format!("/chat/session/{}", laptop.session), &operator).await;
    assert_eq!(
        (&seen["client"]["name"], &seen["client"]["email"], &seen["contact"]["identifier"], &seen["contact"]["name"]),
        (&json!("Ada L."), &json!("u-17@example.com"), &json!("u-17"), &json!("Ada L."))
    );
    let (_, own) = service.get(&format!("/chat/session/{}", laptop.session), &laptop.token).await;
    assert_eq!(own["contact"], Value::Null, "the card is for operators");
    // Another person sees nothing of it, whatever its address is.
    let eve = opened(&service, json!({"identity": site.sign("u-18", "Eve"), "email": "u-17@example.com"})).await;
    assert_eq!(eve.sessions(&service).await, [eve.session]);
}

#[tokio::test]
async fn a_person_sees_its_sessions_on_a_device_that_has_none() {
    let service = Service::start().await;
    let site = Site::of(&service).await;
    let list = async |key: &str, body: Value| {
        service.call(Method::POST, &format!("/chat/sites/{key}/sessions"), None, Some(body)).await
    };
    let ada = json!({"identity": site.sign("u-17", "Ada")});
    let (status, empty) = list("default", ada.clone()).await;
    assert_eq!((status, empty), (StatusCode::OK, json!({"sessions": [], "next_cursor": null})));
    assert_eq!(service.installation.texts("SELECT 1::text FROM contacts").await.len(), 0, "to ask makes nothing");

    let phone = opened(&service, ada.clone()).await;
    service.say(phone.session, &phone.token, "from the phone").await;
    let second = opened(&service, ada.clone()).await;
    let _eve = opened(&service, json!({"identity": site.sign("u-18", "Eve"), "email": "u-17@example.com"})).await;
    let (_, first) = list("default", json!({"identity": ada["identity"], "limit": 1})).await;
    assert_eq!(first["sessions"][0]["session_id"], json!(second.session));
    let next = json!({"identity": ada["identity"], "limit": 1, "cursor": first["next_cursor"]});
    let (_, rest) = list("default", next).await;
    let there = &rest["sessions"][0];
    assert_eq!(
        (&there["session_id"], &there["last_message"]["body"], &rest["next_cursor"]),
        (&json!(phone.session), &json!("from the phone"), &Value::Null)
    );
    assert!(!rest.to_string().contains("visitor_secret"));
    let token = there["token"].as_str().expect("a token");
    assert_eq!(service.say(phone.session, token, "from the laptop").await.0, StatusCode::CREATED);

    let answers = [
        list("default", json!({"identity": site.sign_until("u-17", "Ada", -120)})).await,
        list("default", json!({"identity": "a.b.c"})).await,
        list("nowhere", ada.clone()).await,
        list("default", json!({})).await,
    ];
    let codes = answers.iter().map(|(_, answer)| code(answer)).collect::<Vec<_>>();
    assert_eq!(codes, ["token_expired", "unauthorized", "not_found", "invalid"]);
    // The keys of one site open nothing of another.
    let blog = service.post("/sites", &site.admin, json!({"key": "blog", "name": "Blog"})).await;
    assert_eq!(blog.0, StatusCode::CREATED);
    assert_eq!(code(&list("blog", ada.clone()).await.1), "unauthorized");

    let (_, operator) = service.operator().await;
    let ban = format!("/chat/session/{}/ban", phone.session);
    assert_eq!(service.call(Method::POST, &ban, Some(&operator), None).await.0, StatusCode::OK);
    let (_, left) = list("default", ada).await;
    assert_eq!(
        (left["sessions"].as_array().map(Vec::len), &left["sessions"][0]["session_id"]),
        (Some(1), &json!(second.session))
    );
}

#[tokio::test]
async fn a_device_keeps_its_sessions_and_its_person() {
    let service = Service::start().await;
    let site = Site::of(&service).await;
    let first = opened(&service, json!({"name": "Ada"})).await;
    let second = opened(&service, json!({"device": first.device(), "email": "ada@example.com"})).await;
    assert_eq!(second.secret, first.secret, "a device has one secret");
    assert_eq!(first.sessions(&service).await, [second.session, first.session]);
    let (_, operator) = service.operator().await;
    let (_, seen) = service.get(&format!("/chat/session/{}", first.session), &operator).await;
    assert_eq!((&seen["client"]["name"], &seen["client"]["email"]), (&json!("Ada"), &json!("ada@example.com")));
    // It becomes a person's, and then nobody else's.
    let third = opened(&service, json!({"device": first.device(), "identity": site.sign("u-17", "Ada L.")})).await;
    let (status, refused) =
        open(&service, json!({"device": third.device(), "identity": site.sign("u-18", "Eve")})).await;
    assert_eq!((status, &refused["error"]["details"]["field"]), (StatusCode::CONFLICT, &json!("identity")));
    let identify = format!("/chat/session/{}/identify", first.session);
    let (status, _) = service.post(&identify, &first.token, json!({"identity": site.sign("u-18", "Eve")})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let rename = format!("/chat/session/{}/client", first.session);
    let (status, _) = service.call(Method::PATCH, &rename, Some(&first.token), Some(json!({"name": "Eve"}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "its site tells its name");
    // A secret that is not the device's opens nothing.
    let stolen = json!({"device": {"session_id": first.session, "visitor_secret": "x".repeat(43)}});
    assert_eq!(code(&open(&service, stolen).await.1), "unauthorized");
    let nowhere = json!({"device": {"session_id": 999_999, "visitor_secret": first.secret}});
    assert_eq!(code(&open(&service, nowhere).await.1), "unauthorized");
    let blog = service.post("/sites", &site.admin, json!({"key": "blog", "name": "Blog"})).await;
    assert_eq!(blog.0, StatusCode::CREATED);
    let (_, refused) = open(&service, json!({"site": "blog", "device": first.device()})).await;
    assert_eq!((code(&refused), &refused["error"]["details"]["field"]), ("conflict", &json!("device")));
}

#[tokio::test]
async fn a_visitor_says_its_name_and_operators_hear_of_it_in_each_of_its_sessions() {
    let service = Service::start().await;
    let first = opened(&service, json!({})).await;
    let second = opened(&service, json!({"device": first.device()})).await;
    let path = format!("/chat/session/{}/client", second.session);
    let (status, answer) = service
        .call(Method::PATCH, &path, Some(&second.token), Some(json!({"name": "Ada", "email": "ada@example.com"})))
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    let told = service
        .installation
        .texts(
            "SELECT concat_ws(' ', chat_id, seq, kind, data::json -> 'client' ->> 'name', activity::json ->> 'kind')
             FROM outbox WHERE seq > 1 ORDER BY chat_id, seq",
        )
        .await;
    let of = |session: i64| format!("{session} 2 chat.session.status Ada session.client_changed");
    assert_eq!(told, [of(first.session), of(second.session)]);
    let metadata = json!({"metadata": {"plan": "pro"}});
    let (status, _) = service.call(Method::PATCH, &path, Some(&second.token), Some(metadata)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, seen) = service.get(&format!("/chat/session/{}", first.session), &second.token).await;
    assert_ne!(seen["metadata"], json!({"plan": "pro"}), "a token opens its own session alone");
    let (_, seen) = service.get(&format!("/chat/session/{}", second.session), &second.token).await;
    assert_eq!((&seen["metadata"], &seen["client"]["name"]), (&json!({"plan": "pro"}), &json!("Ada")));
    // Nothing new is nothing told.
    service.call(Method::PATCH, &path, Some(&second.token), Some(json!({"name": "Ada"}))).await;
    assert_eq!(service.installation.texts("SELECT 1::text FROM outbox WHERE seq > 2").await.len(), 0);
    let (_, operator) = service.operator().await;
    assert_eq!(
        service.call(Method::PATCH, &path, Some(&operator), Some(json!({"name": "Eve"}))).await.0,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_site_that_wants_to_know_its_visitors_refuses_all_others_everywhere() {
    let service = Service::start().await;
    let site = Site::of(&service).await;
    let unsigned = opened(&service, json!({})).await;
    let signed = opened(&service, json!({"identity": site.sign("u-17", "Ada")})).await;
    site.set_required(true).await;
    let (status, refused) = open(&service, json!({})).await;
    assert_eq!((status, &refused["error"]["details"]["identity"]), (StatusCode::FORBIDDEN, &json!("required")));
    let session = format!("/chat/session/{}", unsigned.session);
    let principal = json!({"type": "client", "session_id": unsigned.session});
    let answers = [
        service.get(&session, &unsigned.token).await.0,
        service.get(&messages(unsigned.session), &unsigned.token).await.0,
        service.say(unsigned.session, &unsigned.token, "x").await.0,
        service.get(&format!("{session}/channel-token"), &unsigned.secret).await.0,
        service.get(&format!("{session}/sessions"), &unsigned.secret).await.0,
        service.post("/chats/changes", &unsigned.token, json!({"cursors": {}})).await.0,
        open(&service, json!({"device": unsigned.device()})).await.0,
        service
            .post(&format!("{session}/signals"), &unsigned.token, json!({"type": "typing", "is_typing": true}))
            .await
            .0,
        service
            .ask("sync", json!({"principal": principal, "chat_id": unsigned.session, "after": 0, "limit": 9}))
            .await
            .0,
    ];
    assert_eq!(answers, [StatusCode::FORBIDDEN; 9]);
    let (_, told) = service.ask("clients", json!({"session_ids": [unsigned.session]})).await;
    assert_eq!(told["clients"][0]["is_banned"], true, "gateways do not let it in: {told}");
    assert_eq!(service.say(signed.session, &signed.token, "x").await.0, StatusCode::CREATED);
    // It may still say who it is, and goes on where it was.
    let proof = json!({"identity": site.sign("u-18", "Bo")});
    assert_eq!(service.post(&format!("{session}/identify"), &unsigned.token, proof).await.0, StatusCode::NO_CONTENT);
    assert_eq!(service.say(unsigned.session, &unsigned.token, "x").await.0, StatusCode::CREATED);
    assert_eq!(service.get(&format!("{session}/channel-token"), &unsigned.secret).await.0, StatusCode::OK);
}

#[tokio::test]
async fn identities_are_good_by_the_keys_of_the_site_and_until_their_time() {
    let service = Service::start().await;
    let mut site = Site::of(&service).await;
    let old = site.sign("u-17", "Ada");
    let old_kid = site.kid.clone();
    (site.kid, site.secret) = new_key(&service, &site.admin).await;
    for identity in [&old, &site.sign("u-17", "Ada")] {
        assert_eq!(open(&service, json!({"identity": identity})).await.0, StatusCode::CREATED, "both keys are good");
    }
    let key = format!("/sites/1/identity-keys/{old_kid}");
    assert_eq!(service.call(Method::DELETE, &key, Some(&site.admin), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(service.call(Method::DELETE, &key, Some(&site.admin), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(code(&open(&service, json!({"identity": old})).await.1), "unauthorized");
    let expired = site.sign_until("u-17", "Ada", -120);
    assert_eq!(code(&open(&service, json!({"identity": expired})).await.1), "token_expired");
    let mut forged = site.sign("u-17", "Ada");
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    for bad in [forged.as_str(), "a.b.c", "eyJhbGciOiJub25lIn0.e30.e30"] {
        assert_eq!(code(&open(&service, json!({"identity": bad})).await.1), "unauthorized", "{bad}");
    }
    site.kid = "a\0b".to_owned();
    assert_eq!(code(&open(&service, json!({"identity": site.sign("u-17", "Ada")})).await.1), "unauthorized");
    let strange = service.call(Method::DELETE, "/sites/1/identity-keys/a%00b", Some(&site.admin), None).await;
    assert_eq!(strange.0, StatusCode::NOT_FOUND);
    for bad in ["", "a.b", "a.b.c.d", "a b.c.d", &"a".repeat(5000)] {
        assert_eq!(code(&open(&service, json!({"identity": bad})).await.1), "invalid", "{bad}");
    }
    // Of many at once as many are made as there is room for.
    let wanted = (0..8).map(|_| service.call(Method::POST, "/sites/1/identity-keys", Some(&site.admin), None));
    let answers = join_all(wanted).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count(), 4, "{answers:?}");
    assert!(answers.iter().all(|(status, answer)| *status == StatusCode::CREATED || code(answer) == "conflict"));
    let (_, keys) = service.get("/sites/1/identity-keys", &site.admin).await;
    assert!(
        keys["keys"].as_array().is_some_and(|keys| keys.len() == 5) && !keys.to_string().contains("secret"),
        "{keys}"
    );
}

#[tokio::test]
async fn two_devices_that_prove_one_identity_in_the_same_moment_are_of_one_contact() {
    let service = Service::start().await;
    let site = Site::of(&service).await;
    let identity = site.sign("u-17", "Ada");
    let opens = (0..8).map(|_| open(&service, json!({"identity": identity})));
    let answers = join_all(opens).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::CREATED), "{answers:?}");
    assert_eq!(service.installation.texts("SELECT count(*)::text FROM contacts").await, ["1"]);
    assert_eq!(service.installation.texts("SELECT count(DISTINCT contact_id)::text FROM clients").await, ["1"]);
}
