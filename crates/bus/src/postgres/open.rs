//! The one way to a connection: by URL, with TLS where it asks for it, and with the cause where there is none.

use std::error::Error as _;

use diesel_async::AsyncPgConnection;
use secrecy::SecretString;
use tokio_postgres::{Client, Connection, NoTls, Socket};

use super::address::Address;
use super::tls;
use crate::BusError;

/// Whether a URL can be used at all: all that it asks for is supported, and its CA can be read. Connects to nothing.
pub fn check_url(url: &SecretString) -> Result<(), BusError> {
    tls::connector(&Address::read(url)?.tls).map(|_| ())
}

/// Opens a connection. It lives on the caller's runtime. The words of an error say what the server or the network said, and
/// hold nothing of the URL.
pub async fn open(url: &SecretString) -> Result<AsyncPgConnection, BusError> {
    let address = Address::read(url)?;
    // Boxed, since the state of a handshake is large.
    Box::pin(open_at(address)).await
}

/// A client without prepared statements, which a pooler may lose: for simple queries. Its connection ends with it.
pub(super) async fn plain_client(url: &SecretString) -> Result<Client, BusError> {
    let Address { config, tls } = Address::read(url)?;
    let client = async {
        match tls::connector(&tls)? {
            None => driven(config.connect(NoTls).await),
            Some(tls) => driven(config.connect(tls).await),
        }
    };
    Box::pin(client).await
}

fn driven<S>(opened: Result<(Client, Connection<Socket, S>), tokio_postgres::Error>) -> Result<Client, BusError>
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = opened.map_err(|error| BusError(format!("PostgreSQL: {}", words(&error))))?;
    // The client's next query tells of its end.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

async fn open_at(Address { config, tls }: Address) -> Result<AsyncPgConnection, BusError> {
    match tls::connector(&tls)? {
        None => of(config.connect(NoTls).await).await,
        Some(tls) => of(config.connect(tls).await).await,
    }
}

async fn of<S>(
    opened: Result<(Client, Connection<Socket, S>), tokio_postgres::Error>,
) -> Result<AsyncPgConnection, BusError>
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = opened.map_err(|error| BusError(format!("PostgreSQL: {}", words(&error))))?;
    let connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    connection.map_err(|error| BusError(format!("PostgreSQL: {error}")))
}

/// The words of the server, or why it was not reached. It names user and database at most.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let said = deeper.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = deeper.source();
    }
    words
}
