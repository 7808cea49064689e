//! A user of thousands of chats, each with hundreds of readers: it connects, comes back and is live in all, and no frame
//! and no answer grows with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use system_tests::{Live, Person, Socket, System, Transport, User, system_test};

const CHATS: i64 = 5_000;
const READERS: i64 = 200;
const FEW_READERS: i64 = 2;
/// Of a frame, either way.
const MAX_FRAME_BYTES: usize = 64 * 1024;
/// Cursors in a frame.
const MAX_CURSORS: usize = 1_000;

/// Chats of these two that were made long ago, in which so many have read and nothing was written; in the order of the
/// list, those that changed last first.
async fn quiet_chats(system: &System, [one, other]: [&User; 2], readers: i64) -> Vec<i64> {
    // Keys that are known to be right are not looked up a million times.
    system
        .database
        .run_sql(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica;
             INSERT INTO chats (kind, title, changed_at)
             SELECT 'group', 'Group ' || n, now() - interval '1 day' - n * interval '1 second'
             FROM generate_series(1, {CHATS}) n;
             INSERT INTO chat_members (chat_id, user_id)
             SELECT id, u FROM chats, unnest(ARRAY[{one}, {other}]) u;
             INSERT INTO chat_marks (chat_id, reader_type, reader_id)
             SELECT id, 'user', {one} + reader FROM chats, generate_series(0, {readers} - 1) reader;
             COMMIT;",
            one = one.id,
            other = other.id
        ))
        .await;
    // A user is told what it hears and what it lists: nothing else says which ids they got.
    let (chats, _) = listed(one, None).await;
    let ids: Vec<i64> = chats.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), usize::try_from(CHATS).expect("few"));
    ids
}

/// All chats from a cursor on, with their tops; and in how many pages.
async fn listed(user: &User, from: Option<&str>) -> (Vec<(i64, i64)>, usize) {
    let (mut chats, mut pages, mut cursor) = (Vec::new(), 0, from.map(str::to_owned));
    loop {
        let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = user.rest().get(&format!("/chats?limit=200{from}"), &user.token).await.good();
        chats.extend(page["chats"].as_array().expect("chats").iter().map(place));
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return (chats, pages),
        }
    }
}

fn place(chat: &Value) -> (i64, i64) {
    let number = |field: &str| chat[field].as_i64().unwrap_or_else(|| panic!("no {field} in {chat}"));
    assert!(chat["marks"].as_array().is_some_and(|marks| marks.len() <= 1), "marks of others: {chat}");
    (number("chat_id"), number("seq"))
}

fn places(connected: &Value) -> Vec<(i64, i64)> {
    connected["data"]["chats"].as_array().expect("chats").iter().map(place).collect()
}

fn size(frame: &Value) -> usize {
    let size = frame.to_string().len();
    assert!(size <= MAX_FRAME_BYTES, "a frame of {size} bytes");
    size
}

/// Writes to the first, the last and one in between; the bodies by chat.
async fn write_here_and_there(writer: &User, chats: &[i64], body: &str) -> BTreeMap<i64, String> {
    let mut written = BTreeMap::new();
    for chat in [chats[0], chats[chats.len() / 2], chats[chats.len() - 1]] {
        let body = format!("{body} in {chat}");
        writer.send(chat, &body).await.accepted();
        written.insert(chat, body);
    }
    written
}

fn message(frame: &Value) -> (i64, String) {
    let body = frame["data"]["body"].as_str().unwrap_or_else(|| panic!("no message: {frame}"));
    (frame["chat_id"].as_i64().expect("a chat"), body.to_owned())
}

async fn next_messages(live: &mut Live, count: usize) -> BTreeMap<i64, String> {
    let mut messages = BTreeMap::new();
    for _ in 0..count {
        let (chat, body) = message(&live.next_of("chat.message").await);
        assert_eq!(messages.insert(chat, body), None, "twice in chat {chat}");
    }
    messages
}

async fn is_live_in_all(system: System, transport: Transport) {
    let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
    let chats = quiet_chats(&system, [&ada, &ben], FEW_READERS).await;
    let mut live = Live::open(transport, system.gateway(0), &ada).await;
    let bytes = size(&live.connected);
    assert!(bytes > MAX_FRAME_BYTES - 500, "more would have fitted into {bytes} bytes");
    let first = places(&live.connected);
    assert!(first.iter().map(|(chat, _)| chat).eq(&chats[..first.len()]), "those that changed last come first");

    // Nobody has told it of most of them yet.
    let written = write_here_and_there(&ben, &chats, "Hello").await;
    assert_eq!(next_messages(&mut live, written.len()).await, written);
    let more = live.connected["data"]["more"].as_str().expect("a cursor");
    let (rest, pages) = listed(&ada, Some(more)).await;
    let tops: BTreeMap<i64, i64> = first.iter().chain(&rest).copied().collect();
    assert_eq!(tops.keys().copied().collect::<BTreeSet<_>>(), chats.iter().copied().collect());
    assert_eq!(first.len() + rest.len(), chats.len() + 1, "only the one that had been listed comes again");
    assert!(written.keys().all(|chat| tops[chat] == 1), "what moved is listed as it is now");
    println!("connected: {} chats in {bytes} bytes; the rest in {pages} pages", first.len());

    let written = write_here_and_there(&ben, &chats, "Still there?").await;
    assert_eq!(next_messages(&mut live, written.len()).await, written);
}

