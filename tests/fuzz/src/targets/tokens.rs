//! Tokens, and the keys that prove them.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channel_auth::{AccessClaims, JwtIssuer, JwtVerifier, Purpose, Role, SessionKeys, Ticket};
use chat_events::ChatId;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{Verdict, ensure};

// --- session tokens ------------------------------------------------------------------------------------------

static SESSION: LazyLock<(SessionKeys, String)> = LazyLock::new(|| {
    let keys = SessionKeys::generate().0;
    let token = keys.issue(Purpose::Channel, ChatId(42), now()).token;
    (keys, token)
});

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

/// One text alone is good; the keys themselves are read or refused.
pub(super) fn session(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let (keys, token) = &*SESSION;
    let _read_or_refused = SessionKeys::parse(&text);
    ensure(keys.verify(Purpose::Stream, &text, now()).is_err(), || "a token is good for another purpose".into())?;
    let is_good = keys.verify(Purpose::Channel, &text, now()).is_ok();
    ensure(is_good == (text == token.as_str()), || "a token that was not issued is good, or one that was is not".into())
}

pub(super) fn good_sessions() -> Vec<Vec<u8>> {
    vec![SESSION.1.clone().into_bytes(), SessionKeys::generate().1.into_bytes()]
}

// --- resume tickets ------------------------------------------------------------------------------------------

static TICKET: LazyLock<(SessionKeys, String)> = LazyLock::new(|| {
    let keys = SessionKeys::generate().0;
    let (claims, key) = ACCESS.verifier.verify_with_key(&ACCESS.token).expect("a token that was just signed");
    let ticket = keys.issue_ticket(&Ticket { expires_at: now().timestamp() + 1, ..Ticket::of(&claims, key) });
    (keys, ticket)
});

/// One text alone is good, and for nothing else.
pub(super) fn ticket(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let (keys, ticket) = &*TICKET;
    ensure(keys.verify(Purpose::Channel, &text, now()).is_err(), || "a ticket is good for a session".into())?;
    ensure(ACCESS.verifier.verify(&text).is_err(), || "a ticket is an access token".into())?;
    let is_good = keys.verify_ticket(&text, now()).is_ok();
    ensure(is_good == (text == ticket.as_str()), || {
        "a ticket that was not issued is good, or one that was is not".into()
    })
}

pub(super) fn good_tickets() -> Vec<Vec<u8>> {
    vec![TICKET.1.clone().into_bytes()]
}

// --- access tokens -------------------------------------------------------------------------------------------

struct Issued {
    jwks: Value,
    verifier: JwtVerifier,
    key: EncodingKey,
    token: String,
}

static ACCESS: LazyLock<Issued> = LazyLock::new(|| issue().expect("a key that was just made"));

fn issue() -> anyhow::Result<Issued> {
    let (issuer, pem) = JwtIssuer::generate();
    let verifier = JwtVerifier::new(&issuer.audience);
    verifier.set_keys(&issuer.issuer, &issuer.jwks())?;
    let now = Utc::now().timestamp();
    let claims = AccessClaims {
        iss: issuer.issuer.clone(),
        aud: issuer.audience.clone(),
        sub: "7".to_owned(),
        exp: now + 365 * 24 * 60 * 60,
        iat: now,
        jti: "one".to_owned(),
        name: "Ólga".to_owned(),
        role: Role::Operator,
        sid: Some("3".to_owned()),
    };
    let key = EncodingKey::from_ed_pem(pem.as_bytes())?;
    Ok(Issued { jwks: issuer.jwks(), verifier, key, token: issuer.sign(&claims) })
}

