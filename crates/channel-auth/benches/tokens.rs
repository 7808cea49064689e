//! What proving a token costs a connect.
//!
//! `cargo bench --package channel-auth`

use channel_auth::{AccessClaims, JwtIssuer, JwtVerifier, Purpose, Role, SessionKeys, Ticket};
use chat_events::ChatId;
use chrono::Utc;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// HMAC: the client of a session.
#[divan::bench]
fn a_session_token_is_checked(bencher: Bencher<'_, '_>) {
    let (keys, _) = SessionKeys::generate();
    let token = keys.issue(Purpose::Channel, ChatId(7), Utc::now()).token;
    bencher.bench(|| keys.verify(Purpose::Channel, black_box(&token), Utc::now()).expect("a good token"));
}

/// HMAC: a user or an operator that comes back.
#[divan::bench]
fn a_resume_ticket_is_checked(bencher: Bencher<'_, '_>) {
    let (keys, verifier, token) = a_user();
    let (claims, key) = verifier.verify_with_key(&token).expect("a good token");
    let ticket = keys.issue_ticket(&Ticket::of(&claims, key));
    bencher.bench(|| {
        let ticket = keys.verify_ticket(black_box(&ticket), Utc::now()).expect("a good ticket");
        assert!(verifier.accepts(ticket.key));
    });
}

/// With each `connected`.
#[divan::bench]
fn a_resume_ticket_is_issued(bencher: Bencher<'_, '_>) {
    let (keys, verifier, token) = a_user();
    let (claims, key) = verifier.verify_with_key(&token).expect("a good token");
    bencher.bench(|| keys.issue_ticket(black_box(&Ticket::of(&claims, key))));
}

/// Ed25519: a user or an operator.
#[divan::bench]
fn an_access_token_is_checked(bencher: Bencher<'_, '_>) {
    let (_, verifier, token) = a_user();
    bencher.bench(|| verifier.verify(black_box(&token)).expect("a good token"));
}

fn a_user() -> (SessionKeys, JwtVerifier, String) {
    let (issuer, _) = JwtIssuer::generate();
    let verifier = JwtVerifier::new(issuer.audience.clone());
    verifier.set_keys(&issuer.issuer, &issuer.jwks()).expect("keys");
    let now = Utc::now().timestamp();
    let token = issuer.sign(&AccessClaims {
        iss: issuer.issuer.clone(),
        aud: issuer.audience.clone(),
        sub: "7".to_owned(),
        exp: now + 3600,
        iat: now,
        jti: "6f2c1e9a-0d43-4c57-9b1f-0e8f6a5f3c21".to_owned(),
        name: "Ann".to_owned(),
        role: Role::User,
        sid: Some("0e8f6a5f-3c21-4c57-9b1f-6f2c1e9a0d43".to_owned()),
    });
    (SessionKeys::generate().0, verifier, token)
}
