//! The lines of an event stream beside its frames: when a browser comes back by itself, and why a stream ends.
//!
//! A browser's EventSource reconnects by itself after the time of the last `retry:` line that it read, in whatever stream; it
//! ends for good at any answer that is not 200.

use std::time::Duration;

use bytes::Bytes;
use chat_events::frame::CloseCode;

/// After a break that nobody announced: at least this.
const AFTER_A_BREAK: Duration = Duration::from_secs(1);
/// Over how much more time clients come back that lost their streams at once.
const SPREAD: Duration = Duration::from_secs(4);
/// After an end that is final. A browser that came back would be refused for ever, or push out the stream that took its place,
/// and so on in a ring. The token in its address is over by then.
const AFTER_THE_END: Duration = Duration::from_secs(24 * 60 * 60);

/// The first bytes of a stream: they also show each proxy on the way that there is something to pass on.
pub(super) fn opening() -> Bytes {
    Bytes::from(format!("retry: {}\n\n", millis(after_a_break())))
}

/// Why a connection over HTTP is closed: the code, and when to come back, where that is said.
pub(super) fn close(code: CloseCode, back_in: Option<Duration>) -> serde_json::Value {
    let mut data = serde_json::json!({"code": code.code(), "reason": code.reason()});
    let waits_to_recover = matches!(code, CloseCode::Unavailable | CloseCode::RateLimited | CloseCode::Restart);
    if let Some(wait) = back_in.or_else(|| waits_to_recover.then(after_a_break)).map(millis) {
        data["retry_after_ms"] = wait.into();
    }
    data
}

/// The last event of a stream.
pub(super) fn farewell(code: CloseCode, back_in: Option<Duration>) -> Bytes {
    let data = close(code, back_in);
    let retry = data["retry_after_ms"].as_u64().or_else(|| code.is_final().then(|| millis(AFTER_THE_END)));
    let retry = retry.map(|wait| format!("retry: {wait}\n")).unwrap_or_default();
    Bytes::from(format!("{retry}event: close\ndata: {data}\n\n"))
}

fn after_a_break() -> Duration {
    AFTER_A_BREAK + SPREAD.mul_f64(rand::random())
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(text: &Bytes) -> Option<u64> {
        let text = String::from_utf8_lossy(text);
        text.lines().find_map(|line| line.strip_prefix("retry: ")).map(|wait| wait.parse().expect("a number"))
    }

    #[test]
    fn a_stream_that_comes_back_comes_within_seconds_each_at_another_time() {
        let waits: std::collections::BTreeSet<_> = (0..50).map(|_| retry(&opening())).collect();
        assert!(waits.len() > 40 && waits.iter().all(|wait| wait.is_some_and(|wait| (1000..=5000).contains(&wait))));
        assert_eq!(retry(&farewell(CloseCode::Restart, Some(Duration::from_millis(1830)))), Some(1830));
        let slow = farewell(CloseCode::SlowConsumer, None);
        assert_eq!(slow, "event: close\ndata: {\"code\":4002,\"reason\":\"slow consumer\"}\n\n");
    }

    #[test]
    fn a_stream_that_must_not_come_back_does_not_for_a_day() {
        for code in CloseCode::ALL.into_iter().filter(|code| code.is_final()) {
            let text = farewell(code, None);
            assert_eq!(retry(&text), Some(86_400_000), "{text:?}");
            assert!(!String::from_utf8_lossy(&text).contains("retry_after_ms"), "{text:?}");
        }
    }
}
