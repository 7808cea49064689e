//! One port for everything: the pollers listen, WebSockets stay with them, HTTP goes to an actix-web application.

use std::net::TcpListener;
use std::sync::Arc;

use actix_codec::{Framed, FramedParts};
use actix_http::{Request, h1};
use actix_service::{IntoServiceFactory, ServiceFactory, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use anyhow::Context;
use http_server::io::Io;
use http_server::requests::Requests;
use http_server::workers::{Ends, Workers, protocol};

use crate::gateway::Gateway;
use crate::transport::poller::acceptor::Acceptor;
use crate::transport::upgrades::UpgradeAcceptor;
use crate::transport::websocket;

/// Connections that may wait to be accepted: after a restart all come back at once.
const BACKLOG: i32 = 4096;

/// A server that runs.
pub struct Server {
    gateway: Arc<Gateway>,
    http: Ends,
}

/// Serves `app` and the gateway's WebSockets on one listener.
pub fn serve<F, I, S, B>(listener: TcpListener, gateway: Arc<Gateway>, app: F) -> anyhow::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let service = {
        let gateway = gateway.clone();
        move || {
            protocol()
                .upgrade(upgrades(gateway.clone()))
                .h1(Requests::new(map_config(app(), |()| AppConfig::default())))
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (workers, http) = Workers::start(cores, &gateway.connections, &gateway.vital, service)?;
    let acceptor: Arc<dyn Acceptor> = Arc::new(UpgradeAcceptor::new(gateway.clone(), workers));
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    gateway.pollers.listen(listener, &acceptor, &gateway.runtime).context("nobody can be accepted")?;
    tracing::info!(addr = %address, "listening");
    Ok(Server { gateway, http })
}

impl Server {
    /// Accepts nobody any more, and waits for the requests that were begun.
    pub async fn stop(self) {
        self.gateway.pollers.stop_listening();
        self.http.all().await;
    }
}

/// Handshakes that HTTP has read: handshakes that came in pieces, late, behind another request, or are long.
fn upgrades(
    gateway: Arc<Gateway>,
) -> impl ServiceFactory<
    (Request, Framed<Io, h1::Codec>),
    Config = (),
    Response = (),
    Error = actix_web::Error,
    InitError = (),
> {
    fn_service(move |(request, framed): (Request, Framed<Io, h1::Codec>)| {
        let gateway = gateway.clone();
        async move {
            let FramedParts { io, read_buf, .. } = framed.into_parts();
            websocket::serve(gateway, request, io, &read_buf).await?;
            Ok(())
        }
    })
}
