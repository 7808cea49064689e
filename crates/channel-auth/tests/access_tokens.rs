//! Access tokens through the crate's public interface: what is accepted, and above all what is not.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use channel_auth::{AccessClaims, JwtIssuer, JwtVerifier, KeyError, Role, TokenError};
use chat_events::{ErrorCode, UserId};
use chrono::Utc;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

fn claims() -> AccessClaims {
    let now = Utc::now().timestamp();
    AccessClaims {
        iss: "switchboard".into(),
        aud: "switchboard".into(),
        sub: "7".into(),
        exp: now + 900,
        iat: now,
        jti: "a".into(),
        name: "Olga".into(),
        role: Role::Operator,
        sid: Some("login".into()),
    }
}

fn issuer_and_verifier() -> (JwtIssuer, JwtVerifier) {
    let (issuer, _) = JwtIssuer::generate();
    let verifier = JwtVerifier::new("switchboard");
    verifier.set_keys("switchboard", &issuer.jwks()).expect("good keys");
    (issuer, verifier)
}

fn kid(issuer: &JwtIssuer) -> String {
    issuer.jwks()["keys"][0]["kid"].as_str().expect("a key id").to_owned()
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[test]
fn a_signed_token_says_who_its_bearer_is() {
    let (issuer, verifier) = issuer_and_verifier();
    let read = verifier.verify(&issuer.sign(&claims())).expect("a good token");
    assert_eq!(read, AccessClaims { exp: read.exp, iat: read.iat, ..claims() });
    assert_eq!(read.user_id(), UserId(7));
    assert!(read.role.is_staff());
}

#[test]
fn a_key_reads_back_from_its_pem() {
    let (issuer, pem) = JwtIssuer::generate();
    let again = JwtIssuer::from_pem(&pem, "switchboard", "switchboard").expect("the same key");
    assert_eq!(issuer.jwks(), again.jwks());
    assert_eq!(JwtIssuer::from_pem("not a key", "a", "b").err(), Some(KeyError::BadJwtKey));
    let body = pem.lines().nth(1).expect("the key");
    assert!(!format!("{issuer:?}").contains(body) && !issuer.jwks().to_string().contains(body));
}

#[test]
fn the_published_key_is_public_and_for_signatures() {
    let (issuer, _) = JwtIssuer::generate();
    let key = &issuer.jwks()["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into()));
    assert_eq!(key["use"], "sig");
    assert!(key.get("d").is_none(), "the private part");
}

#[test]
fn a_changed_token_is_refused() {
    let (issuer, verifier) = issuer_and_verifier();
    let token = issuer.sign(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let admin = serde_json::to_value(AccessClaims { role: Role::Admin, ..claims() }).expect("JSON");
    let changed = format!("{}.{}.{}", parts[0], part(&admin), parts[2]);
    assert_eq!(verifier.verify(&changed), Err(TokenError::BadSignature));
    for bad in ["", "a", "a.b", "a.b.c", "a.b.c.d", &token[1..], &format!("{token}."), &"x".repeat(10_000)] {
        assert_eq!(verifier.verify(bad), Err(TokenError::Malformed), "{bad}");
    }
}

#[test]
fn alg_none_is_refused() {
    let (issuer, verifier) = issuer_and_verifier();
    let token = issuer.sign(&claims());
    let claims = token.split('.').nth(1).expect("the claims");
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = part(&json!({"alg": alg, "typ": "JWT", "kid": kid(&issuer)}));
        for signature in ["", "AAAA", token.split('.').nth(2).expect("the signature")] {
            let unsigned = format!("{header}.{claims}.{signature}");
            assert_eq!(verifier.verify(&unsigned), Err(TokenError::BadSignature), "{alg}");
        }
    }
}

#[test]
fn hs256_with_the_public_key_as_its_secret_is_refused() {
    let (issuer, verifier) = issuer_and_verifier();
    let x = issuer.jwks()["keys"][0]["x"].as_str().expect("the public key").to_owned();
    let raw = URL_SAFE_NO_PAD.decode(&x).expect("base64url");
    for secret in [x.as_bytes(), &raw, issuer.jwks().to_string().as_bytes()] {
        let header = Header { kid: Some(kid(&issuer)), ..Header::new(Algorithm::HS256) };
        let forged = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("a token");
        assert_eq!(verifier.verify(&forged), Err(TokenError::BadSignature));
    }
}

#[test]
fn a_secret_in_a_jwks_is_no_key() {
    let verifier = JwtVerifier::new("switchboard");
    let secret = json!({"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"}]});
    assert_eq!(verifier.set_keys("switchboard", &secret), Err(KeyError::BadJwks));
    assert_eq!(verifier.set_keys("switchboard", &json!({})), Err(KeyError::BadJwks));
    assert!(!verifier.has_keys());
}

