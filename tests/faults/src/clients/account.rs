//! Who a client is, and what proves it.

use std::sync::{Mutex, PoisonError};

use rand::Rng;

use super::rest::Rest;
use crate::record::{Transport, Who};

/// An account, or the visitor of a session.
#[derive(Debug)]
pub struct Account {
    /// Who that is.
    pub who: Who,
    token: Mutex<String>,
    /// What `connected` gave to come back with.
    ticket: Mutex<Option<String>>,
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
        Self { who, token: Mutex::new(token), ticket: Mutex::default(), login }
    }

    /// What proves it now.
    #[must_use]
    pub fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the ticket that a frame brought, if it did.
    pub fn keep_ticket(&self, ticket: Option<&str>) {
        if let Some(ticket) = ticket {
            *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket.to_owned());
        }
    }

    /// What a connection shows: the token, or as often the ticket that stands for it.
    fn credential(&self) -> String {
        let ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ticket.filter(|_| rand::rng().random()).unwrap_or_else(|| self.token())
    }

    /// Gets a fresh token, where that is possible.
    pub async fn renew(&self, rest: &Rest) {
        let Some(login) = &self.login else { return };
        if let Ok(token) = rest.log_in(&login.email, &login.password).await {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
            *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
        let token = self.credential();
        match self.who {
            Who::Visitor { session } => format!("{channel}?session={session}&token={token}"),
            Who::Staff { .. } => format!("{channel}?type=staff&access_token={token}"),
            Who::User { .. } => format!("{channel}?access_token={token}"),
        }
    }
}
