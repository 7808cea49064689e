//! How many connections there may be: in all, of one address, and of the ones that stay.
//!
//! A connection that waits for its peer gives way to a newcomer when there is no room: the oldest goes first, so that
//! unfinished requests cannot keep others out, nor the probes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use chat_events::{ErrorBody, ErrorCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use rate_limits::network;
use slab::Slab;
use telemetry::Metrics;

use crate::complaints::Complaints;
use crate::config::HttpConfig;
use crate::connection::{Connection, Cut};
use crate::deadlines;
use crate::descriptors::Room;

/// Bytes of answers that wait in this process for their peers to read on. Over it, the connections that read least are
/// cut.
const MAX_UNSENT: usize = 64 * 1024 * 1024;
/// Of the channels one in so many may have yet to prove its owner.
const UNPROVED_SHARE: usize = 4;
/// How long the room may be used up before it is looked at who could go, once more.
const RELIEVE_EVERY: Duration = Duration::from_millis(50);
/// How long it is tried to let a connection in while others go for it, and how often.
pub const FULL_FOR: Duration = Duration::from_millis(200);
/// Between two tries.
pub const TRY_EVERY: Duration = Duration::from_millis(5);
/// How long a client is told to wait for whom there is no room.
const COME_AGAIN_IN: Duration = Duration::from_secs(5);

/// All connections of this process's clients.
#[derive(Debug)]
pub struct Connections {
    room: Room,
    per_address: usize,
    /// Behind a proxy all connections come from its address: then channels are counted, by the address that it names.
    is_behind_proxies: bool,
    counts: Mutex<Counts>,
    unsent: AtomicUsize,
    relieved: Mutex<Instant>,
    pub(crate) complaints: Complaints,
    refused: Family<Reason, Counter>,
    cut: Family<Reason, Counter>,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    /// Of these, they were told to go and are not gone yet.
    leaving: usize,
    channels: usize,
    /// Of these, nobody has said yet whose they are.
    unproved: usize,
    addresses: HashMap<IpAddr, usize>,
    served: Slab<Weak<Connection>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its address has as many as it may have.
    Address,
    /// There is no room, and nobody who could give way.
    Full,
}

impl Connections {
    /// For a process that has none yet.
    #[must_use]
    pub fn new(config: HttpConfig, is_behind_proxies: bool, metrics: &Metrics) -> Arc<Self> {
        Self::with_room(Room::of_this_process(), config, is_behind_proxies, metrics)
    }

    /// With that much room, however much the process has.
    #[must_use]
    pub fn with_room(room: Room, config: HttpConfig, is_behind_proxies: bool, metrics: &Metrics) -> Arc<Self> {
        let (refused, cut) = (Family::default(), Family::default());
        metrics.register(
            "connections_refused",
            "Connections that were not served, by what there was no room for",
            refused.clone(),
        );
        metrics.register(
            "http_connections_cut",
            "HTTP connections that were ended for what their peer did not do",
            cut.clone(),
        );
        let connections = Arc::new(Self {
            room,
            per_address: config.connections_per_address,
            is_behind_proxies,
            counts: Mutex::default(),
            unsent: AtomicUsize::new(0),
            relieved: Mutex::new(Instant::now()),
            complaints: Complaints::default(),
            refused,
            cut,
        });
        deadlines::watch(&connections);
        connections
    }

    /// Lets a connection in that was just accepted; others may have to go for it. They are not gone at once: a caller
    /// that finds it full tries again for [`FULL_FOR`], and then says [`Self::refuse`].
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<ConnectionPermit, Refused> {
        if self.is_full() {
            self.make_room();
        }
        let mut counts = self.counts();
        // Connections that are leaving are still there: the process has some descriptors more for that while.
        if counts.open - counts.leaving >= self.room.connections || counts.open >= self.room.connections + SLACK {
            return Err(Refused::Full);
        }
        let address = (!self.is_behind_proxies).then(|| network(peer));
        if !counts.take_address(address, self.per_address) {
            return Err(Refused::Address);
        }
        counts.open += 1;
        Ok(ConnectionPermit { connections: self.clone(), address, is_leaving: AtomicBool::new(false) })
    }

    /// The error for a connection that is not let in.
    pub fn refuse(&self, why: Refused) -> ErrorBody {
        self.count_refused(why.label());
        why.body()
    }

