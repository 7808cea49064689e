//! What a poll asks for: its body, read exactly. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_events::frame;
use chat_events::gateway_api::MAX_CURSORS;
use chat_events::{ChatId, Epoch, ErrorBody, ErrorCode, Seq};
use serde::{Deserialize, Deserializer};

use crate::catch_up::cursor::Position;
use crate::catch_up::resume::Cursors;

/// The longest body of a poll with the cursors of many chats, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// The same for the client of a session, which has one chat.
pub(crate) const MAX_CLIENT_BODY: usize = 4 * 1024;
/// How long a poll may wait, in seconds: proxies cut an answer that does not begin within 30 or 60.
const MAX_WAIT: f64 = 25.0;
/// The longest words of a refusal.
const MOST_CHARACTERS: usize = 200;

/// The body of a poll.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PollRequest {
    /// The session of a client.
    pub session_id: Option<ChatId>,
    /// `staff`, or missing.
    pub r#type: Option<String>,
    /// For each chat the last seq that came. None in the first poll.
    #[serde(deserialize_with = "cursors_if_any")]
    cursors: Option<BTreeMap<ChatId, Seq>>,
    /// The same of a client's one chat.
    after: Option<Seq>,
    /// `data.epoch` of the `connected` that the cursors are from.
    epoch: Option<Epoch>,
    /// In seconds.
    wait: Option<f64>,
}

