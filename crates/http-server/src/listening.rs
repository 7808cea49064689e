//! A server on a port of its own.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::Request;
use actix_service::{IntoServiceFactory, ServiceFactory, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use telemetry::Vital;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connections::{ConnectionPermit, Connections, FULL_FOR, Refused, TRY_EVERY};
use crate::refusal::refuse_stream;
use crate::requests::Requests;
use crate::workers::{Ends, Workers, protocol};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long until it is tried again to accept, when the process has no descriptor left.
const TRY_AGAIN_IN: Duration = Duration::from_millis(100);

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
    ends: Ends,
}

/// Serves `app` to peers that connect to `listener`; the threads that do are vital. Call it on a runtime.
pub fn listen<F, I, S, B>(
    listener: TcpListener,
    threads: usize,
    connections: &Arc<Connections>,
    vital: &Vital,
    app: F,
) -> anyhow::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let service = move || protocol().h1(Requests::new(map_config(app(), |()| AppConfig::default())));
    let (workers, ends) = Workers::start(threads, connections, vital, service)?;
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let accepting = tokio::spawn({
        let (connections, stop) = (connections.clone(), stop.clone());
        async move {
            tokio::select! {
                () = accept(&listener, &connections, &workers) => {}
                () = stop.cancelled() => {}
            }
        }
    });
    Ok(Server { address, stop, accepting, ends })
}

impl Server {
    /// Says in the log that it listens, as every service does once.
    #[must_use]
    pub fn announced(self) -> Self {
        tracing::info!(addr = %self.address, "listening");
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more, and waits for the requests that were begun.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "accepting has failed");
        }
        self.ends.all().await;
    }
}

async fn admit(connections: &Arc<Connections>, peer: IpAddr) -> Result<ConnectionPermit, Refused> {
    let until = Instant::now() + FULL_FOR;
    loop {
        match connections.admit(peer) {
            Err(Refused::Full) if Instant::now() < until => tokio::time::sleep(TRY_EVERY).await,
            admitted => return admitted,
        }
    }
}

async fn accept(listener: &tokio::net::TcpListener, connections: &Arc<Connections>, workers: &Workers) {
    loop {
        let accepted = listener.accept().await.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
        match accepted {
            Ok((stream, peer)) => match admit(connections, peer.ip()).await {
                Ok(permit) => workers.serve(stream, permit),
                Err(refused) => refuse_stream(&stream, &connections.refuse(refused)),
            },
            Err(error) => {
                tracing::warn!(%error, "nobody can be accepted; tried again in a moment");
                tokio::time::sleep(TRY_AGAIN_IN).await;
            }
        }
    }
}
