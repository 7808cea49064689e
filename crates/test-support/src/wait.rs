//! Waits for a condition, never for a time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longer than anything here takes on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Often enough to cost a test no time.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer. Panics when there is none within [`PATIENCE`], and says what it waited for.
pub async fn wait_until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(PAUSE).await;
    }
}

/// Waits for one thing, within [`PATIENCE`].
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Runs a future to its end from `drop`, whatever runtime is around or none.
pub(crate) fn finish(future: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), future).await.ok() });
    });
    // It failed: a later test sweeps what is left.
    let _swept_later = thread.join();
}
