//! Those who came and are no WebSockets yet: accepted, shared among the threads, looked at, and let in or sent away.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_server::connections::FULL_FOR;
use http_server::{ConnectionPermit, Refused};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::door::{Door, Judgement, Look};
use super::shard::{INTEREST, LISTENER, Place, Shard};
use super::{Arrival, Command, ShardHandle};

/// How many are accepted, or welcomed, before others get their turn.
const GUESTS_PER_TURN: usize = 16;
/// Turns in which those are accepted who had come when the end came.
const LAST_TURNS: usize = 128;

/// Who is asked about guests.
#[derive(Clone)]
pub(super) struct Doorway {
    pub(super) door: Arc<dyn Door>,
    /// Where it is found out what takes a while.
    pub(super) runtime: Handle,
}

/// What a doorway finds about a guest.
enum Found {
    /// It has said nothing.
    Nothing,
    Http,
    /// Its handshake is judged, and there may be more behind it.
    Judged(Judgement, bool),
    /// Its handshake is read, and takes a while.
    Undecided(BoxFuture<'static, Judgement>),
}

impl Doorway {
    fn ask(&self, stream: &TcpStream, address: SocketAddr) -> std::io::Result<Found> {
        let (mut judged, has_more) = match self.door.look_at(stream, address)? {
            Look::Nothing => return Ok(Found::Nothing),
            Look::Http => return Ok(Found::Http),
            Look::Handshake { judged, has_more } => (judged, has_more),
        };
        let _inside = self.runtime.enter();
        Ok(match (&mut judged).now_or_never() {
            Some(judgement) => Found::Judged(judgement, has_more),
            None => Found::Undecided(judged),
        })
    }
}

/// One connection failed before it was accepted, which says nothing of the next.
fn is_of_the_guest(why: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable, TimedOut};
    matches!(why, ConnectionAborted | HostUnreachable | Interrupted | NetworkDown | NetworkUnreachable | TimedOut)
}

/// Where guests come from.
pub(super) struct Entrance {
    listener: TcpListener,
    /// Who shares them; the first is the thread itself.
    shards: Vec<ShardHandle>,
}

/// Somebody who came.
pub(super) struct Guest {
    /// Taken out when it is known what becomes of it.
    stream: Option<(TcpStream, ConnectionPermit)>,
    address: SocketAddr,
    is_polled: bool,
    /// Its handshake was read, and is being judged.
    pub(super) is_judged: bool,
}

impl Shard {
    pub(super) fn listen(&mut self, listener: std::net::TcpListener, shards: Vec<ShardHandle>) {
        let mut listener = TcpListener::from_std(listener);
        if let Err(error) = self.poll.registry().register(&mut listener, LISTENER, Interest::READABLE) {
            tracing::error!(%error, "the listener cannot be polled");
        }
        self.entrance = Some(Entrance { listener, shards });
        self.accept();
    }

    /// Whoever has come by now is still served.
    pub(super) fn stop_listening(&mut self) {
        for _ in 0..LAST_TURNS {
            self.accept();
            if !self.has_backlog {
                break;
            }
        }
        self.has_backlog = false;
        if let Some(Entrance { shards, .. }) = self.entrance.take() {
            shards[1..].iter().for_each(|shard| shard.command(Command::StopListening));
        }
        while !self.arrived.is_empty() {
            self.welcome_some();
        }
        let is_unjudged = |place: &Place| matches!(place, Place::Guest(guest) if !guest.is_judged);
        let unjudged: Vec<usize> =
            self.places.iter().filter(|(_, place)| is_unjudged(place)).map(|(key, _)| key).collect();
        unjudged.into_iter().for_each(|key| self.leave_to_http(key));
        self.doorway = None;
    }

