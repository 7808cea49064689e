//! The services that the dispatcher reaches without a server in between.

/// Other services in the same process, which are reached in memory. None for a dispatcher on its own.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// chat-service's, which tells of commits.
    #[cfg(feature = "postgres")]
    pub waker: Option<bus::outbox::LaneWaker>,
    /// A gateway's queue, which takes whole events.
    pub gateway: Option<bus::Inlets>,
    /// The way on which a gateway sends signals.
    pub signals: Option<bus::SignalSink>,
}
