//! The pump, between a source and a sink that the test plays.

use std::sync::Arc;
use std::time::Duration;

use crate::events::{beat, message, places};
use async_trait::async_trait;
use bus::{Batch, BusError, Envelope, LaneMetrics, Outcome, Sink, Source, pump};
use chat_events::Beat;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

type Settled = (Vec<(i64, i64)>, Vec<Outcome>);

/// Gives what it is given, and tells what was settled.
struct Script {
    loads: mpsc::Receiver<Result<Batch, BusError>>,
    settled: mpsc::UnboundedSender<Settled>,
}

#[async_trait]
impl Source for Script {
    async fn next(&mut self) -> Result<Batch, BusError> {
        match self.loads.recv().await {
            Some(next) => next,
            None => std::future::pending().await,
        }
    }

    async fn settle(&mut self, batch: &[Envelope], outcomes: &[Outcome]) -> Result<(), BusError> {
        self.settled.send((places(batch), outcomes.to_vec())).map_err(|_| BusError("the test is over".into()))
    }

    async fn forget_beat(&mut self) -> Result<(), BusError> {
        self.settled.send((vec![], vec![])).map_err(|_| BusError("the test is over".into()))
    }
}

/// Takes a batch for each permit, and tells that it was called.
struct Gate {
    permits: Arc<Semaphore>,
    called: mpsc::UnboundedSender<&'static str>,
}

#[async_trait]
impl Sink for Gate {
    async fn publish(&mut self, batch: &[Envelope]) -> Vec<Outcome> {
        let _over = self.called.send("publish");
        self.permits.acquire().await.expect("open").forget();
        vec![Outcome::Taken; batch.len()]
    }

    async fn beat(&mut self, _: &Beat) -> Result<(), BusError> {
        let _over = self.called.send("beat");
        Err(BusError("away".into()))
    }

    async fn check(&mut self) {
        let _over = self.called.send("check");
    }
}

struct Pumping {
    loads: mpsc::Sender<Result<Batch, BusError>>,
    settled: mpsc::UnboundedReceiver<Settled>,
    called: mpsc::UnboundedReceiver<&'static str>,
    permits: Arc<Semaphore>,
    shutdown: CancellationToken,
    pump: tokio::task::JoinHandle<()>,
}

fn pumping() -> Pumping {
    let (loads, given) = mpsc::channel(8);
    let (told, settled) = mpsc::unbounded_channel();
    let (tell_call, called) = mpsc::unbounded_channel();
    let (permits, shutdown) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
    let source = Script { loads: given, settled: told };
    let sink = Gate { permits: Arc::clone(&permits), called: tell_call };
    let pump = tokio::spawn(pump::run(source, sink, LaneMetrics::unregistered(), shutdown.clone()));
    Pumping { loads, settled, called, permits, shutdown, pump }
}

async fn until_called(pumping: &mut Pumping, what: &str) {
    while pumping.called.recv().await.expect("a pump") != what {}
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_batch_in_flight() {
    let mut pumping = pumping();
    pumping.loads.send(Ok(Batch::Events(vec![message(4, 1)]))).await.expect("a pump");
    until_called(&mut pumping, "publish").await;
    pumping.shutdown.cancel();
    pumping.loads.send(Ok(Batch::Events(vec![message(4, 2)]))).await.expect("a pump");
    pumping.permits.add_permits(2);
    pumping.pump.await.expect("no panic");
    assert_eq!(pumping.settled.recv().await, Some((vec![(4, 1)], vec![Outcome::Taken])));
    assert_eq!(pumping.settled.recv().await, None, "nothing new is begun");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_asked_again() {
    let mut pumping = pumping();
    pumping.permits.add_permits(1);
    for _ in 0..10 {
        pumping.loads.send(Err(BusError("away".into()))).await.expect("a pump");
    }
    pumping.loads.send(Ok(Batch::Events(vec![message(4, 1)]))).await.expect("a pump");
    assert_eq!(pumping.settled.recv().await, Some((vec![(4, 1)], vec![Outcome::Taken])));
}

#[tokio::test(start_paused = true)]
async fn an_idle_sink_is_checked_at_once_and_again_and_again() {
    let mut pumping = pumping();
    for _ in 0..5 {
        until_called(&mut pumping, "check").await;
    }
    // And a shutdown while idle is immediate.
    pumping.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(1), pumping.pump).await.expect("at once").expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_beat_that_is_refused_is_forgotten_and_events_go_on() {
    let mut pumping = pumping();
    pumping.permits.add_permits(1);
    pumping.loads.send(Ok(Batch::Beat(beat()))).await.expect("a pump");
    pumping.loads.send(Ok(Batch::Events(vec![message(4, 1)]))).await.expect("a pump");
    until_called(&mut pumping, "beat").await;
    assert_eq!(pumping.settled.recv().await, Some((vec![], vec![])), "forgotten");
    assert_eq!(pumping.settled.recv().await, Some((vec![(4, 1)], vec![Outcome::Taken])));
}
