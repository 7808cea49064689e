//! Thousands of WebSockets on one thread and one epoll, so light that the server is what limits. A message costs this side
//! one `read`, and its share of an `epoll_wait`.
//!
//! [`seat`] is one of them.

pub(crate) mod seat;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mio::{Events, Interest, Poll, Token};
use seat::{Brought, Guest, Seat, Wanted};
use slab::Slab;

/// Handshakes on their way at a time.
const AT_ONCE: usize = 64;
/// How long the next of them may take.
const NEXT_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    seats: Slab<Seat>,
    buffer: Vec<u8>,
}

/// When the seats had a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// The first of them.
    pub(crate) first: Instant,
    /// The last.
    pub(crate) last: Instant,
    /// Bytes of its frames on the wire, over all.
    pub(crate) bytes: usize,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let events = Events::with_capacity(1024);
        Ok(Self { poll: Poll::new()?, events, seats: Slab::new(), buffer: vec![0; 64 * 1024] })
    }

    /// How many are connected.
    pub(crate) fn size(&self) -> usize {
        self.seats.len()
    }

    /// Lets these come, a few at a time, until all are in.
    pub(crate) fn seat(&mut self, guests: impl IntoIterator<Item = Guest>) -> anyhow::Result<()> {
        let mut guests = guests.into_iter().peekable();
        let mut coming = 0;
        while coming > 0 || guests.peek().is_some() {
            for guest in guests.by_ref().take(AT_ONCE - coming) {
                self.admit(guest)?;
                coming += 1;
            }
            let mut let_in = 0;
            self.turn(Instant::now() + NEXT_WITHIN, None, &mut |brought| {
                ensure!(!brought.is_over, "a socket was closed while others connected");
                let_in += usize::from(brought.is_in);
                Ok(())
            })?;
            coming -= let_in;
        }
        Ok(())
    }

    fn admit(&mut self, guest: Guest) -> anyhow::Result<()> {
        let entry = self.seats.vacant_entry();
        let mut seat = Seat::take(guest)?;
        self.poll.registry().register(seat.stream(), Token(entry.key()), Interest::READABLE)?;
        entry.insert(seat);
        Ok(())
    }

    /// Listens until every seat has had that message, once each.
    pub(crate) fn hear(&mut self, wanted: &Wanted, within: Duration) -> anyhow::Result<Heard> {
        let (deadline, all) = (Instant::now() + within, self.seats.len());
        let (mut heard, mut bytes, mut first) = (0, 0, None);
        while heard < all {
            let counted = self.turn(deadline, Some(wanted), &mut |brought| {
                ensure!(!brought.is_over, "a socket was closed");
                heard += brought.messages;
                bytes += brought.bytes;
                if brought.messages > 0 {
                    first.get_or_insert_with(Instant::now);
                }
                Ok(())
            });
            counted.with_context(|| format!("{heard} of {all} sockets had the message"))?;
        }
        Ok(Heard { first: first.context("nobody is connected")?, last: Instant::now(), bytes })
    }

    /// Listens for so long, and tells of each message that has a number, when it came. How many came.
    pub(crate) fn listen(&mut self, time: Duration, heard: &mut dyn FnMut(u32, Instant)) -> anyhow::Result<usize> {
        self.poll.poll(&mut self.events, Some(time))?;
        let (mut count, wanted) = (0, Wanted::any());
        self.serve(Some(&wanted), &mut |brought| {
            ensure!(!brought.is_over, "a socket was closed");
            count += brought.messages;
            if brought.number > 0 {
                heard(brought.number, Instant::now());
            }
            Ok(())
        })?;
        Ok(count)
    }

    /// Answers pings, and nothing else may come to an end.
    pub(crate) fn stay(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.poll.poll(&mut self.events, Some(left))?;
            self.serve(None, &mut |brought| {
                ensure!(!brought.is_over, "a socket was closed");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// All say goodbye and go.
    pub(crate) fn disperse(&mut self, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        for (_, seat) in &mut self.seats {
            seat.leave()?;
        }
        let mut left = self.seats.len();
        while left > 0 {
            let gone = self.turn(deadline, None, &mut |brought| {
                left -= usize::from(brought.is_over);
                Ok(())
            });
            gone.with_context(|| format!("{left} sockets were not closed"))?;
        }
        Ok(())
    }

    /// Waits for something to happen, and serves it.
    fn turn(
        &mut self,
        deadline: Instant,
        wanted: Option<&Wanted>,
        take: &mut dyn FnMut(Brought) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let left = deadline.checked_duration_since(Instant::now()).context("the time is over")?;
        self.poll.poll(&mut self.events, Some(left))?;
        self.serve(wanted, take)
    }

    fn serve(
        &mut self,
        wanted: Option<&Wanted>,
        take: &mut dyn FnMut(Brought) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for event in &self.events {
            let key = event.token().0;
            let Some(seat) = self.seats.get_mut(key) else { continue };
            let at_end = event.is_read_closed() || event.is_error();
            let brought = seat.read(&mut self.buffer, at_end, wanted)?;
            if brought.is_over {
                drop(self.seats.remove(key));
            }
            take(brought)?;
        }
        Ok(())
    }
}
