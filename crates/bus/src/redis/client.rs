//! Connections, made anew by hand after any error.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisError,
    ServerErrorKind, TlsCertificates,
};
use secrecy::ExposeSecret;

use crate::{BusError, PubSubConfig};

/// For a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// For an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// For work that takes milliseconds when the server is well.
const SIGN_OF_LIFE_LIMIT: Duration = Duration::from_secs(3);

/// Bounds a wait for a sign that the server is there.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let no_answer = |_| Err(BusError(format!("Redis: no answer in {} s", SIGN_OF_LIFE_LIMIT.as_secs())));
    tokio::time::timeout(SIGN_OF_LIFE_LIMIT, work).await.unwrap_or_else(no_answer)
}

/// A client that does not connect yet.
pub(super) fn client(config: &PubSubConfig) -> Result<Client, BusError> {
    let url = config.redis_url()?;
    // The reason is left out: it may repeat the URL.
    let unusable = |_: RedisError| BusError("PUBSUB__REDIS_URL is not a Redis URL".into());
    let info = url.expose_secret().into_connection_info().map_err(unusable)?;
    if let ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
        return Err(BusError(
            "PUBSUB__REDIS_URL has #insecure, which is not supported: name a CA by PUBSUB__REDIS_CA_FILE".into(),
        ));
    }
    let is_encrypted = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(settings);
    match &config.redis_ca_file {
        None => Client::open(info).map_err(unusable),
        Some(_) if !is_encrypted => Err(BusError("PUBSUB__REDIS_CA_FILE needs a rediss:// URL".into())),
        Some(file) => {
            let unreadable = |why: String| BusError(format!("PUBSUB__REDIS_CA_FILE {}: {why}", file.display()));
            let root = std::fs::read(file).map_err(|why| unreadable(why.to_string()))?;
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(root) };
            Client::build_with_tls(info, certificates).map_err(|why| unreadable(why.to_string()))
        }
    }
}

/// How connections behave.
pub(super) fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

/// Connects, under a name that `CLIENT LIST` shows.
pub(super) async fn connect(
    client: &Client,
    config: &AsyncConnectionConfig,
    name: &str,
) -> Result<MultiplexedConnection, BusError> {
    let mut conn = client.get_multiplexed_async_connection_with_config(config).await.map_err(|error| failed(&error))?;
    // Redis refuses names with spaces.
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(&mut conn).await.map_err(|error| failed(&error))?;
    Ok(conn)
}

/// An error in words: its kind and the server's code and reason, which hold no credentials.
pub(super) fn failed(error: &RedisError) -> BusError {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => BusError(format!("Redis: {code} {detail}")),
        (Some(code), None) => BusError(format!("Redis: {code}")),
        _ => BusError(format!("Redis: {error}")),
    }
}

/// Whether another connection may fare better: this one broke, or it leads to a server that is not the master any more.
pub(super) fn is_links_fault(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => {
            matches!(kind, ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::NoPerm)
        }
        _ => true,
    }
}
