//! One port for everything: HTTP goes to an actix-web application, WebSockets to the pollers.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::{HttpService, Request, h1};
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactory, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};

use crate::gateway::Gateway;
use crate::transport::peer_socket::PeerSocket;
use crate::transport::websocket;

/// How long an idle HTTP connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Serves `app` and the gateway's WebSockets on one listener.
pub fn serve<F, I, S, B>(
    listener: TcpListener,
    workers: usize,
    gateway: Arc<Gateway>,
    app: F,
) -> std::io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let server = Server::build()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(10)
        .listen("switchboard", listener, move || {
            let gateway = gateway.clone();
            let upgrade = fn_service(move |(request, framed): (Request, Framed<TcpStream, h1::Codec>)| {
                let gateway = gateway.clone();
                async move {
                    websocket::serve(gateway, request, framed).await;
                    Ok::<_, actix_web::Error>(())
                }
            });
            HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_WITHIN)
                .on_connect_ext(PeerSocket::keep)
                .upgrade(upgrade)
                .h1(map_config(app(), |()| AppConfig::default()))
                .tcp()
        })?
        .run();
    tracing::info!(addr = %address, "listening");
    Ok(server)
}
