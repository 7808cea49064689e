//! A poller's work on pending connections: they are accepted, shared among the threads, looked at, and let in or sent away.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::FutureExt;
use http_server::Refused;
use http_server::connections::FULL_FOR;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use smallvec::SmallVec;

use super::acceptor::UpgradeOutcome;
use super::pending::{AcceptorHandle, Found, Listening, PendingConnection};
use super::shard::{INTEREST, LISTENER, Shard, Slot};
use super::{Arrival, Command, ShardHandle};

/// How many are accepted, or looked at first, before others get their turn.
const ACCEPTED_PER_TURN: usize = 16;
/// Turns for accepting the connections that had come when the end came.
const LAST_TURNS: usize = 128;

/// One connection failed before it was accepted, which says nothing of the next.
fn is_of_one_connection(why: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable, TimedOut};
    matches!(why, ConnectionAborted | HostUnreachable | Interrupted | NetworkDown | NetworkUnreachable | TimedOut)
}

impl Shard {
    pub(super) fn listen(&mut self, listener: std::net::TcpListener, shards: Vec<ShardHandle>) {
        let mut listener = TcpListener::from_std(listener);
        if let Err(error) = self.poll.registry().register(&mut listener, LISTENER, Interest::READABLE) {
            tracing::error!(%error, "the listener cannot be polled");
        }
        self.listening = Some(Listening { listener, shards });
        self.accept();
    }

    /// Connections that have come by now are still served.
    pub(super) fn stop_listening(&mut self) {
        for _ in 0..LAST_TURNS {
            self.accept();
            if !self.has_backlog {
                break;
            }
        }
        self.has_backlog = false;
        if let Some(Listening { shards, .. }) = self.listening.take() {
            shards[1..].iter().for_each(|shard| shard.command(Command::StopListening));
        }
        while !self.arrived.is_empty() {
            self.begin_arrived();
        }
        let is_undecided = |slot: &Slot| matches!(slot, Slot::Pending(pending) if !pending.is_being_decided);
        let undecided: Vec<usize> =
            self.slots.iter().filter(|(_, slot)| is_undecided(slot)).map(|(key, _)| key).collect();
        undecided.into_iter().for_each(|key| self.leave_to_http(key));
        self.acceptor = None;
    }

