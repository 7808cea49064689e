//! Plants each thing that can be wrong into a record that is right, and sees the checker cry.

use super::*;
use crate::grants::{GrantChange, Grants};
use crate::record::Transport;

const SESSION: i64 = 42;
const GROUP: i64 = 7;
const USER: i64 = 5;

fn message(chat: i64, seq: i64, visibility: &str) -> Message {
    Message {
        id: 100 * chat + seq,
        chat_id: chat,
        seq,
        changed_seq: seq,
        sender_type: "operator".into(),
        sender_id: 3,
        body: format!("{chat} {seq}"),
        client_id: Uuid::from_u64_pair(chat.unsigned_abs(), seq.unsigned_abs()),
        visibility: visibility.into(),
    }
}

fn seconds(seconds: i64) -> At {
    At::from_secs(seconds.unsigned_abs())
}

fn sent(message: &Message) -> Sent {
    Sent {
        by: Who::Staff { user: 3 },
        chat: message.chat_id,
        client_id: message.client_id,
        body: message.body.clone(),
        is_note: message.visibility == "staff",
        at: seconds(message.seq),
        attempts: 1,
        answered: Some((seconds(message.seq), message.clone())),
        refused: None,
    }
}

fn show(message: &Message) -> Shown {
    let frame = Frame { chat: message.chat_id, seq: message.changed_seq, what: What::Message(message.clone()) };
    Shown { at: seconds(message.seq), connection: 1, frame }
}

fn client(name: &str, who: Who, messages: &[Message]) -> Seen {
    let mut client = Seen::new(name, who, Transport::WebSocket);
    client.shown = messages.iter().map(show).collect();
    client.told_of_state(SESSION, 1);
    client
}

/// A session with a note at 3, and a group; a visitor, an operator and a user who saw what they should.
fn a_good_run() -> (Records, Truth) {
    let session = |seq| message(SESSION, seq, if seq == 3 { "staff" } else { "public" });
    let of_session: Vec<_> = (2..=5).map(session).collect();
    let of_group: Vec<_> = (2..=5).map(|seq| message(GROUP, seq, "public")).collect();
    let public: Vec<_> = of_session.iter().filter(|message| message.visibility == "public").cloned().collect();
    let records = Records {
        sent: of_session.iter().chain(&of_group).map(sent).collect(),
        clients: vec![
            client("visitor", Who::Visitor { session: SESSION }, &public),
            client("staff", Who::Staff { user: 3 }, &of_session),
            client("user", Who::User { user: USER }, &of_group),
        ],
        overdue: Vec::new(),
        feed: Vec::new(),
        feed_refusal: None,
        members: vec![MemberChange { chat: GROUP, user: USER, seq: 1, is_in: true, asked_at: At::ZERO }],
        grants: Grants::default(),
    };
    let chats = HashMap::from([
        (SESSION, Chat { is_session: true, seq: 5, state_seq: 1 }),
        (GROUP, Chat { is_session: false, seq: 5, state_seq: 1 }),
    ]);
    (records, Truth { chats, messages: of_session.into_iter().chain(of_group).collect() })
}

fn wrongs(records: &Records, truth: &Truth) -> Vec<(Wrong, Option<String>, Option<i64>)> {
    let findings = check(records, truth).findings;
    findings.into_iter().map(|finding| (finding.wrong, finding.client, finding.seq)).collect()
}

fn on(client: &str, wrong: Wrong, seq: i64) -> Vec<(Wrong, Option<String>, Option<i64>)> {
    vec![(wrong, Some(client.to_owned()), Some(seq))]
}

#[test]
fn a_run_in_which_all_went_well_has_no_findings() {
    let (records, truth) = a_good_run();
    let verdict = check(&records, &truth);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    assert_eq!((verdict.sent, verdict.answered, verdict.delivered), (8, 8, 3 + 4 + 4));
    assert_eq!(outstanding(&records, &truth), 0);
}

