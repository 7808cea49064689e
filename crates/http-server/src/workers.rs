//! The threads that serve HTTP. The acceptor of connections gives them to these threads.

use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpServiceBuilder, Request, Response};
use actix_service::{Service, ServiceFactory};
use anyhow::{Context, anyhow};
use futures_util::future::poll_fn;
use telemetry::Vital;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Connection, HEAD_WITHIN, KEEP_ALIVE};
use crate::connections::{ConnectionPermit, Connections};
use crate::io::{Io, Refusals};

/// How long requests may take to come in that were begun before the end.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// How long they may take to be answered.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// HTTP on connections of ours, to be finished with an application in [`Requests`](crate::requests::Requests).
#[must_use]
pub fn protocol<S>() -> HttpServiceBuilder<Io, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: std::fmt::Debug,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_WITHIN)
        .on_connect_ext(|io: &Io, connection: &mut Extensions| drop(connection.insert(io.connection().clone())))
}

/// The way to the threads. Cloning shares them; they end when all clones are gone.
#[derive(Debug, Clone)]
pub struct Workers {
    workers: Arc<[mpsc::UnboundedSender<Given>]>,
    next: Arc<AtomicUsize>,
}

type Given = (TcpStream, ConnectionPermit);

/// Their ends.
#[derive(Debug)]
pub struct Ends(Vec<oneshot::Receiver<()>>);

impl Workers {
    /// Starts so many threads with a service of their own each, and returns when all are ready. Each of them is vital.
    pub fn start<F, S>(
        threads: usize,
        connections: &Arc<Connections>,
        vital: &Vital,
        factory: F,
    ) -> anyhow::Result<(Self, Ends)>
    where
        F: Fn() -> S + Send + Clone + 'static,
        S: ServiceFactory<(Io, Option<SocketAddr>), Config = (), InitError = (), Error = DispatchError> + 'static,
        S::Service: 'static,
    {
        let (mut workers, mut ends) = (Vec::new(), Vec::new());
        for index in 0..threads.max(1) {
            let (give, given) = mpsc::unbounded_channel();
            let (ready, is_ready) = std::sync::mpsc::channel();
            let (end, ended) = oneshot::channel();
            let (factory, connections, vital) = (factory.clone(), connections.clone(), vital.clone());
            let name = format!("http-{index}");
            std::thread::Builder::new().name(name.clone()).spawn(move || {
                work(factory, &connections, (&vital, &name), (given, &ready));
                // The task that waited for it may be gone.
                let _ = end.send(());
            })?;
            is_ready.recv().context("a thread for HTTP has ended")??;
            workers.push(give);
            ends.push(ended);
        }
        Ok((Self { workers: workers.into(), next: Arc::default() }, Ends(ends)))
    }

    /// Serves a connection, which does not block, on one of the threads.
    pub fn serve(&self, stream: TcpStream, permit: ConnectionPermit) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        if self.workers[next % self.workers.len()].send((stream, permit)).is_err() {
            tracing::error!("a thread for HTTP is gone");
        }
    }
}

impl Ends {
    /// All requests are answered, or their time is over.
    pub async fn all(self) {
        for end in self.0 {
            // A thread that is gone has ended too.
            let _ = end.await;
        }
    }
}

fn work<S>(
    factory: impl Fn() -> S,
    connections: &Connections,
    (vital, name): (&Vital, &str),
    (mut given, ready): (mpsc::UnboundedReceiver<Given>, &std::sync::mpsc::Sender<anyhow::Result<()>>),
) where
    S: ServiceFactory<(Io, Option<SocketAddr>), Config = (), InitError = (), Error = DispatchError>,
    S::Service: 'static,
{
    let runtime = match actix_rt::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(vital.watched(name, async {
        let Ok(service) = factory().new_service(()).await else {
            return drop(ready.send(Err(anyhow!("HTTP cannot be served"))));
        };
        // It is waited for.
        let _ = ready.send(Ok(()));
        let (service, mut serving) = (Rc::new(service), JoinSet::new());
        loop {
            tokio::select! {
                one = given.recv() => match one {
                    Some(one) => drop(serving.spawn_local(serve(service.clone(), one))),
                    None => break,
                },
                Some(_) = serving.join_next() => {}
            }
        }
        if timeout(READ_WITHIN, all_end(&mut serving)).await.is_ok() {
            return;
        }
        connections.served().iter().for_each(|connection| connection.end_reading());
        if timeout(ENDS_WITHIN, all_end(&mut serving)).await.is_err() {
            tracing::debug!("some connections did not end in time");
        }
    }));
}

async fn all_end(serving: &mut JoinSet<()>) {
    while serving.join_next().await.is_some() {}
}

async fn serve<S>(service: Rc<S>, (stream, permit): Given)
where
    S: Service<(Io, Option<SocketAddr>), Error = DispatchError>,
{
    let connections = permit.connections().clone();
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection cannot be served"),
    };
    let (connection, refused) = (Connection::new(stream, permit), Refusals::default());
    let peer = connection.peer();
    match service.call((Io::new(connection, refused.clone()), peer)).await {
        Ok(_) => {}
        Err(DispatchError::Io(why)) => tracing::debug!(%why, "a connection has ended"),
        Err(why) => connections.complaints.malformed(peer, &why.to_string()),
    }
    if let Some(connection) = refused.take() {
        poll_fn(|context| connection.poll_linger(context, true)).await;
    }
}