    pub(super) fn accept(&mut self) {
        self.has_backlog = false;
        if self.is_full {
            return;
        }
        let Some(Listening { shards, .. }) = &self.listening else { return };
        let mut loads: SmallVec<[usize; 4]> = shards.iter().map(ShardHandle::load).collect();
        for _ in 0..ACCEPTED_PER_TURN {
            let Some(Listening { listener, .. }) = &self.listening else { return };
            let accepted = match self.waits_for_room.take() {
                Some(first) => Ok(first),
                None => listener.accept().map(|(stream, address)| (stream, address, Instant::now())),
            };
            match accepted {
                Ok((stream, address, since)) => {
                    let Some(arrival) = self.let_in(stream, address, since) else {
                        if self.waits_for_room.is_some() {
                            break;
                        }
                        continue;
                    };
                    let Some(Listening { shards, .. }) = &self.listening else { return };
                    let least = (0..loads.len()).min_by_key(|index| loads[*index]).unwrap_or(0);
                    loads[least] += 1;
                    match least {
                        0 => self.begin_pending(arrival),
                        other => shards[other].command(Command::Accepted(arrival)),
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if is_of_one_connection(why.kind()) => {}
                Err(error) => {
                    tracing::error!(%error, "nobody can be accepted; tried again within a second");
                    self.is_full = true;
                    return;
                }
            }
        }
        self.has_backlog = true;
    }

    /// Begins with connections that were accepted by another thread.
    pub(super) fn begin_arrived(&mut self) {
        for _ in 0..ACCEPTED_PER_TURN {
            let Some(arrival) = self.arrived.pop_front() else { return };
            self.begin_pending(arrival);
        }
    }

    /// Room for a new connection; else it is told that there is none. The connections that go for it are not gone at
    /// once: until then no other one is accepted.
    fn let_in(&mut self, stream: TcpStream, address: SocketAddr, since: Instant) -> Option<Arrival> {
        let acceptor = self.acceptor.as_ref()?.acceptor.clone();
        match acceptor.admit(address) {
            Ok(permit) => return Some(Arrival { stream, address, permit }),
            Err(Refused::Full) if since.elapsed() < FULL_FOR => {
                // Where nobody of HTTP's can go, the pending connection goes that has been silent for longest.
                self.drop_longest_silent();
                self.waits_for_room = Some((stream, address, since));
            }
            Err(why) => http_server::refuse(&stream, &acceptor.refuse(why), || stream.shutdown(Shutdown::Write)),
        }
        None
    }

    fn drop_longest_silent(&mut self) {
        while let Some((_, key)) = self.patient.pop_front() {
            match self.slots.get(key) {
                Some(Slot::Pending(pending)) if !pending.is_being_decided => return drop(self.slots.remove(key)),
                Some(Slot::Open(entry)) => entry.socket.answer_now(),
                Some(Slot::Pending(_)) | None => {}
            }
        }
    }

    fn begin_pending(&mut self, Arrival { stream, address, permit }: Arrival) {
        let pending =
            PendingConnection { stream: Some((stream, permit)), address, is_polled: false, is_being_decided: false };
        let key = self.slots.insert(Slot::Pending(pending));
        // Mostly the first bytes are there by now, and it is polled for later bytes alone.
        self.look_at(key, false);
    }

    /// A pending connection has said something, or is gone. After its end is seen it must be read: no event names it
    /// again.
    pub(super) fn look_at(&mut self, key: usize, is_at_end: bool) {
        let Some(Slot::Pending(pending)) = self.slots.get_mut(key) else { return };
        let PendingConnection { stream: Some((stream, _)), is_being_decided: false, .. } = pending else { return };
        let Some(acceptor) = &self.acceptor else { return };
        // Bytes from strangers must not end a thread that others need.
        let asked = catch_unwind(AssertUnwindSafe(|| acceptor.ask(stream, pending.address)));
        match asked.unwrap_or_else(|_| Err(std::io::Error::other("a handshake made the acceptor panic"))) {
            Ok(Found::Nothing) if pending.is_polled => {}
            Ok(Found::Nothing) => match self.poll.registry().register(stream, Token(key), INTEREST) {
                Ok(()) => {
                    pending.is_polled = true;
                    self.patient.push_back((Instant::now(), key));
                }
                Err(error) => self.send_away(key, &error),
            },
            Ok(Found::Http) => self.leave_to_http(key),
            Ok(Found::Decided(outcome, has_more)) => self.settle(key, outcome, has_more || is_at_end),
            Ok(Found::Undecided(decision)) => {
                pending.is_being_decided = true;
                let mailbox = self.mailbox.clone();
                let decision = AssertUnwindSafe(decision).catch_unwind();
                acceptor.runtime.spawn(async move {
                    // A peer that made it panic is told nothing.
                    let outcome = decision.await.unwrap_or_else(|_| Err(Vec::new()));
                    mailbox.command(Command::Settle(key, outcome));
                });
            }
            Err(error) => self.send_away(key, &error),
        }
    }

    fn send_away(&mut self, key: usize, error: &std::io::Error) {
        tracing::debug!(%error, "a pending is gone");
        self.slots.remove(key);
    }

    /// HTTP has a thread and a reactor of its own.
    pub(super) fn leave_to_http(&mut self, key: usize) {
        let removed = self.slots.try_remove(key);
        let Some(Slot::Pending(PendingConnection { stream: Some((mut stream, permit)), is_polled, .. })) = removed
        else {
            return;
        };
        if is_polled && let Err(error) = self.poll.registry().deregister(&mut stream) {
            tracing::debug!(%error, "a pending was not polled");
        }
        if let Some(AcceptorHandle { acceptor, .. }) = &self.acceptor {
            acceptor.leave_to_http(stream.into(), permit);
        }
    }

    /// The outcome of a pending connection is known.
    pub(super) fn settle(&mut self, key: usize, outcome: UpgradeOutcome, must_read: bool) {
        let Some(Slot::Pending(pending)) = self.slots.get_mut(key) else { return };
        let (Some((mut stream, permit)), is_polled) = (pending.stream.take(), pending.is_polled) else { return };
        let accepted = match outcome {
            Ok(accepted) => accepted,
            Err(answer) => {
                // The first bytes of a connection always fit in its send buffer; it may be gone.
                let _ = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write));
                self.slots.remove(key);
                return;
            }
        };
        match self.begin(stream, permit, key, is_polled, accepted) {
            Ok(entry) => {
                self.open.fetch_add(1, Ordering::Relaxed);
                self.slots[key] = Slot::Open(entry);
            }
            Err(error) => return self.send_away(key, &error),
        }
        if must_read {
            self.read(key);
        }
    }
}
