//! Plants each thing that can be wrong into what browsers tell, and sees the comparison cry.

use uuid::Uuid;

use super::*;
use crate::browsers::words::Written;

const SESSION: i64 = 42;
const NOTE: i64 = 4;

/// The visitor writes what is even, an operator the rest.
fn message(seq: i64) -> Message {
    let is_own = seq % 2 == 0 && seq != NOTE;
    Message {
        id: 1000 + seq,
        chat_id: SESSION,
        seq,
        changed_seq: seq,
        sender_type: if is_own { "client" } else { "operator" }.into(),
        sender_id: 3,
        body: format!("text {seq}"),
        client_id: Uuid::from_u128(seq.unsigned_abs().into()),
        visibility: if seq == NOTE { "staff" } else { "public" }.into(),
    }
}

fn show(message: &Message) -> ShownMessage {
    let mine = message.sender_type == "client";
    let key = if mine { message.client_id.to_string() } else { format!("m{}", message.id) };
    ShownMessage { key, mine, text: message.body.clone() }
}

/// Two tabs that show what they should; the visitor wrote in the first.
fn a_good_end() -> (VisitorReport, Truth) {
    let mut truth = Truth { messages: (2..=8).map(message).collect(), ..Truth::default() };
    let other = Message { chat_id: 7, id: 1, client_id: Uuid::from_u128(99), ..message(3) };
    truth.messages.push(other);
    let public = truth.messages.iter().filter(|one| one.chat_id == SESSION && one.visibility == "public");
    let screen: Vec<ShownMessage> = public.map(show).collect();
    let tab = |tab| TabReport { tab, is_whole: true, shown: screen.clone(), ..TabReport::default() };
    let written = [2, 6, 8].map(|seq| Written { tab: 1, text: message(seq).body });
    let report = VisitorReport {
        name: "browser-1".into(),
        sessions: vec![SESSION],
        written: written.to_vec(),
        tabs: vec![tab(1), tab(2)],
        ..VisitorReport::default()
    };
    (report, truth)
}

/// What is found after a change, as (what, by whom, where).
fn found(spoil: impl FnOnce(&mut VisitorReport, &mut Truth)) -> Vec<(Wrong, String, Option<i64>)> {
    let (mut report, mut truth) = a_good_end();
    spoil(&mut report, &mut truth);
    let findings = check(&[report], &truth);
    findings.into_iter().map(|it| (it.wrong, it.client.unwrap_or_default(), it.seq)).collect()
}

fn one(wrong: Wrong, client: &str, seq: Option<i64>) -> Vec<(Wrong, String, Option<i64>)> {
    vec![(wrong, client.to_owned(), seq)]
}

#[test]
fn what_is_as_it_should_be_has_no_findings() {
    assert_eq!(found(|_, _| ()), []);
    let (report, _) = a_good_end();
    assert_eq!((shown(std::slice::from_ref(&report)), tabs(&[report]).count()), (12, 2));
}

#[test]
fn a_message_that_one_tab_does_not_show_is_lost() {
    for (index, seq) in [(0, 2), (1, 3), (5, 8)] {
        let spoilt = found(|report, _| drop(report.tabs[1].shown.remove(index)));
        assert_eq!(spoilt, one(Wrong::Lost, "browser-1/2", Some(seq)));
    }
}

#[test]
fn a_message_that_is_shown_otherwise_is_lost() {
    let spoilt = found(|report, _| report.tabs[0].shown[1].text = "another text".into());
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/1", Some(3)));
    let spoilt = found(|report, _| report.tabs[0].shown[1].mine = true);
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/1", Some(3)));
}

#[test]
fn a_message_that_is_shown_twice_is_found_also_under_its_other_key() {
    let spoilt = found(|report, _| {
        let again = report.tabs[0].shown[5].clone();
        report.tabs[0].shown.push(again);
    });
    assert_eq!(spoilt, one(Wrong::Duplicated, "browser-1/1", Some(8)));
    let spoilt = found(|report, _| {
        let again = ShownMessage { key: "m1008".into(), ..report.tabs[0].shown[5].clone() };
        report.tabs[0].shown.push(again);
    });
    assert_eq!(spoilt, one(Wrong::Duplicated, "browser-1/1", Some(8)));
}

#[test]
fn messages_in_another_order_are_found() {
    let spoilt = found(|report, _| report.tabs[1].shown.swap(2, 3));
    assert_eq!(spoilt, one(Wrong::Inverted, "browser-1/2", Some(5)));
}

#[test]
fn a_note_and_what_is_of_nobody_are_leaks() {
    let spoilt = found(|report, _| report.tabs[0].shown.insert(2, show(&message(NOTE))));
    assert_eq!(spoilt, one(Wrong::Leaked, "browser-1/1", Some(NOTE)));
    let spoilt = found(|report, truth| {
        let other = show(&truth.messages[7]);
        report.tabs[0].shown.push(other);
    });
    assert_eq!(spoilt, one(Wrong::Leaked, "browser-1/1", None));
}

#[test]
fn a_text_that_is_not_stored_or_stored_twice_is_found() {
    let spoilt = found(|report, _| report.written.push(Written { tab: 2, text: "text 9".into() }));
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/2", None));
    let spoilt = found(|report, truth| {
        let twin = Message { id: 1009, seq: 9, client_id: Uuid::from_u128(9), ..message(8) };
        report.tabs.iter_mut().for_each(|tab| tab.shown.push(show(&twin)));
        truth.messages.push(twin);
    });
    assert_eq!(spoilt, one(Wrong::Duplicated, "browser-1/1", Some(9)));
}

#[test]
fn the_order_of_writing_counts_within_a_tab() {
    let spoilt = found(|report, _| report.written.swap(0, 1));
    assert_eq!(spoilt, one(Wrong::Inverted, "browser-1/1", Some(2)));
    let spoilt = found(|report, _| {
        report.written.swap(0, 1);
        report.written[0].tab = 2;
    });
    assert_eq!(spoilt, []);
}

#[test]
fn a_tab_that_is_not_well_and_a_second_session_are_found() {
    let spoilt = found(|report, _| report.tabs[1].queued = 1);
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/2", None));
    let spoilt = found(|report, _| report.tabs[1].banner = "No connection.".into());
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/2", None));
    let spoilt = found(|report, _| report.tabs[1].is_whole = false);
    assert_eq!(spoilt, one(Wrong::Lost, "browser-1/2", None));
    let spoilt = found(|report, _| report.sessions.push(43));
    assert_eq!(spoilt, one(Wrong::Duplicated, "browser-1", None));
    assert_eq!(found(|report, _| report.sessions.clear()), one(Wrong::Lost, "browser-1", None));
}