    /// Lets an event stream or a WebSocket open on a connection that is there, for the client at this address. A
    /// connection that has yet to prove its owner finds less room: strangers are not to take it from those who can.
    pub fn open_channel(self: &Arc<Self>, client: Option<IpAddr>, is_proved: bool) -> Result<ChannelPermit, ErrorBody> {
        let mut counts = self.counts();
        let has_room = is_proved || counts.unproved < self.room.channels.div_ceil(UNPROVED_SHARE);
        if counts.channels >= self.room.channels || !has_room {
            drop(counts);
            self.count_refused("channels");
            let full = ErrorBody::new(ErrorCode::Unavailable, "there is no room for another channel; come again");
            return Err(full.retry_after(COME_AGAIN_IN));
        }
        let address = client.filter(|_| self.is_behind_proxies).map(network);
        if !counts.take_address(address, self.per_address) {
            drop(counts);
            return Err(self.refuse(Refused::Address));
        }
        counts.channels += 1;
        counts.unproved += usize::from(!is_proved);
        Ok(ChannelPermit { connections: self.clone(), address, is_unproved: AtomicBool::new(!is_proved) })
    }

    /// HTTP takes a connection over.
    pub(crate) fn serve(&self, connection: Weak<Connection>) -> usize {
        self.counts().served.insert(connection)
    }

    pub(crate) fn forget(&self, key: usize) {
        self.counts().served.try_remove(key);
    }

    /// The connections that HTTP serves. They must not be dropped while the counts are locked: the last one counts
    /// itself out.
    pub(crate) fn served(&self) -> Vec<Arc<Connection>> {
        self.counts().served.iter().filter_map(|(_, connection)| connection.upgrade()).collect()
    }

    pub(crate) fn count_cut(&self, cut: Cut) {
        self.cut.get_or_create(&Reason { reason: cut.label() }).inc();
    }

    /// So many bytes more, or fewer, wait for their peers.
    pub(crate) fn unsent_changes(&self, before: usize, after: usize) {
        match after.checked_sub(before) {
            Some(more) => self.unsent.fetch_add(more, Ordering::Relaxed),
            None => self.unsent.fetch_sub(before - after, Ordering::Relaxed),
        };
    }

    /// Cuts the connections that hold most and read least, while too much is unsent.
    pub(crate) fn relieve(&self, now: Instant) {
        let excess = |unsent: &AtomicUsize| unsent.load(Ordering::Relaxed).saturating_sub(MAX_UNSENT);
        if excess(&self.unsent) == 0 || !self.may_relieve(now) {
            return;
        }
        let mut holders: Vec<_> =
            self.served().into_iter().filter_map(|held| Some((held.slow_with(now)?, held))).collect();
        holders.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut excess = excess(&self.unsent);
        for (bytes, connection) in holders {
            if excess == 0 {
                break;
            }
            connection.cut(Cut::Memory);
            excess = excess.saturating_sub(bytes);
        }
    }

    fn may_relieve(&self, now: Instant) -> bool {
        let mut relieved = self.relieved.lock().unwrap_or_else(PoisonError::into_inner);
        let may = now.saturating_duration_since(*relieved) >= RELIEVE_EVERY;
        if may {
            *relieved = now;
        }
        may
    }

    fn is_full(&self) -> bool {
        let counts = self.counts();
        counts.open - counts.leaving >= self.room.connections
    }

    /// Several go at once, since finding them is dear when there are many.
    fn make_room(&self) {
        let mut waiting: Vec<_> =
            self.served().into_iter().filter_map(|served| Some((served.waits_since()?, served))).collect();
        waiting.sort_by_key(|(since, _)| *since);
        let some = (waiting.len() / 8).clamp(1, 256);
        for (_, connection) in waiting.iter().take(some) {
            connection.leave();
        }
    }

    fn count_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Descriptors of the process's own that newcomers may have for a moment, until the connections before them have left.
const SLACK: usize = 32;

impl Counts {
    /// False when that address has as many as it may have.
    fn take_address(&mut self, address: Option<IpAddr>, at_most: usize) -> bool {
        let Some(address) = address.filter(|_| at_most > 0) else { return true };
        let count = self.addresses.entry(address).or_default();
        let has_room = *count < at_most;
        if has_room {
            *count += 1;
        }
        has_room
    }

