//! The keys and secrets of an installation.

use channel_auth::{JwtIssuer, SessionKeys};
use test_support::Program;
use uuid::Uuid;

/// Made anew for each installation.
#[derive(Debug)]
pub struct Secrets {
    issuer: JwtIssuer,
    jwt_key: String,
    session_keys: SessionKeys,
    session_key_text: String,
    internal: String,
}

impl Secrets {
    /// New ones.
    #[must_use]
    pub fn generate() -> Self {
        let (issuer, jwt_key) = JwtIssuer::generate();
        let (session_keys, session_key_text) = SessionKeys::generate();
        let internal = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { issuer, jwt_key, session_keys, session_key_text, internal }
    }

    /// The key that signs access tokens.
    #[must_use]
    pub fn issuer(&self) -> &JwtIssuer {
        &self.issuer
    }

    /// The keys that sign session tokens.
    #[must_use]
    pub fn session_keys(&self) -> &SessionKeys {
        &self.session_keys
    }

    /// What gateways prove themselves with.
    #[must_use]
    pub fn internal(&self) -> &str {
        &self.internal
    }

    /// For chat-service.
    #[must_use]
    pub fn give_to(&self, program: Program) -> Program {
        self.give_to_standalone(program).env("AUTH__INTERNAL_SECRET", &self.internal)
    }

    /// For standalone, which has nobody to prove itself to.
    #[must_use]
    pub fn give_to_standalone(&self, program: Program) -> Program {
        program.env("AUTH__JWT_PRIVATE_KEY", &self.jwt_key).env("AUTH__SESSION_KEYS", &self.session_key_text)
    }

    /// For a gateway that asks the chat-service there.
    #[must_use]
    pub fn give_to_gateway(&self, program: Program, chat_service: &str) -> Program {
        program
            .env("CHAT_SERVICE__URL", chat_service)
            .env("AUTH__INTERNAL_SECRET", &self.internal)
            .env("AUTH__SESSION_KEYS", &self.session_key_text)
            .env("AUTH__JWKS_URL", format!("{chat_service}/.well-known/jwks.json"))
            .env("AUTH__JWT_ISSUER", &self.issuer.issuer)
            .env("AUTH__JWT_AUDIENCE", &self.issuer.audience)
    }
}