#[test]
fn another_key_of_the_same_id_is_refused() {
    let (issuer, verifier) = issuer_and_verifier();
    let (_, pem) = JwtIssuer::generate();
    let key = EncodingKey::from_ed_pem(pem.as_bytes()).expect("a key");
    let header = Header { kid: Some(kid(&issuer)), ..Header::new(Algorithm::EdDSA) };
    let forged = jsonwebtoken::encode(&header, &claims(), &key).expect("a token");
    assert_eq!(verifier.verify(&forged), Err(TokenError::BadSignature));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (_, verifier) = issuer_and_verifier();
    let (stranger, _) = JwtIssuer::generate();
    let signed = stranger.sign(&claims());
    assert_eq!(verifier.verify(&signed), Err(TokenError::UnknownKey));
    let jwk = &stranger.jwks()["keys"][0];
    let header = part(&json!({"alg": "EdDSA", "kid": kid(&stranger), "jwk": jwk, "jku": "https://example.com/"}));
    let with_jwk = format!("{header}.{}", signed.split_once('.').expect("parts").1);
    assert_eq!(verifier.verify(&with_jwk), Err(TokenError::UnknownKey));
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    let (issuer, verifier) = issuer_and_verifier();
    let rest = issuer.sign(&claims());
    let header = part(&json!({"alg": "EdDSA", "kid": kid(&issuer), "crit": ["b64"], "b64": false}));
    let critical = format!("{header}.{}", rest.split_once('.').expect("parts").1);
    assert_eq!(verifier.verify(&critical), Err(TokenError::Malformed));
}

#[test]
fn time_issuer_audience_and_subject_are_checked() {
    let (issuer, verifier) = issuer_and_verifier();
    let now = Utc::now().timestamp();
    let refused = |claims: AccessClaims| verifier.verify(&issuer.sign(&claims)).expect_err("a refusal");
    let expired = refused(AccessClaims { exp: now - 60, ..claims() });
    assert_eq!((expired, expired.error_code()), (TokenError::Expired, ErrorCode::TokenExpired));
    let other = refused(AccessClaims { iss: "elsewhere".into(), ..claims() });
    assert_eq!((other, other.error_code()), (TokenError::WrongIssuer, ErrorCode::Unauthorized));
    assert_eq!(refused(AccessClaims { aud: "elsewhere".into(), ..claims() }), TokenError::WrongAudience);
    assert_eq!(refused(AccessClaims { sub: "olga".into(), ..claims() }), TokenError::Malformed);
}

#[test]
fn a_token_that_lacks_what_it_must_say_is_refused() {
    let (issuer, pem) = JwtIssuer::generate();
    let verifier = JwtVerifier::new("switchboard");
    verifier.set_keys("switchboard", &issuer.jwks()).expect("good keys");
    let key = EncodingKey::from_ed_pem(pem.as_bytes()).expect("a key");
    let header = Header { kid: Some(kid(&issuer)), ..Header::new(Algorithm::EdDSA) };
    let verify = |claims: &Value| verifier.verify(&jsonwebtoken::encode(&header, claims, &key).expect("a token"));
    let whole = serde_json::to_value(claims()).expect("JSON");
    for claim in ["iss", "aud", "sub", "exp"] {
        let mut lacking = whole.clone();
        lacking.as_object_mut().expect("an object").remove(claim);
        assert_eq!(verify(&lacking), Err(TokenError::Malformed), "{claim}");
    }
    let mut early = whole.clone();
    early["nbf"] = (Utc::now().timestamp() + 600).into();
    assert_eq!(verify(&early), Err(TokenError::NotYetValid));
    let mut far = whole;
    far["exp"] = json!(1e300);
    assert!(verify(&far).is_err());
}

