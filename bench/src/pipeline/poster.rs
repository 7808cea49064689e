//! A connection that posts messages which tell when they were posted.

use std::net::SocketAddr;
use std::time::Instant;

use uuid::Uuid;

use crate::http::{Connection, message_head};
use crate::visitor::Visitor;

pub(crate) struct Poster {
    connection: Connection,
    /// Of all clients: what messages tell of their time counts from it.
    started: Instant,
}

/// Characters of a message, with its time in front.
const LENGTH: usize = 200;

impl Poster {
    pub(crate) async fn connect(address: SocketAddr, started: Instant) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(address).await?, started })
    }

    /// Posts one message and waits until it is stored.
    pub(crate) async fn post(&mut self, visitor: &Visitor) -> anyhow::Result<()> {
        let text = format!("{:<LENGTH$}", self.started.elapsed().as_micros());
        let body = format!(r#"{{"body":"{}.","client_id":"{}"}}"#, text, Uuid::new_v4());
        let request = message_head(visitor, body.len()) + &body;
        self.connection.post(request.as_bytes()).await
    }
}
