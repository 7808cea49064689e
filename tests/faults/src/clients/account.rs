//! Who a client is, and what proves it.

use std::sync::{Mutex, PoisonError};

use super::rest::Rest;
use crate::record::{Transport, Who};

/// An account, or the visitor of a session.
#[derive(Debug)]
pub struct Account {
    /// Who that is.
    pub who: Who,
    token: Mutex<String>,
    login: Option<Login>,
}

/// How somebody gets a fresh token.
#[derive(Debug, Clone)]
pub struct Login {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

impl Account {
    /// With a first token.
    #[must_use]
    pub fn new(who: Who, token: String, login: Option<Login>) -> Self {
        Self { who, token: Mutex::new(token), login }
    }

    /// What proves it now.
    #[must_use]
    pub fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a fresh token, where that is possible.
    pub async fn renew(&self, rest: &Rest) {
        let Some(login) = &self.login else { return };
        if let Ok(token) = rest.log_in(&login.email, &login.password).await {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        }
    }

    /// Where its messages in a chat are, over REST.
    #[must_use]
    pub fn chat_path(&self, chat: i64) -> String {
        match self.who {
            Who::User { .. } => format!("/chats/{chat}"),
            Who::Visitor { .. } | Who::Staff { .. } => format!("/chat/session/{chat}"),
        }
    }

    /// Path and query of its connections.
    #[must_use]
    pub fn channel_path(&self, transport: Transport) -> String {
        let channel = match transport {
            Transport::WebSocket => "/channel/ws",
            Transport::EventStream => "/channel/sse",
        };
        let token = self.token();
        match self.who {
            Who::Visitor { session } => format!("{channel}?session={session}&token={token}"),
            Who::Staff { .. } => format!("{channel}?type=staff&access_token={token}"),
            Who::User { .. } => format!("{channel}?access_token={token}"),
        }
    }
}