fn cursors_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeMap<ChatId, Seq>>, D::Error> {
    #[derive(Deserialize)]
    struct Named(#[serde(deserialize_with = "frame::cursors")] BTreeMap<ChatId, Seq>);
    Ok(Option::<Named>::deserialize(deserializer)?.map(|Named(cursors)| cursors))
}

impl PollRequest {
    /// Reads it. Nothing at all is an empty object.
    pub fn read(body: &[u8]) -> Result<Self, ErrorBody> {
        let text = body.trim_ascii();
        if text.is_empty() {
            return Ok(Self::default());
        }
        // serde would also read a list of the values.
        if text[0] != b'{' {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "the body of a poll is a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let request: Self = serde_path_to_error::deserialize(&mut json).map_err(|why| unreadable(&why))?;
        json.end().map_err(|why| not_json(&why))?;
        request.check()
    }

    fn check(self) -> Result<Self, ErrorBody> {
        let invalid = |field, words: &str| Err(ErrorBody::field(ErrorCode::Invalid, field, format!("{field} {words}")));
        if self.wait.is_some_and(|wait| !(0.0..=MAX_WAIT).contains(&wait)) {
            return invalid("wait", "is a number of seconds from 0 to 25");
        }
        if self.cursors.iter().flatten().any(|(_, seq)| *seq < Seq::ZERO) {
            return invalid("cursors", "hold a seq for each chat: 0 or more");
        }
        if self.after.is_some_and(|after| after < Seq::ZERO) {
            return invalid("after", "is a seq: 0 or more");
        }
        Ok(self)
    }

    /// How long it waits.
    pub fn wait(&self) -> Duration {
        Duration::from_secs_f64(self.wait.unwrap_or(MAX_WAIT))
    }

    /// Where the client of a session comes back from.
    pub fn position(&self, session: ChatId) -> Result<Option<Position>, ErrorBody> {
        let mut cursors = self.cursors.clone().unwrap_or_default();
        let own = cursors.remove(&session);
        if !cursors.is_empty() {
            return Err(ErrorBody::field(
                ErrorCode::Invalid,
                "cursors",
                "cursors name a chat that is not this session",
            ));
        }
        let epoch = self.epoch.unwrap_or(Epoch::FIRST);
        Ok(own.or(self.after).map(|seq| Position { seq, epoch }))
    }

    /// The cursors of many chats, in pieces of as many as one `resume` may hold. None in the first poll.
    pub(crate) fn cursors(self) -> Result<Option<Box<[Cursors]>>, ErrorBody> {
        if self.after.is_some() {
            return Err(ErrorBody::field(ErrorCode::Invalid, "after", "after is for the client of a session"));
        }
        let epoch = self.epoch;
        let Some(mut left) = self.cursors else { return Ok(None) };
        let mut pieces = Vec::new();
        while let Some(first_beyond) = left.keys().nth(MAX_CURSORS).copied() {
            let beyond = left.split_off(&first_beyond);
            pieces.push(Cursors { cursors: std::mem::replace(&mut left, beyond), epoch });
        }
        pieces.push(Cursors { cursors: left, epoch });
        Ok(Some(pieces.into()))
    }
}

/// The fault, and its field; of the content no more than a number.
fn unreadable(why: &serde_path_to_error::Error<serde_json::Error>) -> ErrorBody {
    if !why.inner().is_data() {
        return not_json(why.inner());
    }
    let words = why.inner().to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let words = match (words.split_once(": string "), words.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}: a string, expected {expected}"),
        _ => words.to_owned(),
    };
    let path = why.path().to_string();
    let named = words.contains(" field `").then(|| words.split('`').nth(1)).flatten().map(str::to_owned);
    let field = shortened(&named.unwrap_or(path));
    ErrorBody::field(ErrorCode::Invalid, &field, format!("{field}: {}", shortened(&words)))
}

fn not_json(why: &serde_json::Error) -> ErrorBody {
    let (line, column) = (why.line(), why.column());
    ErrorBody::new(ErrorCode::BadRequest, format!("the body is not JSON: line {line}, column {column}"))
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS / 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> PollRequest {
        PollRequest::read(json.as_bytes()).unwrap_or_else(|why| panic!("{why:?} for {json}"))
    }

    fn refused(json: &str) -> (ErrorCode, Option<String>) {
        let error = PollRequest::read(json.as_bytes()).expect_err(json);
        (error.code, error.details.get("field").and_then(|field| field.as_str()).map(str::to_owned))
    }

    #[test]
    fn a_first_poll_needs_no_body_and_waits_as_long_as_it_may() {
        for empty in ["", " \n", "{}"] {
            assert_eq!((read(empty).wait(), read(empty).cursors()), (Duration::from_secs(25), Ok(None)));
        }
        assert_eq!(read(r#"{"wait": 0.5}"#).wait(), Duration::from_millis(500));
    }

    #[test]
    fn cursors_come_in_pieces_and_none_is_not_the_same_as_no_cursors() {
        assert_eq!(read(r#"{"cursors": {}}"#).cursors().map(|pieces| pieces.map(|pieces| pieces.len())), Ok(Some(1)));
        let many: Vec<String> = (0..2001).map(|chat| format!("\"{chat}\": {chat}")).collect();
        let pieces = read(&format!("{{\"epoch\": 2, \"cursors\": {{{}}}}}", many.join(",")));
        let pieces = pieces.cursors().expect("good").expect("cursors");
        assert_eq!(pieces.iter().map(|piece| piece.cursors.len()).collect::<Vec<_>>(), [1000, 1000, 1]);
        assert!(pieces.iter().all(|piece| piece.epoch == Some(Epoch(2))));
    }

    #[test]
    fn a_client_has_one_position_however_it_says_it() {
        let at = |seq, epoch| Ok(Some(Position { seq: Seq(seq), epoch: Epoch(epoch) }));
        assert_eq!(read(r#"{"cursors": {"7": 3}, "epoch": 2}"#).position(ChatId(7)), at(3, 2));
        assert_eq!(read(r#"{"after": 3}"#).position(ChatId(7)), at(3, 1));
        assert_eq!(read(r#"{"cursors": {}}"#).position(ChatId(7)), Ok(None));
        let other = read(r#"{"cursors": {"8": 3}}"#).position(ChatId(7)).expect_err("not its chat");
        assert_eq!(other.code, ErrorCode::Invalid);
    }

    #[test]
    fn a_fault_is_told_with_its_field() {
        for (bad, field) in [
            (r#"{"wait": -1}"#, "wait"),
            (r#"{"wait": 25.1}"#, "wait"),
            (r#"{"wait": "long"}"#, "wait"),
            (r#"{"cursors": {"7": -1}}"#, "cursors"),
            (r#"{"cursors": {"seven": 1}}"#, "cursors"),
            (r#"{"cursors": {"7": 1.5}}"#, "cursors.7"),
            (r#"{"cursors": [1]}"#, "cursors"),
            (r#"{"after": -1}"#, "after"),
            (r#"{"epoch": "first"}"#, "epoch"),
            (r#"{"session_id": null, "token": "hunter2"}"#, "token"),
        ] {
            assert_eq!(refused(bad), (ErrorCode::Invalid, Some(field.to_owned())), "{bad}");
        }
        for bad in ["{", "[]", "7", "{}{}", r#"{"wait": 1e999}"#, "\u{1}"] {
            assert_eq!(refused(bad).0, ErrorCode::BadRequest, "{bad}");
        }
    }
}
