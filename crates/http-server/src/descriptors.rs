//! The descriptors that the process may open, and how they are shared out.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Shares of the descriptors that the process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All connections of clients. The rest is for the process's own: databases, the bus, files.
    pub connections: usize,
    /// Of these, event streams and WebSockets. The rest is for newcomers, requests and probes.
    pub channels: usize,
}

/// Where a process may open as many as it likes.
const PLENTY: u64 = 1 << 20;

impl Room {
    /// Raises the soft limit of the process to its hard one, and shares that out.
    #[must_use]
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.unwrap_or(PLENTY);
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(PLENTY);
        Self::of(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    fn of(descriptors: usize) -> Self {
        let own = (descriptors / 16).clamp(96, 1024);
        let newcomers = (descriptors / 8).clamp(32, 2048);
        let connections = descriptors.saturating_sub(own).max(1);
        Self { connections, channels: connections.saturating_sub(newcomers).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_leave_room_for_newcomers_and_connections_for_the_process() {
        assert_eq!(Room::of(256), Room { connections: 160, channels: 128 });
        assert_eq!(Room::of(1024), Room { connections: 928, channels: 800 });
        assert_eq!(Room::of(20_000), Room { connections: 18_976, channels: 16_928 });
        assert_eq!(Room::of(10), Room { connections: 1, channels: 1 });
    }
}
