//! `docs/protocol.md` says what the types say: every frame has an example, and every example is a frame.

use std::collections::BTreeSet;

use chat_events::frame::{ACTIVITY, ClientFrame, CloseCode, ServerFrame};
use chat_events::operator::OperatorState;
use chat_events::signal::SignalData;
use chat_events::{Activity, Command, ErrorCode, EventKind, Mark, Member, Message, Session, SessionDesk, Sign};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const DOC: &str = include_str!("../../../docs/protocol.md");

/// The `json` blocks behind `<!-- frame: side -->`.
fn examples(side: &str) -> Vec<Value> {
    let mark = format!("<!-- frame: {side} -->\n```json\n");
    let blocks = DOC.split(&mark).skip(1).map(|rest| rest.split_once("\n```").expect("the block ends").0);
    blocks.map(|json| serde_json::from_str(json).unwrap_or_else(|why| panic!("{why} in {json}"))).collect()
}

fn type_of(frame: &Value) -> &str {
    frame["type"].as_str().unwrap_or_else(|| panic!("no type in {frame}"))
}

fn types_of(frames: &[Value]) -> BTreeSet<String> {
    frames.iter().map(|frame| type_of(frame).to_owned()).collect()
}

/// The types that an enum knows, in serde's own words for one that it does not know.
fn known_types<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(why) = serde_json::from_str::<T>(r#"{"type":"?"}"#) else { panic!("? is no type") };
    let why = why.to_string();
    let (_, known) = why.split_once("expected one of").expect("a list");
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table below this heading, cell by cell, without the head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = DOC.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect()
}

/// Nothing is missing in the example, and nothing is in it that the type does not have.
fn assert_exact<T: DeserializeOwned + Serialize>(example: &Value) {
    let parsed: T = serde_json::from_value(example.clone()).unwrap_or_else(|why| panic!("{why} in {example}"));
    assert_eq!(&serde_json::to_value(parsed).expect("as JSON"), example);
}

#[test]
fn every_client_frame_has_an_example_that_parses() {
    let examples = examples("client");
    for example in &examples {
        let parsed = ClientFrame::parse(&example.to_string());
        assert!(parsed.is_ok(), "{parsed:?} for {example}");
    }
    let mut known = known_types::<ClientFrame>();
    known.extend(Command::TYPES.map(str::to_owned));
    known.extend(Sign::TYPES.map(str::to_owned));
    assert_eq!(types_of(&examples), known);
}

#[test]
fn every_server_frame_has_an_example_and_no_other_is_documented() {
    let mut known = known_types::<ServerFrame>();
    known.extend(EventKind::ALL.iter().map(|kind| kind.frame_type().to_owned()));
    known.extend([ACTIVITY, "chat.delivered", "chat.read"].map(str::to_owned));
    known.extend(["chat.typing", "chat.page", "chat.viewing", "operator.state"].map(str::to_owned));
    assert_eq!(types_of(&examples("server")), known);
}

#[test]
fn every_example_of_a_server_frame_has_exactly_the_fields_of_its_type() {
    let own = known_types::<ServerFrame>();
    for example in examples("server") {
        let data = &example["data"];
        if let Some(activity) = example.get("activity") {
            assert_exact::<Activity>(activity);
        }
        match type_of(&example) {
            "chat.delivered" | "chat.read" => assert_exact::<Mark>(data),
            "operator.state" => assert_exact::<OperatorState>(data),
            kind @ ("chat.typing" | "chat.page" | "chat.viewing") => {
                let mut signal = data.clone();
                signal["type"] = kind.into();
                assert_exact::<SignalData>(&signal);
            }
            kind if own.contains(kind) => assert_exact::<ServerFrame>(&example),
            "chat.session.desk" => assert_exact::<SessionDesk>(data),
            kind if kind.starts_with("chat.session.") => assert_exact::<Session>(data),
            kind if kind.starts_with("chat.message") || kind == "chat.reaction" => assert_exact::<Message>(data),
            kind if kind.starts_with("chat.member.") => assert_exact::<Member>(data),
            ACTIVITY => assert_exact::<Activity>(data),
            kind => panic!("no type for {kind}"),
        }
    }
}

#[test]
fn a_frame_of_a_chat_says_where_and_a_durable_one_says_its_position() {
    for example in examples("server").iter().filter(|example| type_of(example).starts_with("chat.")) {
        let (session, chat) = (example.get("session_id"), example.get("chat_id"));
        assert!(session.is_some() != chat.is_some(), "{example}");
        let signals = ["chat.typing", "chat.page", "chat.viewing", "chat.delivered", "chat.read"];
        let is_signal = signals.contains(&type_of(example));
        assert_eq!(example.get("seq").is_none(), is_signal, "{example}");
    }
}

#[test]
fn the_table_of_close_codes_is_complete() {
    let documented: Vec<_> = table("Close codes").iter().map(|row| (row[0].to_owned(), row[1])).collect();
    let known: Vec<_> = CloseCode::ALL.iter().map(|code| (code.code().to_string(), code.reason())).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_table_of_errors_is_complete_and_tells_the_status() {
    let rows = table("Errors");
    for row in &rows {
        let code: ErrorCode = serde_json::from_value(row[0].into()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(code.status().to_string(), row[1], "{}", row[0]);
    }
    let why = serde_json::from_value::<ErrorCode>("?".into()).expect_err("? is no code").to_string();
    let known: BTreeSet<_> = why.split('`').skip(3).step_by(2).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<BTreeSet<_>>(), known);
}