    pub(super) fn accept(&mut self) {
        self.has_backlog = false;
        if self.is_full {
            return;
        }
        let Some(Entrance { shards, .. }) = &self.entrance else { return };
        let mut loads: SmallVec<[usize; 4]> = shards.iter().map(ShardHandle::load).collect();
        for _ in 0..GUESTS_PER_TURN {
            let Some(Entrance { listener, .. }) = &self.entrance else { return };
            let accepted = match self.on_the_step.take() {
                Some(first) => Ok(first),
                None => listener.accept().map(|(stream, address)| (stream, address, Instant::now())),
            };
            match accepted {
                Ok((stream, address, since)) => {
                    let Some(arrival) = self.let_in(stream, address, since) else {
                        if self.on_the_step.is_some() {
                            break;
                        }
                        continue;
                    };
                    let Some(Entrance { shards, .. }) = &self.entrance else { return };
                    let least = (0..loads.len()).min_by_key(|index| loads[*index]).unwrap_or(0);
                    loads[least] += 1;
                    match least {
                        0 => self.welcome(arrival),
                        other => shards[other].command(Command::Guest(arrival)),
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if is_of_the_guest(why.kind()) => {}
                Err(error) => {
                    tracing::error!(%error, "nobody can be accepted; tried again within a second");
                    self.is_full = true;
                    return;
                }
            }
        }
        self.has_backlog = true;
    }

    /// Those who were accepted elsewhere.
    pub(super) fn welcome_some(&mut self) {
        for _ in 0..GUESTS_PER_TURN {
            let Some(arrival) = self.arrived.pop_front() else { return };
            self.welcome(arrival);
        }
    }

    /// Room for somebody who came, or it is told that there is none. Those who go for it are not gone at once: until then nobody
    /// else is accepted.
    fn let_in(&mut self, stream: TcpStream, address: SocketAddr, since: Instant) -> Option<Arrival> {
        let door = self.doorway.as_ref()?.door.clone();
        match door.admit(address) {
            Ok(permit) => return Some(Arrival { stream, address, permit }),
            Err(Refused::Full) if since.elapsed() < FULL_FOR => {
                // Where nobody of HTTP's can go, the guest goes that has been silent for longest.
                self.send_silent_guest_away();
                self.on_the_step = Some((stream, address, since));
            }
            Err(why) => http_server::refuse(&stream, &door.refuse(why), || stream.shutdown(Shutdown::Write)),
        }
        None
    }

    fn send_silent_guest_away(&mut self) {
        while let Some((_, key)) = self.patient.pop_front() {
            match self.places.get(key) {
                Some(Place::Guest(guest)) if !guest.is_judged => return drop(self.places.remove(key)),
                Some(Place::Open(entry)) => entry.socket.answer_now(),
                Some(Place::Guest(_)) | None => {}
            }
        }
    }

    fn welcome(&mut self, Arrival { stream, address, permit }: Arrival) {
        let guest = Guest { stream: Some((stream, permit)), address, is_polled: false, is_judged: false };
        let key = self.places.insert(Place::Guest(guest));
        // Mostly the first bytes are there by now, and it is polled for what comes later alone.
        self.look_at(key, false);
    }

    /// Somebody has said something, or is gone. After its end is seen it must be read: no event names it again.
    pub(super) fn look_at(&mut self, key: usize, is_at_end: bool) {
        let Some(Place::Guest(guest)) = self.places.get_mut(key) else { return };
        let Guest { stream: Some((stream, _)), is_judged: false, .. } = guest else { return };
        let Some(doorway) = &self.doorway else { return };
        // What strangers send must not end a thread that others need.
        let asked = catch_unwind(AssertUnwindSafe(|| doorway.ask(stream, guest.address)));
        match asked.unwrap_or_else(|_| Err(std::io::Error::other("a handshake made the door panic"))) {
            Ok(Found::Nothing) if guest.is_polled => {}
            Ok(Found::Nothing) => match self.poll.registry().register(stream, Token(key), INTEREST) {
                Ok(()) => {
                    guest.is_polled = true;
                    self.patient.push_back((Instant::now(), key));
                }
                Err(error) => self.send_away(key, &error),
            },
            Ok(Found::Http) => self.leave_to_http(key),
            Ok(Found::Judged(judgement, has_more)) => self.settle(key, judgement, has_more || is_at_end),
            Ok(Found::Undecided(judged)) => {
                guest.is_judged = true;
                let mailbox = self.mailbox.clone();
                let judged = AssertUnwindSafe(judged).catch_unwind();
                doorway.runtime.spawn(async move {
                    // Whoever made it panic is told nothing.
                    let judgement = judged.await.unwrap_or_else(|_| Err(Vec::new()));
                    mailbox.command(Command::Settle(key, judgement));
                });
            }
            Err(error) => self.send_away(key, &error),
        }
    }

    fn send_away(&mut self, key: usize, error: &std::io::Error) {
        tracing::debug!(%error, "a guest is gone");
        self.places.remove(key);
    }

    /// HTTP has a thread and a reactor of its own.
    pub(super) fn leave_to_http(&mut self, key: usize) {
        let removed = self.places.try_remove(key);
        let Some(Place::Guest(Guest { stream: Some((mut stream, permit)), is_polled, .. })) = removed else { return };
        if is_polled && let Err(error) = self.poll.registry().deregister(&mut stream) {
            tracing::debug!(%error, "a guest was not polled");
        }
        if let Some(Doorway { door, .. }) = &self.doorway {
            door.leave_to_http(stream.into(), permit);
        }
    }

    /// It is known what becomes of a guest.
    pub(super) fn settle(&mut self, key: usize, judgement: Judgement, must_read: bool) {
        let Some(Place::Guest(guest)) = self.places.get_mut(key) else { return };
        let (Some((mut stream, permit)), is_polled) = (guest.stream.take(), guest.is_polled) else { return };
        let admission = match judgement {
            Ok(admission) => admission,
            Err(answer) => {
                // The first bytes of a connection always fit in its send buffer; it may be gone.
                let _ = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write));
                self.places.remove(key);
                return;
            }
        };
        match self.begin(stream, permit, key, is_polled, admission) {
            Ok(entry) => {
                self.open.fetch_add(1, Ordering::Relaxed);
                self.places[key] = Place::Open(entry);
            }
            Err(error) => return self.send_away(key, &error),
        }
        if must_read {
            self.read(key);
        }
    }
}
