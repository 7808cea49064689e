//! One port for everything: HTTP goes to an actix-web application, WebSockets to the pollers.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::{Framed, FramedParts};
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, h1};
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};

use crate::gateway::Gateway;
use crate::transport::peer_socket::PeerSocket;
use crate::transport::upgrade::{Doorman, Guest};
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
            let http = HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_WITHIN)
                .on_connect_ext(PeerSocket::keep)
                .upgrade(upgrades(gateway.clone()))
                .h1(map_config(app(), |()| AppConfig::default()));
            let gateway = gateway.clone();
            fn_factory(move || {
                let (http, gateway) = (http.new_service(()), gateway.clone());
                async move { http.await.map(|http| doors(http, gateway)) }
            })
        })?
        .run();
    tracing::info!(addr = %address, "listening");
    Ok(server)
}

/// Handshakes that come as usual are served at once, without HTTP's buffers and timers; all else is HTTP's.
fn doors<H>(http: H, gateway: Arc<Gateway>) -> impl Service<TcpStream, Response = (), Error = DispatchError>
where
    H: Service<(TcpStream, Option<std::net::SocketAddr>), Response = (), Error = DispatchError>,
{
    let (http, doorman) = (Rc::new(http), Rc::new(Doorman::default()));
    fn_service(move |io: TcpStream| {
        let (http, doorman, gateway) = (http.clone(), doorman.clone(), gateway.clone());
        async move {
            match doorman.look_at(io).await? {
                Guest::Handshake(request, io) => websocket::serve(gateway, request, io, &[]).await,
                Guest::Http(io) => {
                    let peer = io.peer_addr().ok();
                    http.call((io, peer)).await?;
                }
            }
            Ok(())
        }
    })
}

/// Handshakes that HTTP has read: those that came in pieces, or late.
fn upgrades(
    gateway: Arc<Gateway>,
) -> impl ServiceFactory<
    (Request, Framed<TcpStream, h1::Codec>),
    Config = (),
    Response = (),
    Error = actix_web::Error,
    InitError = (),
> {
    fn_service(move |(request, framed): (Request, Framed<TcpStream, h1::Codec>)| {
        let gateway = gateway.clone();
        async move {
            let FramedParts { io, read_buf, .. } = framed.into_parts();
            websocket::serve(gateway, request, io.into_std()?, &read_buf).await;
            Ok(())
        }
    })
}