// A poll is told of chats that it has not named by `connected` alone: it reads them as it reads a page.
system_test! {
    async fn who_has_thousands_of_chats_is_live_in_all_and_told_of_them_page_by_page(system: System) {
        is_live_in_all(system, Transport::WebSocket).await;
    }
    async fn a_stream_of_thousands_of_chats_is_live_in_all_and_told_of_them_page_by_page(system: System) {
        is_live_in_all(system, Transport::EventStream).await;
    }
}

system_test! {
    async fn who_has_thousands_of_chats_comes_back_to_all_of_them_by_several_frames(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chats = quiet_chats(&system, [&ada, &ben], READERS).await;
        let missed = write_here_and_there(&ben, &chats, "You were away").await;
        let gateway = system.gateway(1);
        let mut socket = Socket::open(gateway, &format!("/ws?token={}&resume=1", ada.token)).await;
        let connected = socket.connected().await;
        size(&connected);

        let parts: Vec<&[i64]> = chats.chunks(MAX_CURSORS).collect();
        let (last, others) = parts.split_last().expect("several");
        for part in others {
            socket.send(resume(part, true)).await;
        }
        // What is new waits for the last of them.
        let new = write_here_and_there(&ben, &chats, "Welcome back").await;
        socket.until_read().await;
        assert!(socket.is_silent(), "something came before all cursors were there");
        socket.send(resume(last, false)).await;

        let (mut messages, mut reached, mut frames) = (Vec::new(), BTreeMap::<i64, i64>::new(), 0);
        loop {
            let frame = socket.next().await;
            size(&frame);
            match frame["type"].as_str() {
                Some("chat.message") => messages.push(message(&frame)),
                Some("resumed") => {
                    frames += 1;
                    let cursors: BTreeMap<i64, i64> = serde_json::from_value(frame["cursors"].clone()).expect("cursors");
                    assert!(cursors.len() <= MAX_CURSORS);
                    reached.extend(cursors);
                    if frame["more"] != true {
                        break;
                    }
                }
                _ => panic!("not expected: {frame}"),
            }
        }
        while messages.len() < missed.len() + new.len() {
            messages.push(message(&socket.next_of("chat.message").await));
        }
        assert_eq!((frames, reached.len()), (parts.len(), chats.len()));
        for (chat, first) in &missed {
            let of_chat: Vec<&String> = messages.iter().filter(|(it, _)| it == chat).map(|(_, body)| body).collect();
            assert_eq!(of_chat, [first, &new[chat]], "chat {chat}");
        }
        assert!(socket.until_pong().await.is_empty());
        let slow = gateway.counted("connections_closed_total{reason=\"slow consumer\"}").await;
        assert_eq!(slow, 0);
    }

    async fn a_resume_that_is_larger_than_what_waits_for_its_turn_is_taken_whole(system: System) {
        const LARGE: i64 = 9_000_000_000_000_000_000;
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let mut socket = Socket::open(system.gateway(0), &format!("/ws?token={}&resume=1", ada.token)).await;
        // 20 frames of 40 KB, at once.
        for first in (0..20).map(|number| LARGE + number * 1_000) {
            let cursors: serde_json::Map<_, _> = (first..first + 1_000).map(|it| (it.to_string(), json!(LARGE))).collect();
            socket.send(json!({"type": "resume", "epoch": 1, "cursors": cursors, "more": true})).await;
        }
        socket.send(resume(&[chat], false)).await;
        socket.connected().await;
        let mut refused = BTreeMap::<String, usize>::new();
        let resumed = loop {
            let frame = socket.next().await;
            size(&frame);
            if frame["type"] == "resumed" {
                break frame;
            }
            let chats = frame["chats"].as_array().unwrap_or_else(|| panic!("no resync: {frame}"));
            *refused.entry(frame["why"].as_str().expect("a reason").to_owned()).or_default() += chats.len();
        };
        // All of them together are one chat too many.
        assert_eq!(refused, BTreeMap::from([("gone".to_owned(), 20_000), ("too_many".to_owned(), 1)]));
        assert_eq!((&resumed["cursors"], &resumed["more"]), (&json!({}), &Value::Null));
        assert!(socket.until_pong().await.is_empty());
    }

    async fn a_resume_whose_next_frame_does_not_come_goes_on_with_what_there_is(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        ben.send(chat, "one").await.accepted();
        let mut socket = Socket::open(system.gateway(0), &format!("/ws?token={}&resume=1", ada.token)).await;
        socket.connected().await;
        socket.send(resume(&[chat], true)).await;
        assert_eq!(message(&socket.next_of("chat.message").await), (chat, "one".to_owned()));
        assert_eq!(socket.next().await["type"], "resumed");
        // The one that was missing is served for itself.
        socket.send(resume(&[chat], false)).await;
        let resumed = socket.next_of("resumed").await;
        assert_eq!(resumed["cursors"], json!({chat.to_string(): resumed["cursors"][chat.to_string()]}));
    }
}

/// Of chats in which nothing was seen.
fn resume(chats: &[i64], more: bool) -> Value {
    let cursors: serde_json::Map<String, Value> = chats.iter().map(|chat| (chat.to_string(), json!(0))).collect();
    json!({"type": "resume", "epoch": 1, "cursors": cursors, "more": more})
}
