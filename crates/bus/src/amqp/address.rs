//! Where RabbitMQ is, and by which CA it is known. Read once, before anything connects.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use secrecy::{ExposeSecret, SecretString};

use crate::BusError;

/// Seconds. The broker drops a peer that was silent for two or three times that, and only then gives its lanes to
/// another consumer: a dispatcher that is cut off without a word must not hold them for long.
const HEARTBEAT: u16 = 3;

/// A broker's URL, and its CA where that is none of the system's.
#[derive(Debug, Clone)]
pub struct AmqpAddress {
    url: SecretString,
    ca: Option<Arc<str>>,
}

impl AmqpAddress {
    /// `amqps://` is TLS, whose certificate is always checked: by the CA in this PEM file, else by the system's.
    pub fn new(url: SecretString, ca_file: Option<&Path>) -> Result<Self, BusError> {
        let uri = parse(&url)?;
        let ca = match ca_file {
            None => None,
            Some(_) if uri.scheme == AMQPScheme::AMQP => {
                return Err(BusError("BROKER__AMQP_CA_FILE needs an amqps:// URL".into()));
            }
            Some(file) => {
                let unreadable = |why| BusError(format!("BROKER__AMQP_CA_FILE {}: {why}", file.display()));
                Some(fs::read_to_string(file).map_err(unreadable)?.into())
            }
        };
        Ok(Self { url, ca })
    }

    pub(super) fn uri(&self) -> Result<AMQPUri, BusError> {
        parse(&self.url)
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig { identity: None, cert_chain: self.ca.as_deref().map(str::to_owned) }
    }
}

/// Without a CA of its own. An unreadable URL fails at the first connection.
impl From<SecretString> for AmqpAddress {
    fn from(url: SecretString) -> Self {
        Self { url, ca: None }
    }
}

impl From<&str> for AmqpAddress {
    fn from(url: &str) -> Self {
        Self { url: url.into(), ca: None }
    }
}

fn parse(url: &SecretString) -> Result<AMQPUri, BusError> {
    // The reason is left out: it may repeat the URL.
    let mut uri: AMQPUri =
        url.expose_secret().parse().map_err(|_| BusError("BROKER__AMQP_URL is not an AMQP URL".into()))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}
