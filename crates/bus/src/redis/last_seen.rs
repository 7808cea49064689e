//! When a reader was last seen in a chat: a hash of each chat, written with the signals of marks that rose. It is for
//! programs beside us; REST shows it from the marks in PostgreSQL, which know it for ever.

use chat_events::Signal;
use chat_events::names::last_seen;
use chat_events::signal::SignalData;
use redis::Pipeline;

/// After the last reader of a chat was seen.
const TTL_SECONDS: i64 = 30 * 24 * 3600;

/// Adds the reader and the time of a signal to a pipeline.
pub(super) fn note(pipeline: &mut Pipeline, prefix: &str, signal: &Signal) {
    let SignalData::Mark { mark, .. } = &signal.data else { return };
    let key = format!("{prefix}{}", last_seen(signal.chat_id));
    pipeline.hset(&key, mark.reader.to_string(), mark.updated_at.to_rfc3339()).ignore();
    pipeline.expire(&key, TTL_SECONDS).ignore();
}
