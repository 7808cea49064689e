//! Runs a dispatcher on its own.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use dispatcher::{Config, Neighbours, ServiceContext};
use telemetry::{Health, Metrics, Vital};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Memory that many connections have had goes back to the system, and memory that comes and goes leaves fewer holes
/// between memory that stays than with the allocator of the C library.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// After this the rest is left to the next process: everything is redelivered.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::exit::report("dispatcher", run(Config::parse()).await)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let _guard = telemetry::init("dispatcher", &config.telemetry)?;
    let (health, metrics, vital) = (Health::new(), Metrics::new(), Vital::new());
    health.register(&metrics);
    let shutdown = shutdown_on_signal()?;
    let here = http_server::probes::metrics_apart(&config.telemetry, &health, &metrics, &vital)
        .context("the metrics' address")?;
    let probes = http_server::probes::serve(&config.http_bind, health.clone(), &metrics, &vital, here)
        .with_context(|| format!("cannot listen on {}", config.http_bind))?;

    let context = ServiceContext { health, metrics, vital: vital.clone(), shutdown: shutdown.clone() };
    let pipeline = dispatcher::run(&config.pipeline, Neighbours::default(), context);
    let result = tokio::select! {
        result = pipeline => result.map_err(anyhow::Error::from),
        lost = lost(&vital, &shutdown) => Err(lost.into()),
        () = too_long_after(&shutdown) => Err(anyhow::anyhow!("did not stop in {SHUTDOWN_TIMEOUT:?}")),
    };
    probes.stop().await;
    result
}

fn shutdown_on_signal() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(shutdown)
}

/// A vital task that ends before it is told to.
async fn lost(vital: &Vital, shutdown: &CancellationToken) -> telemetry::vital::Lost {
    let lost = vital.lost().await;
    if shutdown.is_cancelled() { std::future::pending().await } else { lost }
}

async fn too_long_after(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
}