#[test]
fn a_message_that_a_client_never_showed_is_lost() {
    for (index, name) in ["visitor", "staff", "user"].into_iter().enumerate() {
        let (mut records, truth) = a_good_run();
        let gone = records.clients[index].shown.remove(1);
        assert_eq!(wrongs(&records, &truth), on(name, Wrong::Lost, gone.frame.seq));
        assert_eq!(outstanding(&records, &truth), 1);
    }
}

#[test]
fn a_message_that_was_stored_but_never_answered_must_be_shown_too() {
    let (mut records, truth) = a_good_run();
    records.sent[0].answered = None;
    records.clients[0].shown.remove(0);
    assert_eq!(wrongs(&records, &truth), on("visitor", Wrong::Lost, 2));
}

#[test]
fn a_message_that_comes_long_after_it_should_is_lost_once() {
    let (mut records, truth) = a_good_run();
    let message = &truth.messages[0];
    let (client_id, chat, answered_at) = (message.client_id, message.chat_id, seconds(message.seq));
    records.overdue.push(Overdue { client: 1, client_id, chat, answered_at, given_up_at: seconds(60) });
    assert_eq!(wrongs(&records, &truth), on("staff", Wrong::Lost, 2));
    records.clients[1].shown.remove(0);
    assert_eq!(wrongs(&records, &truth), on("staff", Wrong::Lost, 2));
}

#[test]
fn an_answered_message_that_postgresql_does_not_have_is_lost() {
    let (mut records, mut truth) = a_good_run();
    let gone = truth.messages.remove(3);
    for client in &mut records.clients {
        client.shown.retain(|shown| shown.frame.message() != Some(&gone));
    }
    assert_eq!(wrongs(&records, &truth), [(Wrong::Lost, None, Some(5))]);
}

#[test]
fn what_is_stored_or_shown_with_another_text_is_lost() {
    let (records, mut truth) = a_good_run();
    truth.messages[0].body.push('!');
    let found = wrongs(&records, &truth);
    let expected = [None, Some("visitor".to_owned()), Some("staff".to_owned())];
    assert_eq!(found, expected.map(|client| (Wrong::Lost, client, Some(2))));
}

#[test]
fn a_message_stored_under_another_seq_than_it_was_answered_with_is_lost() {
    let (mut records, truth) = a_good_run();
    if let Some((_, answer)) = &mut records.sent[0].answered {
        answer.seq = 9;
    }
    assert_eq!(wrongs(&records, &truth), [(Wrong::Lost, None, Some(9))]);
}

#[test]
fn a_note_that_became_public_is_lost_as_a_note_and_leaked() {
    let (mut records, mut truth) = a_good_run();
    truth.messages[1].visibility = "public".into();
    records.clients[0].shown.insert(1, show(&truth.messages[1]));
    assert_eq!(wrongs(&records, &truth), [(Wrong::Lost, None, Some(3))]);
}

#[test]
fn a_message_that_is_shown_again_is_a_duplicate() {
    let (mut records, truth) = a_good_run();
    let again = records.clients[2].shown[0].clone();
    records.clients[2].shown.push(again);
    assert_eq!(wrongs(&records, &truth), on("user", Wrong::Duplicated, 2));
}

#[test]
fn a_changed_message_is_no_duplicate_but_the_same_change_twice_is() {
    let (mut records, mut truth) = a_good_run();
    let edited = Message { changed_seq: 6, body: "edited".into(), ..truth.messages[4].clone() };
    truth.messages[4] = edited.clone();
    records.sent[4].body = "edited".into();
    records.clients[2].shown.push(show(&edited));
    assert_eq!(wrongs(&records, &truth), []);
    records.clients[2].shown.push(show(&edited));
    assert_eq!(wrongs(&records, &truth), on("user", Wrong::Duplicated, 6));
}

#[test]
fn a_message_that_is_shown_after_a_later_one_is_an_inversion() {
    let (mut records, truth) = a_good_run();
    records.clients[1].shown.swap(1, 2);
    assert_eq!(wrongs(&records, &truth), on("staff", Wrong::Inverted, 3));
}