/// Lines, if there are three, are a header, claims and a signature before they are encoded; without a signature the
/// issuer itself signs what they say. Anything else is a token as it comes.
///
/// Of what the issuer did not sign, one text alone is good. Of what it did sign, only what is meant for here and now.
pub(super) fn access(bytes: &[u8]) -> Verdict {
    let issued = &*ACCESS;
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    match parts[..] {
        [header, claims, b""] => {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let signature = crypto::sign(signed.as_bytes(), &issued.key, Algorithm::EdDSA);
            let token = format!("{signed}.{}", signature.map_err(|why| why.to_string())?);
            let is_meant = issued.verifier.verify(&token).is_err() || is_for_here(header, claims);
            ensure(is_meant, || "it is good, though not for here and now".into())
        }
        [header, claims, signature] => {
            let parts = [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
            is_the_issued(issued, &parts.join("."))
        }
        _ => is_the_issued(issued, &String::from_utf8_lossy(bytes)),
    }
}

fn is_the_issued(issued: &Issued, token: &str) -> Verdict {
    let is_good = issued.verifier.verify(token).is_ok();
    ensure(is_good == (token == issued.token), || "what was not issued is good, or what was is not".into())
}

/// Another reading of a token that was signed by the issuer.
fn is_for_here(header: &[u8], claims: &[u8]) -> bool {
    // What is in a field that nobody reads may be no text.
    let read = |json: &[u8]| serde_json::from_str::<Value>(&String::from_utf8_lossy(json)).unwrap_or_default();
    let (header, claims, now) = (read(header), read(claims), Utc::now().timestamp() as f64);
    let audience = &claims["aud"];
    let is_for_us =
        audience == "switchboard" || audience.as_array().is_some_and(|all| all.contains(&"switchboard".into()));
    header["alg"] == "EdDSA"
        && header.get("crit").is_none_or(Value::is_null)
        && claims["iss"] == "switchboard"
        && is_for_us
        && claims["exp"].as_f64().is_some_and(|exp| exp >= now - 6.0)
        && claims["nbf"].as_f64().is_none_or(|nbf| nbf <= now + 6.0)
        && claims["sub"].as_str().is_some_and(|sub| sub.parse::<i64>().is_ok())
}

pub(super) fn good_accesses() -> Vec<Vec<u8>> {
    let token = ACCESS.token.as_bytes().to_vec();
    let parts: Vec<Vec<u8>> = token.split(|byte| *byte == b'.').map(decoded).collect();
    let lines = |parts: &[&[u8]]| parts.join(&b'\n');
    let mut good = vec![token];
    if let [header, claims, signature] = &parts[..] {
        good.extend([lines(&[header, claims, signature]), lines(&[header, claims, b""])]);
        for other in OTHER_HEADERS {
            good.extend([lines(&[other, claims, signature]), lines(&[other, claims, b""])]);
        }
        good.extend(OTHER_CLAIMS.iter().map(|other| lines(&[header, other, b""])));
    }
    good
}

const OTHER_HEADERS: [&[u8]; 4] = [
    br#"{"alg":"none"}"#,
    br#"{"typ":"JWT","alg":"HS256"}"#,
    br#"{"alg":"EdDSA","crit":["exp"],"jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
    br#"{"alg":"EdDSA"}"#,
];

const OTHER_CLAIMS: [&[u8]; 5] = [
    br#"{"iss":"switchboard","aud":["elsewhere","switchboard"],"sub":"-7","exp":4000000000,"nbf":1}"#,
    br#"{"iss":"switchboard","aud":"switchboard","sub":"9223372036854775808","exp":4000000000.5,"role":"admin"}"#,
    br#"{"iss":"switchboard","aud":"switchboard","sub":"7","exp":1800000000,"exp":4000000000,"nbf":4000000000}"#,
    b"{\"iss\":\"switchboard\",\"aud\":\"switchboard\",\"sub\":\"7\",\"exp\":4000000000,\"other\":\"\xff\"}",
    br#"{"iss":"elsewhere","aud":[],"sub":7,"exp":"4000000000","sid":""}"#,
];

fn decoded(part: &[u8]) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap_or_default()
}

// --- keys ----------------------------------------------------------------------------------------------------

/// Keys as an issuer may publish them: taken or refused, and a token is good only by the key that it was signed with.
pub(super) fn jwks(bytes: &[u8]) -> Verdict {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    let verifier = JwtVerifier::new("switchboard");
    let was_taken = verifier.set_keys("switchboard", &json).is_ok();
    ensure(was_taken == verifier.has_keys(), || "taken, and there are no keys, or the other way".into())?;
    let own = &ACCESS.jwks["keys"][0]["x"];
    let holds_own = json["keys"].as_array().is_some_and(|keys| keys.iter().any(|key| &key["x"] == own));
    let is_good = verifier.verify(&ACCESS.token).is_ok();
    ensure(!is_good || holds_own, || "a token is good by a key that did not sign it".into())
}

pub(super) fn good_jwks() -> Vec<Vec<u8>> {
    let kid = &ACCESS.jwks["keys"][0]["kid"];
    let rsa = json!({"kty": "RSA", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri", "e": "AQAB", "kid": kid});
    let elliptic = json!({
        "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let secret = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ", "kid": kid});
    let own = &ACCESS.jwks["keys"][0];
    let sets = [ACCESS.jwks.clone(), json!({"keys": [rsa, elliptic, secret, own]}), json!({"keys": [secret]})];
    sets.iter().map(|set| set.to_string().into_bytes()).collect()
}
