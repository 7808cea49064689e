//! One connection with one channel. lapin's own recovery is not used: it can be left stuck for ever. Whoever sees an
//! error drops this and opens another.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};

use crate::BusError;

/// For an answer of the broker under load, such as the confirms of a batch.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// For opening, and for answers that take milliseconds when the broker is well.
const SIGN_OF_LIFE_LIMIT: Duration = Duration::from_secs(3);

/// Seconds. The broker drops a peer that was silent for two or three times that, and only then gives its lanes to
/// another consumer: a dispatcher that is cut off without a word must not hold them for long.
const HEARTBEAT: u16 = 3;

/// An open connection and its channel. Dropping it closes both.
pub(super) struct Link {
    pub(super) channel: Channel,
    _connection: Connection,
}

impl Link {
    pub(super) async fn open(url: &SecretString, name: &str) -> Result<Self, BusError> {
        soon(async {
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            let connection = Connection::connect_uri(parse(url)?, properties).await.map_err(failed)?;
            let channel = connection.create_channel().await.map_err(failed)?;
            Ok(Self { channel, _connection: connection })
        })
        .await
    }

    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }
}

fn parse(url: &SecretString) -> Result<AMQPUri, BusError> {
    let mut uri: AMQPUri =
        url.expose_secret().parse().map_err(|_| BusError("BROKER__AMQP_URL is not an AMQP URL".into()))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}

/// Bounds a wait for the broker.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(ANSWER_LIMIT, work).await
}

/// Bounds a wait for what shows that the broker is there.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    within(SIGN_OF_LIFE_LIMIT, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let no_answer = |_| Err(BusError(format!("RabbitMQ: no answer in {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.unwrap_or_else(no_answer)
}

/// An error in words. lapin's hold no credentials.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: lapin::Error) -> BusError {
    BusError(format!("RabbitMQ: {error}"))
}
