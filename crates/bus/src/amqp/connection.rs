//! One connection with one channel. lapin's own recovery is not used: it can be left stuck for ever. Whoever sees an
//! error drops this and opens another.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};

use crate::BusError;

/// For opening, and for an answer of the broker.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Seconds; a dead peer is found in twice that.
const HEARTBEAT: u16 = 10;

/// An open connection and its channel. Dropping it closes both.
pub(super) struct Link {
    pub(super) channel: Channel,
    _connection: Connection,
}

impl Link {
    pub(super) async fn open(url: &SecretString, name: &str) -> Result<Self, BusError> {
        in_time(async {
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
    tokio::time::timeout(TIME_LIMIT, work).await.unwrap_or_else(|_| Err(BusError("RabbitMQ: no answer in 5 s".into())))
}

/// An error in words. lapin's hold no credentials.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: lapin::Error) -> BusError {
    BusError(format!("RabbitMQ: {error}"))
}