    fn give_address_back(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Refused {
    fn body(self) -> ErrorBody {
        match self {
            Self::Address => ErrorBody::rate_limited("your address has too many connections", COME_AGAIN_IN),
            Self::Full => ErrorBody::new(ErrorCode::Unavailable, "there is no room for another connection; come again")
                .retry_after(COME_AGAIN_IN),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Full => "full",
        }
    }
}

/// A connection is counted as long as this is kept.
#[derive(Debug)]
pub struct ConnectionPermit {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
    is_leaving: AtomicBool,
}

impl ConnectionPermit {
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// It will be gone soon: its place can be given away.
    pub(crate) fn leave(&self) {
        if !self.is_leaving.swap(true, Ordering::Relaxed) {
            self.connections.counts().leaving += 1;
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        counts.open -= 1;
        if self.is_leaving.load(Ordering::Relaxed) {
            counts.leaving -= 1;
        }
        counts.give_address_back(self.address);
    }
}

/// An event stream or a WebSocket is counted as long as this is kept.
#[derive(Debug)]
pub struct ChannelPermit {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
    is_unproved: AtomicBool,
}

impl ChannelPermit {
    /// It has been said whose it is: its place is free for other strangers.
    pub fn prove(&self) {
        if self.is_unproved.load(Ordering::Relaxed) && self.is_unproved.swap(false, Ordering::Relaxed) {
            self.connections.counts().unproved -= 1;
        }
    }
}

impl Drop for ChannelPermit {
    fn drop(&mut self) {
        self.prove();
        let mut counts = self.connections.counts();
        counts.channels -= 1;
        counts.give_address_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { connections: 4, channels: 2 };

    fn connections(per_address: usize, is_behind_proxies: bool) -> Arc<Connections> {
        let config = HttpConfig { connections_per_address: per_address };
        Connections::with_room(ROOM, config, is_behind_proxies, &Metrics::new())
    }

    fn from(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_may_have_so_many_connections_and_a_network_of_ipv6_is_one() {
        let connections = connections(1, false);
        let held = connections.admit(from("2001:db8:0:1::1")).expect("the first");
        assert_eq!(connections.admit(from("2001:db8:0:1::2")).err(), Some(Refused::Address));
        let _other = connections.admit(from("2001:db8:0:2::1")).expect("another network");
        let _mapped = connections.admit(from("::ffff:192.0.2.7")).expect("another address");
        assert_eq!(connections.admit(from("192.0.2.7")).err(), Some(Refused::Address));
        drop(held);
        assert!(connections.admit(from("2001:db8:0:1::2")).is_ok());
        drop(connections);
    }

    #[test]
    fn behind_a_proxy_channels_are_counted_by_the_address_that_it_names() {
        let connections = connections(1, true);
        let _proxy = [connections.admit(from("10.0.0.1")), connections.admit(from("10.0.0.1"))].map(Result::unwrap);
        let channel = connections.open_channel(Some(from("192.0.2.7")), true).expect("the first");
        let refused = connections.open_channel(Some(from("192.0.2.7")), true).expect_err("the second");
        assert_eq!(refused.code, ErrorCode::RateLimited);
        drop(channel);
        assert!(connections.open_channel(Some(from("192.0.2.7")), true).is_ok());
    }

    #[test]
    fn those_who_have_yet_to_prove_themselves_leave_room_for_those_who_have() {
        let config = HttpConfig { connections_per_address: 0 };
        let room = Room { connections: 20, channels: 8 };
        let connections = Connections::with_room(room, config, false, &Metrics::new());
        let stranger = || connections.open_channel(None, false);
        let held = [stranger().expect("room"), stranger().expect("room")];
        assert_eq!(stranger().expect_err("no room").code, ErrorCode::Unavailable);
        assert!(connections.open_channel(None, true).is_ok());
        held[0].prove();
        let third = stranger().expect("one has proved itself");
        drop((held, third));
        assert_eq!([stranger(), stranger()].iter().flatten().count(), 2);
    }

    #[test]
    fn channels_leave_room_for_others_and_no_limit_means_no_limit() {
        let connections = connections(0, false);
        let channel = || connections.open_channel(Some(from("192.0.2.7")), true);
        let held = [channel().expect("room"), channel().expect("room")];
        let refused = channel().expect_err("no room");
        assert_eq!((refused.code, refused.details["retry_after"].as_u64()), (ErrorCode::Unavailable, Some(5)));
        drop(held);
        let held: Vec<_> = (0..4).map(|_| connections.admit(from("192.0.2.7")).expect("room")).collect();
        assert_eq!(connections.admit(from("192.0.2.7")).err(), Some(Refused::Full));
        drop(held);
        assert!(connections.admit(from("192.0.2.7")).is_ok());
    }
}
