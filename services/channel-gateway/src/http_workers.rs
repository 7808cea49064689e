//! The threads that serve HTTP. Connections are given to them: whoever listens has found that they are no WebSockets.

use std::net::TcpStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_service::{Service, ServiceFactory};
use anyhow::{Context, anyhow};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::transport::peer_socket::PeerSocket;

/// How long requests may take to come in that were begun before the end.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// How long they may take to be answered.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The way to the threads, which end when it is dropped.
pub(crate) struct HttpWorkers {
    workers: Vec<mpsc::UnboundedSender<TcpStream>>,
    next: AtomicUsize,
}

/// Their ends.
pub(crate) struct Ends(Vec<oneshot::Receiver<()>>);

impl HttpWorkers {
    /// Starts so many threads with a service of their own each, and returns when all are ready.
    pub(crate) fn start<F, S>(threads: usize, factory: F) -> anyhow::Result<(Self, Ends)>
    where
        F: Fn() -> S + Send + Clone + 'static,
        S: ServiceFactory<tokio::net::TcpStream, Config = (), InitError = ()> + 'static,
        S::Service: 'static,
        S::Error: std::fmt::Debug,
    {
        let (mut workers, mut ends) = (Vec::new(), Vec::new());
        for index in 0..threads.max(1) {
            let (give, given) = mpsc::unbounded_channel();
            let (ready, is_ready) = std::sync::mpsc::channel();
            let (end, ended) = oneshot::channel();
            let factory = factory.clone();
            std::thread::Builder::new().name(format!("http-{index}")).spawn(move || {
                work(factory, given, &ready);
                // Whoever waited for it may be gone.
                let _ = end.send(());
            })?;
            is_ready.recv().context("a thread for HTTP has ended")??;
            workers.push(give);
            ends.push(ended);
        }
        Ok((Self { workers, next: AtomicUsize::new(0) }, Ends(ends)))
    }

    /// Serves a connection, which does not block, on one of the threads.
    pub(crate) fn serve(&self, io: TcpStream) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        if self.workers[next % self.workers.len()].send(io).is_err() {
            tracing::error!("a thread for HTTP is gone");
        }
    }
}

impl Ends {
    /// All requests are answered, or their time is over.
    pub(crate) async fn all(self) {
        for end in self.0 {
            // One that is gone has ended too.
            let _ = end.await;
        }
    }
}

fn work<S>(
    factory: impl Fn() -> S,
    mut given: mpsc::UnboundedReceiver<TcpStream>,
    ready: &std::sync::mpsc::Sender<anyhow::Result<()>>,
) where
    S: ServiceFactory<tokio::net::TcpStream, Config = (), InitError = ()>,
    S::Service: 'static,
    S::Error: std::fmt::Debug,
{
    let runtime = match actix_rt::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let Ok(service) = factory().new_service(()).await else {
            return drop(ready.send(Err(anyhow!("HTTP cannot be served"))));
        };
        // It is waited for.
        let _ = ready.send(Ok(()));
        let (service, mut serving) = (Rc::new(service), JoinSet::new());
        loop {
            tokio::select! {
                io = given.recv() => match io {
                    Some(io) => drop(serving.spawn_local(serve(service.clone(), io))),
                    None => break,
                },
                Some(_) = serving.join_next() => {}
            }
        }
        if timeout(READ_WITHIN, all_end(&mut serving)).await.is_ok() {
            return;
        }
        PeerSocket::end_reading();
        if timeout(ENDS_WITHIN, all_end(&mut serving)).await.is_err() {
            tracing::debug!("some connections did not end in time");
        }
    });
}

async fn all_end(serving: &mut JoinSet<()>) {
    while serving.join_next().await.is_some() {}
}

async fn serve<S: Service<tokio::net::TcpStream, Error: std::fmt::Debug>>(service: Rc<S>, io: TcpStream) {
    match tokio::net::TcpStream::from_std(io) {
        Ok(io) => {
            if let Err(error) = service.call(io).await {
                tracing::debug!(?error, "a connection has ended");
            }
        }
        Err(error) => tracing::warn!(%error, "a connection cannot be served"),
    }
}
