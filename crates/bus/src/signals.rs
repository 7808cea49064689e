//! The way of signals to all gateways: a bounded queue, and behind it the task of a backend.

use chat_events::Signal;
use prometheus_client::metrics::counter::Counter;
use telemetry::Metrics;
use tokio::sync::{mpsc, watch};

use crate::{BusError, Incoming, Inlets};

/// Signals that wait to be sent. When it is full a signal is dropped: it is only a sign of life.
const WAITING: usize = 1024;

/// How many waiting signals go out together.
const AT_ONCE: usize = 256;

/// Sends signals. Clones send on the same way.
#[derive(Debug, Clone)]
pub struct SignalSink {
    waiting: mpsc::Sender<Signal>,
    here: Option<Inlets>,
    dropped: Counter,
}

impl SignalSink {
    /// A sink, and the signals that a backend is to send.
    pub(crate) fn new() -> (Self, WaitingSignals) {
        let (waiting, queue) = mpsc::channel(WAITING);
        let dropped = Counter::default();
        (Self { waiting, here: None, dropped: dropped.clone() }, WaitingSignals { queue, dropped })
    }

    /// Also tells a gateway in this process at once; a signal that comes to it a second time is known by its id.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_local(mut self, here: Inlets) -> Self {
        self.here = Some(here);
        self
    }

    /// Passes a signal to all gateways that listen. Never waits: a signal for which there is no room is dropped and counted.
    pub fn send(&self, signal: Signal) {
        if let Some(here) = &self.here {
            // A gateway that does not keep up gets it on the other way, or not at all.
            let _full = !here.try_send(Incoming::Signal(signal.clone()));
        }
        if self.waiting.try_send(signal).is_err() {
            self.dropped.inc();
        }
    }

    /// How many signals were dropped: too many waited, or the server was away.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Registers `signals_dropped_total`.
    pub fn register(&self, metrics: &Metrics) {
        let help = "Signals that were not sent: too many waited, or the next part was away";
        metrics.register("signals_dropped", help, self.dropped.clone());
    }
}

/// The end of the queue that a backend reads.
pub(crate) struct WaitingSignals {
    queue: mpsc::Receiver<Signal>,
    dropped: Counter,
}

impl WaitingSignals {
    /// Has a transport send the signals that come, until nobody can send any more. `renewal` tells that its link leads
    /// to the wrong server, or to none: it goes on with a new one.
    pub(crate) async fn send_all(mut self, mut transport: impl SignalTransport, mut renewal: watch::Receiver<()>) {
        loop {
            let signals = tokio::select! {
                signals = self.next() => signals,
                Ok(()) = renewal.changed() => {
                    transport.forget_link();
                    continue;
                }
            };
            let Some(signals) = signals else { return };
            let count = signals.len();
            let dropped = transport.send(signals).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "signals were dropped");
                count
            });
            self.count_dropped(dropped);
        }
    }

    /// The signals that came meanwhile, in order. None when nobody can send any more. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Vec<Signal>> {
        let mut signals = Vec::new();
        (self.queue.recv_many(&mut signals, AT_ONCE).await > 0).then_some(signals)
    }

    /// So many were not sent.
    pub(crate) fn count_dropped(&self, signals: usize) {
        self.dropped.inc_by(signals as u64);
    }
}

/// Sends signals over a link that it opens when it needs one.
pub(crate) trait SignalTransport: Send {
    /// Sends them, except those that are too large; returns how many these were.
    fn send(&mut self, signals: Vec<Signal>) -> impl Future<Output = Result<usize, BusError>> + Send;

    /// The next ones go over a new link.
    fn forget_link(&mut self);
}

/// The signals of other processes that a dispatcher passes on.
#[derive(Debug, Clone, Default)]
pub struct SignalMetrics {
    taken: Counter,
    unreadable: Counter,
}

impl SignalMetrics {
    /// Registers `signals_dispatched_total` and `signals_unreadable_total`.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register("signals_dispatched", "Signals of other processes that were passed on", this.taken.clone());
        metrics.register(
            "signals_unreadable",
            "Signals that could not be read and were dropped",
            this.unreadable.clone(),
        );
        this
    }

    /// How many signals came.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// How many signals could not be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.get()
    }

    /// Passes one on, or drops and counts an unreadable one: a newer version's, or a stranger's.
    pub(crate) fn pass_on(&self, read: serde_json::Result<Signal>, sink: &SignalSink) {
        match read {
            Ok(signal) => {
                self.taken.inc();
                sink.send(signal);
            }
            Err(error) => {
                self.unreadable.inc();
                tracing::debug!(%error, "a signal could not be read");
            }
        }
    }
}