#[test]
fn order_is_kept_over_connections() {
    let (mut records, truth) = a_good_run();
    for shown in &mut records.clients[1].shown[2..] {
        shown.connection = 2;
    }
    records.clients[1].shown.swap(1, 2);
    assert_eq!(wrongs(&records, &truth), on("staff", Wrong::Inverted, 3));
}

#[test]
fn a_note_on_the_screen_of_a_visitor_is_a_leak() {
    let (mut records, truth) = a_good_run();
    let note = records.clients[1].shown[1].clone();
    records.clients[0].shown.insert(1, note);
    assert_eq!(wrongs(&records, &truth), on("visitor", Wrong::Leaked, 3));
}

#[test]
fn a_chat_of_others_is_a_leak() {
    let foreign = message(GROUP, 2, "public");
    for (index, name) in ["visitor", "staff"].into_iter().enumerate() {
        let (mut records, truth) = a_good_run();
        records.clients[index].shown.push(show(&foreign));
        assert_eq!(wrongs(&records, &truth), on(name, Wrong::Leaked, 2));
    }
    let (mut records, truth) = a_good_run();
    records.clients[2].shown.push(show(&message(SESSION, 2, "public")));
    assert_eq!(wrongs(&records, &truth), on("user", Wrong::Leaked, 2));
}

fn removed_at(seq: i64) -> MemberChange {
    MemberChange { chat: GROUP, user: USER, seq, is_in: false, asked_at: seconds(seq) }
}

#[test]
fn who_was_removed_must_not_see_what_is_above_and_need_not_see_what_is_below() {
    let (mut records, truth) = a_good_run();
    records.members.push(removed_at(4));
    assert_eq!(wrongs(&records, &truth), on("user", Wrong::Leaked, 5));
    records.clients[2].shown.clear();
    assert_eq!(wrongs(&records, &truth), []);
}

#[test]
fn who_came_back_may_read_what_was_said_meanwhile_but_not_before_the_return() {
    let (mut records, truth) = a_good_run();
    records.members.push(removed_at(3));
    records.members.push(MemberChange { seq: 6, is_in: true, asked_at: seconds(6), ..removed_at(6) });
    let early = wrongs(&records, &truth);
    assert_eq!(early, [on("user", Wrong::Leaked, 4), on("user", Wrong::Leaked, 5)].concat());
    for shown in &mut records.clients[2].shown[2..] {
        shown.at = seconds(7);
    }
    assert_eq!(wrongs(&records, &truth), []);
}

#[test]
fn a_state_that_was_never_shown_is_lost() {
    let (mut records, mut truth) = a_good_run();
    if let Some(chat) = truth.chats.get_mut(&SESSION) {
        (chat.seq, chat.state_seq) = (6, 6);
    }
    records.clients[0].told_of_state(SESSION, 6);
    assert_eq!(wrongs(&records, &truth), on("staff", Wrong::Lost, 6));
}

#[test]
fn to_an_operator_without_the_site_nothing_is_due_and_all_is_a_leak() {
    let (mut records, truth) = a_good_run();
    records.grants.opened(SESSION, "shop");
    let change = |site, is_in| GrantChange { user: 3, site, is_in, asked_at: At::ZERO, done_at: At::ZERO };
    records.grants.changed(change("shop", true));
    assert!(wrongs(&records, &truth).is_empty());
    records.clients[1].shown.clear();
    assert!(wrongs(&records, &truth).iter().any(|(wrong, ..)| *wrong == Wrong::Lost));
    let (mut records, truth) = a_good_run();
    records.grants.opened(SESSION, "shop");
    records.grants.changed(change("blog", true));
    let found = wrongs(&records, &truth);
    assert!(!found.is_empty() && found.iter().all(|(wrong, ..)| *wrong == Wrong::Leaked), "{found:?}");
}
