//! Keys of a system, and what is signed with them.

use channel_auth::{AccessClaims, JwtIssuer, JwtVerifier, Purpose, Role, SessionKeys, Ticket};
use chrono::Utc;
use test_support::Program;
use uuid::Uuid;

/// What the services of one system share.
pub(crate) struct Secrets {
    issuer: JwtIssuer,
    jwt_key: String,
    keys: SessionKeys,
    session_keys: String,
    internal: String,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let (issuer, jwt_key) = JwtIssuer::generate();
        let (keys, session_keys) = SessionKeys::generate();
        let internal = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { issuer, jwt_key, keys, session_keys, internal }
    }

    /// As the start of a session gives it.
    pub(crate) fn session_token(&self, session: usize) -> anyhow::Result<String> {
        Ok(self.keys.issue(Purpose::Channel, session.to_string().parse()?, Utc::now()).token)
    }

    /// For a service that signs and verifies.
    pub(crate) fn give(&self, program: Program) -> Program {
        self.give_shared(program).env("AUTH__JWT_PRIVATE_KEY", &self.jwt_key)
    }

    /// For a service that only verifies.
    pub(crate) fn give_shared(&self, program: Program) -> Program {
        program.env("AUTH__SESSION_KEYS", &self.session_keys).env("AUTH__INTERNAL_SECRET", &self.internal)
    }

    /// As a login would give it, but for two hours: the long runs take more than one token's time.
    pub(crate) fn access_token(&self, user: usize, role: Role) -> String {
        let now = Utc::now().timestamp();
        self.issuer.sign(&AccessClaims {
            iss: self.issuer.issuer.clone(),
            aud: self.issuer.audience.clone(),
            sub: user.to_string(),
            exp: now + 7200,
            iat: now,
            jti: Uuid::new_v4().to_string(),
            name: format!("User {user}"),
            role,
            sid: Some(Uuid::new_v4().to_string()),
        })
    }

    /// As `connected` would give it to who showed [`Self::access_token`].
    pub(crate) fn resume_ticket(&self, user: usize, role: Role) -> anyhow::Result<String> {
        let verifier = JwtVerifier::new(&self.issuer.audience);
        verifier.set_keys(&self.issuer.issuer, &self.issuer.jwks())?;
        let (claims, key) = verifier.verify_with_key(&self.access_token(user, role))?;
        Ok(self.keys.issue_ticket(&Ticket::of(&claims, key)))
    }
}
