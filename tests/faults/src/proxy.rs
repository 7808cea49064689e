//! A TCP proxy in front of one part, as another part sees it. It can cut, refuse, stall and half-close what goes through.
//!
//! - [`meter`]: counts what goes through
//! - [`plant`]: spoils one frame on its way to a client, to see that the checker cries

pub mod meter;
pub mod plant;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::part::Part;
use meter::{Finder, Meter};
use plant::{Plant, Spoiler};

const DIAL_PATIENCE: Duration = Duration::from_secs(1);
/// The kernel's buffers towards clients, so that one that does not read is felt by the gateway.
const CLIENT_BUFFER: usize = 32 * 1024;
/// How long the far end of a connection is kept whose near end vanished.
const STRANDED_FOR: Duration = Duration::from_secs(40);

/// Everything between two parts.
#[derive(Debug)]
pub struct Edge {
    /// Who connects.
    pub from: Part,
    /// Who is connected to.
    pub to: Part,
    /// Where `from` connects.
    pub address: SocketAddr,
    /// What went through.
    pub meter: Meter,
    upstreams: Vec<SocketAddr>,
    control: watch::Sender<Control>,
    born: AtomicU64,
    near_ends: Mutex<HashMap<u64, NearEnd>>,
    plant: Mutex<Option<Plant>>,
}

#[derive(Debug)]
struct NearEnd {
    peer: IpAddr,
    strand: oneshot::Sender<()>,
}

/// What the connections of an edge are told.
#[derive(Debug, Clone, Copy, Default)]
struct Control {
    is_stalled: bool,
    is_refusing: bool,
    /// Connections born before this are to be cut.
    cut_before: u64,
    /// What connections born before this are told is swallowed, and they are told nothing more.
    wedged_before: u64,
    /// Connections born before this carry nothing more in that direction, and the receiver has been told the end.
    half_closed: Option<(Direction, u64)>,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both ends closed it. What they said last is still on its way: no reset.
    Natural,
    Cut,
    Stranded,
}

/// A way through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From who connected.
    There,
    /// To who connected.
    Back,
}