/// RFC 7519, section 2: a NumericDate is any JSON number.
#[test]
fn a_date_may_have_a_fraction() {
    let (issuer, pem) = JwtIssuer::generate();
    let verifier = JwtVerifier::new("switchboard");
    verifier.set_keys("switchboard", &issuer.jwks()).expect("good keys");
    let key = EncodingKey::from_ed_pem(pem.as_bytes()).expect("a key");
    let header = Header { kid: Some(kid(&issuer)), ..Header::new(Algorithm::EdDSA) };
    let now = Utc::now().timestamp();
    let verify = |exp: Value, iat: Value, nbf: Value| {
        let mut dated = serde_json::to_value(claims()).expect("JSON");
        (dated["exp"], dated["iat"], dated["nbf"]) = (exp, iat, nbf);
        verifier.verify(&jsonwebtoken::encode(&header, &dated, &key).expect("a token"))
    };
    let seconds = |whole: i64| json!(format!("{whole}.75").parse::<f64>().expect("a number"));
    let read = verify(seconds(now + 900), seconds(now - 1), seconds(now - 1)).expect("a good token");
    assert_eq!((read.exp, read.iat), (now + 900, now - 1), "the fraction is left out");
    assert_eq!(verify(seconds(now - 60), seconds(now - 90), json!(now - 90)), Err(TokenError::Expired));
    assert_eq!(verify(seconds(now + 900), json!(now), seconds(now + 600)), Err(TokenError::NotYetValid));
    assert_eq!(verify(json!("soon"), json!(now), json!(now)), Err(TokenError::Malformed));
    assert_eq!(verify(json!(now + 900), json!("now"), json!(now)), Err(TokenError::Malformed));
    assert!(verify(json!(9e18), json!(-1e300), json!(0)).expect("for ever").exp < 300_000_000_000);
}

#[test]
fn an_issuer_speaks_for_itself_only() {
    let verifier = JwtVerifier::new("switchboard");
    let ((ours, _), (theirs, pem)) = (JwtIssuer::generate(), JwtIssuer::generate());
    verifier.set_keys("switchboard", &ours.jwks()).expect("good keys");
    verifier.set_keys("outside", &theirs.jwks()).expect("good keys");
    let outside = JwtIssuer::from_pem(&pem, "outside", "switchboard").expect("a key");
    assert!(verifier.verify(&outside.sign(&AccessClaims { iss: "outside".into(), ..claims() })).is_ok());
    assert_eq!(verifier.verify(&outside.sign(&claims())), Err(TokenError::UnknownKey));
}

#[test]
fn keys_are_rotated_by_publishing_both() {
    let verifier = JwtVerifier::new("switchboard");
    let ((old, _), (new, _)) = (JwtIssuer::generate(), JwtIssuer::generate());
    let both = json!({"keys": [new.jwks()["keys"][0], old.jwks()["keys"][0]]});
    verifier.set_keys("switchboard", &both).expect("good keys");
    assert!(verifier.verify(&old.sign(&claims())).is_ok() && verifier.verify(&new.sign(&claims())).is_ok());
    verifier.set_keys("switchboard", &new.jwks()).expect("good keys");
    assert_eq!(verifier.verify(&old.sign(&claims())), Err(TokenError::UnknownKey));
    assert!(verifier.set_keys("switchboard", &json!({"keys": []})).is_err());
    assert!(verifier.verify(&new.sign(&claims())).is_ok(), "keys that cannot be used replace nothing");
}

#[test]
fn an_outside_issuer_may_sign_with_es256_or_rs256_and_say_little() {
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let ecdsa = ecdsa.to_pkcs8v1().expect("PKCS #8");
    let ecdsa = EncodingKey::from_ec_pem(pem(ecdsa.as_ref()).as_bytes()).expect("a key");
    accepts(Algorithm::ES256, &ecdsa);
    let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let rsa = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).expect("PKCS #8");
    accepts(Algorithm::RS256, &EncodingKey::from_rsa_pem(pem(rsa.as_ref()).as_bytes()).expect("a key"));
}

/// Tokens of that algorithm are accepted, and those of another with the same key are not.
fn accepts(algorithm: Algorithm, key: &EncodingKey) {
    let verifier = JwtVerifier::new("switchboard");
    let jwk = Jwk::from_encoding_key(key, algorithm).expect("a JWK");
    verifier.set_keys("https://id.example.com/", &json!({"keys": [jwk]})).expect("good keys");
    let claims = json!({
        "iss": "https://id.example.com/", "aud": ["switchboard", "other"], "sub": "9",
        "exp": Utc::now().timestamp() + 60, "scope": "chat",
    });
    let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, key).expect("a token");
    let read = verifier.verify(&token).expect("a good token");
    assert_eq!((read.user_id(), read.role, read.name.as_str()), (UserId(9), Role::User, ""));
    let ed = token.replacen(token.split('.').next().expect("a header"), &part(&json!({"alg": "EdDSA"})), 1);
    assert_eq!(verifier.verify(&ed), Err(TokenError::BadSignature));
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}
