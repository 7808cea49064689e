//! A reader of the change feed beside the clients: what it got must be what PostgreSQL has, each change once, in the order of
//! its chat.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::checker::{Finding, Truth, Wrong};
use crate::clients::rest::{Ask, Rest};
use crate::record::At;
use crate::recorder::Recorder;

/// As the report calls it.
pub const NAME: &str = "the feed";

/// A page is small, so that the reader is often amid them when something breaks.
const PAGE: u16 = 50;
const WAIT_MS: u32 = 2000;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A change that the reader got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: At,
    /// In which chat.
    pub chat: i64,
    /// Where there.
    pub seq: i64,
}

/// The reader: it asks both chat-services in turn, and goes on after the last page that it got.
pub struct FeedReader {
    rest: Rest,
    secret: String,
    recorder: Recorder,
}

impl FeedReader {
    /// Reads from the beginning.
    #[must_use]
    pub fn new(rest: Rest, secret: String, recorder: Recorder) -> Self {
        Self { rest, secret, recorder }
    }

    /// Reads until it is refused for good.
    pub async fn run(self) {
        let mut after = json!("oldest");
        loop {
            let body = json!({"after": after, "limit": PAGE, "wait_ms": WAIT_MS});
            let answer = self.rest.ask_once(&Ask::post("/internal/feed", &self.secret, body)).await;
            match answer {
                Some(answer) if answer.is_good() => {
                    self.recorder.feed_read(changes(self.recorder.now(), &answer.body));
                    after = json!({"cursor": answer.body["cursor"]});
                }
                Some(answer) if !answer.is_passing() => {
                    self.recorder.feed_refused(format!("{} {}", answer.status, answer.body));
                    return;
                }
                _ => sleep(RETRY_AFTER).await,
            }
        }
    }
}

fn changes(at: At, page: &Value) -> Vec<Change> {
    let changes = page["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |change: &Value, field: &str| change[field].as_i64().unwrap_or_default();
    changes.iter().map(|change| Change { at, chat: number(change, "chat_id"), seq: number(change, "seq") }).collect()
}

/// How many changes PostgreSQL has that the reader has yet to get.
#[must_use]
pub fn outstanding(read: &[Change], truth: &Truth) -> usize {
    missing(read, truth).len()
}

/// All that is wrong with what was read.
#[must_use]
pub fn check(read: &[Change], truth: &Truth) -> Vec<Finding> {
    let mut tops: HashMap<i64, i64> = HashMap::new();
    let mut findings = Vec::new();
    for change in read {
        let top = tops.entry(change.chat).or_default();
        if change.seq <= *top {
            let wrong = if change.seq == *top { Wrong::Duplicated } else { Wrong::Inverted };
            findings.push(finding(wrong, change, format!("read after {top}")));
        }
        *top = change.seq.max(*top);
    }
    let lost = missing(read, truth);
    findings.extend(lost.iter().map(|change| finding(Wrong::Lost, change, "never read".to_owned())));
    findings
}

fn missing(read: &[Change], truth: &Truth) -> Vec<Change> {
    let mut counts: HashMap<i64, Vec<i64>> = HashMap::new();
    for change in read {
        counts.entry(change.chat).or_default().push(change.seq);
    }
    let mut missing = Vec::new();
    for (chat, known) in &truth.chats {
        let mut seqs = counts.remove(chat).unwrap_or_default();
        seqs.sort_unstable();
        let lost = (1..=known.seq).filter(|seq| seqs.binary_search(seq).is_err());
        missing.extend(lost.map(|seq| Change { at: At::MAX, chat: *chat, seq }));
    }
    missing
}

fn finding(wrong: Wrong, change: &Change, evidence: String) -> Finding {
    Finding { wrong, at: change.at, client: Some(NAME.to_owned()), chat: change.chat, seq: Some(change.seq), evidence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::Chat;

    fn truth() -> Truth {
        let chat = |seq| Chat { is_session: true, seq, state_seq: 1 };
        Truth { chats: [(4, chat(3)), (5, chat(1)), (6, chat(0))].into(), messages: vec![] }
    }

    fn read(places: &[(i64, i64)]) -> Vec<Change> {
        places.iter().map(|(chat, seq)| Change { at: At::from_secs(1), chat: *chat, seq: *seq }).collect()
    }

    fn wrongs(places: &[(i64, i64)]) -> Vec<(Wrong, i64, Option<i64>)> {
        check(&read(places), &truth()).into_iter().map(|found| (found.wrong, found.chat, found.seq)).collect()
    }

    #[test]
    fn every_change_once_and_in_order_is_right() {
        assert!(wrongs(&[(4, 1), (5, 1), (4, 2), (4, 3)]).is_empty());
    }

    #[test]
    fn what_is_missing_doubled_or_out_of_order_is_found() {
        assert_eq!(wrongs(&[(4, 1), (5, 1), (4, 3)]), [(Wrong::Lost, 4, Some(2))]);
        assert_eq!(wrongs(&[(4, 1), (4, 1), (5, 1), (4, 2), (4, 3)]), [(Wrong::Duplicated, 4, Some(1))]);
        assert_eq!(wrongs(&[(4, 2), (4, 1), (5, 1), (4, 3)]), [(Wrong::Inverted, 4, Some(1))]);
        assert_eq!(outstanding(&read(&[(4, 1)]), &truth()), 3);
    }
}
