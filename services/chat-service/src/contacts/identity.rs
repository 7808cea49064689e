//! An identity that a site has signed: a JWT (RFC 7519) with HMAC-SHA256 by one of the site's keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_events::{ErrorCode, SiteId};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::error::Error;
use crate::input::fields::{EmailAddress, Identifier, IdentityToken, Name};
use crate::sites::secrets;

/// Seconds by which clocks may differ.
const LEEWAY: u64 = 60;

/// The identity of a visitor, as its site has signed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignedIdentity {
    /// The site's own name for the person.
    pub(crate) identifier: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// How far ahead an identity may end, in seconds: who writes milliseconds makes one that never does.
const MAX_AHEAD: i64 = 366 * 24 * 3600;

/// The claims. Whether `exp` is over is looked at by the library.
#[derive(Debug, Deserialize)]
struct Claims {
    exp: i64,
    identifier: Id,
    name: Option<String>,
    email: Option<String>,
}

/// Sites count their users, or name them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

/// Reads a signed identity; a bad one is told without a word of what is in it.
pub(crate) async fn verify(
    conn: &mut AsyncPgConnection,
    site: SiteId,
    token: IdentityToken,
) -> Result<SignedIdentity, Error> {
    let token = token.into_inner();
    let header = decode_header(&token).map_err(|_| bad("the identity is no JWT"))?;
    if names_what_must_be_understood(&token) {
        return Err(bad("the identity has a crit that is not known here"));
    }
    if header.alg != Algorithm::HS256 {
        return Err(bad("the identity must be signed with HS256"));
    }
    let secrets = secrets::read(conn, site, header.kid.as_deref()).await?;
    check(&token, &secrets)
}

/// A token with `crit` is good only for who knows all that it lists (RFC 7515, section 4.1.11), and nothing is known here.
fn names_what_must_be_understood(token: &str) -> bool {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<serde_json::Value>(&header).ok());
    header.is_some_and(|header| header.get("crit").is_some())
}

/// The verdict of the first key that has signed it.
fn check(token: &str, secrets: &[String]) -> Result<SignedIdentity, Error> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = LEEWAY;
    rules.validate_aud = false;
    rules.validate_nbf = true;
    for secret in secrets {
        let key = DecodingKey::from_secret(secret.as_bytes());
        match decode::<Claims>(token, &key, &rules).map_err(jsonwebtoken::errors::Error::into_kind) {
            Ok(found) => return found.claims.read(),
            Err(ErrorKind::InvalidSignature) => {}
            Err(ErrorKind::ExpiredSignature) => {
                return Err(Error::refused(ErrorCode::TokenExpired, "the identity has expired"));
            }
            Err(ErrorKind::MissingRequiredClaim(claim)) => return Err(bad(&format!("the identity has no {claim}"))),
            Err(_) => return Err(bad("the identity cannot be read: it must have identifier and exp")),
        }
    }
    Err(bad("the identity is not signed by a key of this site"))
}

fn bad(words: &str) -> Error {
    Error::field(ErrorCode::Unauthorized, "identity", words)
}

impl Claims {
    fn read(self) -> Result<SignedIdentity, Error> {
        if self.exp > Utc::now().timestamp() + MAX_AHEAD {
            return Err(bad("the identity's exp is more than a year ahead: it is in seconds since 1970"));
        }
        let identifier = match self.identifier {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => text,
        };
        let wrong = |claim: &str, fault: chat_events::Fault| Error::invalid("identity", format!("its {claim} {fault}"));
        // A person without a name or an address has an empty text in many a site.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(SignedIdentity {
            identifier: Identifier::parse(identifier).map_err(|fault| wrong("identifier", fault))?.into_inner(),
            name: given(self.name)
                .map(|name| Name::parse(name).map(Name::into_inner))
                .transpose()
                .map_err(|fault| wrong("name", fault))?,
            email: given(self.email)
                .map(|email| EmailAddress::parse(email).map(EmailAddress::into_inner))
                .transpose()
                .map_err(|fault| wrong("email", fault))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    }

    fn code(token: &str, secrets: &[&str]) -> Option<ErrorCode> {
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        check(token, &secrets).err().map(|error| error.into_body().code)
    }

    #[test]
    fn an_identity_is_good_that_a_key_of_the_site_has_signed() {
        let soon = Utc::now().timestamp() + 300;
        let claims =
            json!({"identifier": "u-17", "name": "Ada", "email": "ada@example.com", "exp": soon, "plan": "pro"});
        let good = signed(Algorithm::HS256, "second", &claims);
        let read = check(&good, &["first".to_owned(), "second".to_owned()]).expect("good");
        assert_eq!(
            read,
            SignedIdentity {
                identifier: "u-17".into(),
                name: Some("Ada".into()),
                email: Some("ada@example.com".into())
            }
        );
        let number = signed(Algorithm::HS256, "k", &json!({"identifier": 17, "exp": soon, "name": ""}));
        assert_eq!(check(&number, &["k".to_owned()]).expect("good").identifier, "17");
        assert_eq!(code(&good, &["first"]), Some(ErrorCode::Unauthorized));
        assert_eq!(code(&good, &[]), Some(ErrorCode::Unauthorized));
        assert_eq!(code(&signed(Algorithm::HS512, "k", &claims), &["k"]), Some(ErrorCode::Unauthorized));
        let old = json!({"identifier": "u", "exp": soon - 3600});
        assert_eq!(code(&signed(Algorithm::HS256, "k", &old), &["k"]), Some(ErrorCode::TokenExpired));
        let critical = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","crit":["exp"]}"#));
        assert!(names_what_must_be_understood(&critical) && !names_what_must_be_understood(&good));
        for (claims, expected) in [
            (json!({"identifier": "u"}), ErrorCode::Unauthorized),
            (json!({"identifier": "u", "exp": soon * 1000}), ErrorCode::Unauthorized),
            (json!({"exp": soon}), ErrorCode::Unauthorized),
            (json!({"identifier": "", "exp": soon}), ErrorCode::Invalid),
            (json!({"identifier": "u", "name": "\u{200b}", "exp": soon}), ErrorCode::Invalid),
            (json!({"identifier": "u", "email": "nobody", "exp": soon}), ErrorCode::Invalid),
            (json!({"identifier": "u".repeat(201), "exp": soon}), ErrorCode::Invalid),
        ] {
            assert_eq!(code(&signed(Algorithm::HS256, "k", &claims), &["k"]), Some(expected), "{claims}");
        }
    }
}
