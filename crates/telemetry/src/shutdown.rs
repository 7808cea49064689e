//! When a process is told to end.

/// Ready at the first SIGTERM or SIGINT (Ctrl-C).
pub async fn requested() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be awaited");
            // Without signals the process still ends by Ctrl-C, if that can be awaited.
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    tracing::info!("asked to end");
}