impl Edge {
    /// Listens on a free port. A connection goes to the first of `upstreams` that accepts it.
    pub async fn open(from: Part, to: Part, upstreams: Vec<SocketAddr>) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let edge = Arc::new(Self {
            from,
            to,
            address: listener.local_addr()?,
            meter: Meter::default(),
            upstreams,
            control: watch::Sender::new(Control::default()),
            born: AtomicU64::new(0),
            near_ends: Mutex::default(),
            plant: Mutex::default(),
        });
        tokio::spawn(edge.clone().accept(listener));
        Ok(edge)
    }

    /// Breaks all connections with a reset.
    pub fn cut(&self) {
        let born = self.born.load(Ordering::Relaxed);
        self.control.send_modify(|control| control.cut_before = born);
    }

    /// Refuses new connections, or accepts them again.
    pub fn refuse(&self, is_refusing: bool) {
        self.control.send_modify(|control| control.is_refusing = is_refusing);
    }

    /// Lets nothing through and tells nobody, or lets all through again.
    pub fn stall(&self, is_stalled: bool) {
        self.control.send_modify(|control| control.is_stalled = is_stalled);
    }

    /// Swallows what present connections say, for ever and without a word. New ones are served.
    pub fn wedge(&self) {
        let born = self.born.load(Ordering::Relaxed);
        self.control.send_modify(|control| control.wedged_before = born);
    }

    /// Ends all present connections in one direction only.
    pub fn half_close(&self, direction: Direction) {
        let born = self.born.load(Ordering::Relaxed);
        self.control.send_modify(|control| control.half_closed = Some((direction, born)));
    }

    /// All is well again. What was half closed is cut.
    pub fn heal(&self) {
        self.control.send_modify(|control| {
            let cut_before = control.half_closed.map_or(control.cut_before, |(_, born)| born.max(control.cut_before));
            *control = Control { cut_before, wedged_before: control.wedged_before, ..Control::default() };
        });
    }

    /// Who connected from there vanishes, and the other end is not told. How many connections that were.
    pub fn strand(&self, peer: IpAddr) -> usize {
        let mut near_ends = lock(&self.near_ends);
        let found: Vec<u64> = near_ends.iter().filter(|(_, end)| end.peer == peer).map(|(born, _)| *born).collect();
        let ends = found.iter().filter_map(|born| near_ends.remove(born));
        ends.filter_map(|end| end.strand.send(()).ok()).count()
    }

    /// Spoils a frame on its way to a client.
    pub fn plant(&self, plant: Plant) {
        *lock(&self.plant) = Some(plant);
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((near, peer)) => {
                    let edge = self.clone();
                    tokio::spawn(async move { edge.serve(near, peer.ip()).await });
                }
                // Out of file descriptors, or the like: it passes.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn serve(self: Arc<Self>, mut near: TcpStream, peer: IpAddr) {
        let mut control = self.control.subscribe();
        let born = self.born.fetch_add(1, Ordering::Relaxed);
        if control.borrow_and_update().is_refusing {
            return reset(&near);
        }
        let Some(mut far) = self.dial().await else { return reset(&near) };
        self.tune(&near, &far);
        let (strand, stranded) = oneshot::channel();
        lock(&self.near_ends).insert(born, NearEnd { peer, strand });
        let spoiler = lock(&self.plant).as_ref().and_then(|plant| plant.spoiler_for(peer));
        let end = {
            let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
            let there = self.pump(Direction::There, born, near_in, far_out, None);
            let back = self.pump(Direction::Back, born, far_in, near_out, spoiler);
            tokio::select! {
                _ = async { tokio::join!(there, back) } => End::Natural,
                () = cut(&mut control, born) => End::Cut,
                Ok(()) = stranded => End::Stranded,
            }
        };
        lock(&self.near_ends).remove(&born);
        if end == End::Natural {
            return;
        }
        reset(&near);
        drop(near);
        if end == End::Stranded {
            sleep(STRANDED_FOR).await;
        }
        reset(&far);
    }

    async fn dial(&self) -> Option<TcpStream> {
        for upstream in &self.upstreams {
            if let Ok(Ok(far)) = timeout(DIAL_PATIENCE, TcpStream::connect(upstream)).await {
                return Some(far);
            }
        }
        None
    }

    fn tune(&self, near: &TcpStream, far: &TcpStream) {
        // What the kernel does not grant only makes a fault weaker.
        let _may_fail = (near.set_nodelay(true), far.set_nodelay(true));
        if self.from == Part::Clients {
            let _may_fail = SockRef::from(near).set_send_buffer_size(CLIENT_BUFFER);
            let _may_fail = SockRef::from(far).set_recv_buffer_size(CLIENT_BUFFER);
        }
    }

    /// Carries one direction to its end. An error of one end is passed on as the end of what goes to the other.
    async fn pump(
        &self,
        direction: Direction,
        born: u64,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        mut spoiler: Option<Spoiler>,
    ) -> io::Result<()> {
        let mut control = self.control.subscribe();
        let (mut buffer, mut finder) = (vec![0; 16 * 1024], Finder::default());
        loop {
            let now = *control.borrow_and_update();
            if now.is_half_closed(direction, born) {
                to.shutdown().await?;
                // Until it is cut.
                return std::future::pending().await;
            }
            if now.is_stalled {
                changed(&mut control).await;
                continue;
            }
            let read = tokio::select! {
                read = from.read(&mut buffer) => read,
                () = changed(&mut control) => continue,
            };
            let Ok(length @ 1..) = read else { return to.shutdown().await };
            if born < control.borrow().wedged_before {
                continue;
            }
            self.meter.note(&mut finder, &buffer[..length]);
            match &mut spoiler {
                None => to.write_all(&buffer[..length]).await?,
                Some(spoiler) => to.write_all(&spoiler.spoil(&buffer[..length])).await?,
            }
        }
    }
}

impl Control {
    fn is_half_closed(&self, direction: Direction, born: u64) -> bool {
        self.half_closed.is_some_and(|(closed, before)| closed == direction && born < before)
    }
}

async fn cut(control: &mut watch::Receiver<Control>, born: u64) {
    if control.wait_for(|control| born < control.cut_before).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn changed(control: &mut watch::Receiver<Control>) {
    if control.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// When it is dropped, the peer is sent a reset.
fn reset(stream: &TcpStream) {
    // One that is gone already needs none.
    let _gone = stream.set_zero_linger();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
