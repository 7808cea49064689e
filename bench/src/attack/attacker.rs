//! What attacks share: connections without a client's manners, and a count of what they got.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// How long a connection or an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// One thing that outsiders try.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Limits that it is not about.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// What it needs before it counts.
    pub(crate) prepare: fn(Target) -> LocalBoxFuture<'static, Answers>,
    pub(crate) run: fn(Target) -> LocalBoxFuture<'static, Answers>,
}

/// Where to, how long, and a session of the attacker's own.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) until: Instant,
    pub(crate) session: i64,
    pub(crate) token: String,
}

/// How often what came of a try.
pub(crate) type Answers = BTreeMap<String, usize>;

impl Target {
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Tries until the end, so many at a time and at most so many in all.
    pub(crate) async fn many(&self, at_once: usize, most: usize, one: impl AsyncFn(Self, usize) -> String) -> Answers {
        let next = Cell::new(0);
        let trying = (0..at_once).map(|_| async {
            let mut answers = Answers::new();
            while !self.is_over() {
                let number = next.replace(next.get() + 1);
                if number >= most {
                    break;
                }
                *answers.entry(one(self.clone(), number).await).or_default() += 1;
            }
            answers
        });
        sum(join_all(trying).await)
    }

    /// Opens a connection; what became of it if there is none.
    pub(crate) async fn connect(&self) -> Result<TcpStream, String> {
        let stream = timeout(PATIENCE, TcpStream::connect(self.address)).await;
        let stream = stream.map_err(|_| "no connection")?.map_err(|_| "connection refused")?;
        stream.set_nodelay(true).map_err(|_| "connection gone")?;
        Ok(stream)
    }

    /// The same for one that will not read, with as little room for answers as the kernel allows.
    pub(crate) async fn connect_deaf(&self) -> Result<TcpStream, String> {
        let socket = TcpSocket::new_v4().map_err(|_| "no socket")?;
        socket.set_recv_buffer_size(4096).map_err(|_| "no socket")?;
        let stream = timeout(PATIENCE, socket.connect(self.address)).await;
        Ok(stream.map_err(|_| "no connection")?.map_err(|_| "connection refused")?)
    }

    /// One request on a connection of its own; the status.
    pub(crate) async fn ask(&self, request: &[u8]) -> String {
        match self.connect().await {
            Ok(mut stream) => ask(&mut stream, request).await,
            Err(why) => why,
        }
    }

    pub(crate) async fn until_the_end(&self) {
        tokio::time::sleep_until(self.until).await;
    }
}

pub(crate) fn sum(all: impl IntoIterator<Item = Answers>) -> Answers {
    let mut sum = Answers::new();
    for (answer, count) in all.into_iter().flatten() {
        *sum.entry(answer).or_default() += count;
    }
    sum
}

/// The status of the answer; what else came of it.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    if stream.write_all(request).await.is_err() {
        return "closed".to_owned();
    }
    status(stream).await
}

pub(crate) async fn status(stream: &mut TcpStream) -> String {
    let mut head = Vec::with_capacity(1024);
    let reading = async {
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap_or_default() == 0 {
                break;
            }
        }
    };
    match timeout(PATIENCE, reading).await {
        Err(_) => "no answer".to_owned(),
        Ok(()) if head.is_empty() => "closed".to_owned(),
        Ok(()) => status_in(&head),
    }
}

/// As an answer's first line tells it.
pub(crate) fn status_in(head: &[u8]) -> String {
    String::from_utf8_lossy(head).split(' ').nth(1).unwrap_or("no HTTP").to_owned()
}

/// What has become of connections that were held to the end.
pub(crate) fn fates(held: Vec<TcpStream>) -> Answers {
    let mut answers = Answers::new();
    for stream in held {
        let mut some = [0; 64];
        let fate = match stream.try_read(&mut some) {
            Ok(0) => "closed".to_owned(),
            Ok(length) => status_in(&some[..length]),
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => "still open".to_owned(),
            Err(_) => "closed".to_owned(),
        };
        *answers.entry(fate).or_default() += 1;
    }
    answers
}

/// Nothing is to be prepared.
pub(crate) fn nothing(_: Target) -> LocalBoxFuture<'static, Answers> {
    Box::pin(std::future::ready(Answers::new()))
}

/// Before the next try, where the last was refused: the attacker waits no longer than it must.
pub(crate) async fn breathe() {
    sleep(Duration::from_millis(20)).await;
}
