//! Coming back with a cursor: each promise on a WebSocket and on an event stream, in both shapes, by one body of code.
//! What the two say differently is in `system_tests::live`.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};
use system_tests::order::Seen;
use system_tests::{
    EventStream, Live, Operator, Person, Position, Socket, System, Transport, Visitor, changed, system_test,
    transport_test,
};

/// More than the gateway asks a Redis stream for.
const BEYOND_THE_WINDOW: usize = 600;
/// More than a gateway reads of history at a time.
const MORE_THAN_A_PAGE: usize = 230;

/// An operator who writes, and a visitor who was there for the first message and then left.
struct Talk {
    operator: Operator,
    visitor: Visitor,
    left_at: Position,
}

impl Talk {
    async fn begin(system: &System, transport: Transport) -> Self {
        let (operator, visitor) = (system.operator("Olga").await, system.visitor("Ann").await);
        let mut live = Live::open(transport, system.gateway(0), &visitor).await;
        let first = operator.send(visitor.session, "first").await;
        live.up_to(&first).await;
        Self { left_at: live.position(), operator, visitor }
    }

    async fn say(&self, body: &str) -> Value {
        self.operator.send(self.visitor.session, body).await
    }

    /// Many messages at once, in the order that they were stored in.
    async fn say_many(&self, count: usize) -> Vec<String> {
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(16) {
            join_all(some.iter().map(async |number| self.say(&number.to_string()).await)).await;
        }
        let mut stored: Vec<(i64, String)> = Vec::new();
        while stored.len() < count {
            let after = stored.last().map_or(self.left_at.seq, |(seq, _)| *seq);
            let path = format!("{}?after_seq={after}&limit=200", self.operator.messages_path(self.visitor.session));
            let page = self.operator.rest().get(&path, &self.operator.token).await.good();
            let messages = page["messages"].as_array().expect("messages");
            stored.extend(messages.iter().map(|it| (it["seq"].as_i64().expect("a seq"), body_of(it))));
        }
        stored.into_iter().map(|(_, body)| body).collect()
    }

    /// The visitor is back on another gateway.
    async fn come_back(&self, system: &System, transport: Transport) -> Live {
        Live::come_back(transport, system.gateway(1), &self.visitor, self.left_at).await
    }

    /// The visitor comes back, and gets this and nothing else.
    async fn brings(&self, system: &System, transport: Transport, missed: &[String]) {
        let mut live = self.come_back(system, transport).await;
        let last = self.say("live").await;
        let expected = missed.iter().map(String::as_str).chain(["live"]);
        assert_eq!(bodies(&live.up_to(&last).await, self.visitor.session), expected.collect::<Vec<_>>());
    }

    /// The visitor comes back, and is told this of messages, as they are now, before what is new.
    async fn is_told(&self, system: &System, transport: Transport, expected: &[(&str, &Value, &str)]) {
        let mut live = self.come_back(system, transport).await;
        let last = self.say("live").await;
        let frames = live.up_to(&last).await;
        let (_, missed) = frames.split_last().expect("one at least");
        let told: Vec<_> =
            missed.iter().map(|it| (it["type"].as_str(), id_of(&it["data"]), it["data"]["body"].as_str())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(kind, message, body)| (Some(*kind), id_of(message), Some(*body))).collect();
        assert_eq!(told, expected);
        let seqs: Vec<_> = frames.iter().map(|frame| frame["seq"].as_i64()).collect();
        assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
    }

    /// Whoever comes next finds these messages in the hub, and in Redis.
    async fn is_known_everywhere(&self, system: &System, message: &Value) {
        let mut colleague = Live::open(Transport::WebSocket, system.gateway(1), &self.operator).await;
        // What follows a message in its chat comes behind it.
        let barrier = self.operator.note(self.visitor.session, "Is all there?").await;
        assert!(barrier["seq"].as_i64() > message["seq"].as_i64());
        colleague.up_to(&barrier).await;
    }
}

/// The activity that a frame tells, and where.
fn activity_of(frame: &Value) -> Option<(i64, Value)> {
    let activity = if frame["type"] == "chat.activity" { &frame["data"] } else { frame.get("activity")? };
    Some((frame["seq"].as_i64()?, activity.clone()))
}

fn body_of(message: &Value) -> String {
    message["body"].as_str().expect("a text").to_owned()
}

fn id_of(message: &Value) -> i64 {
    message["id"].as_i64().expect("an id")
}

/// The new messages of a chat; in order, and once.
fn bodies(frames: &[Value], chat: i64) -> Vec<String> {
    let mut seen = Seen::new();
    frames.iter().for_each(|frame| seen.frame(frame));
    seen.bodies(chat).to_vec()
}

/// How often the gateway read history from Redis, and from PostgreSQL.
async fn reads(system: &System) -> (u64, u64) {
    let gateway = system.gateway(1);
    let from_stream = gateway.counted("history_reads_total{source=\"Stream\"}").await;
    (from_stream, gateway.counted("history_reads_total{source=\"Sync\"}").await)
}

transport_test! {
    async fn what_was_missed_comes_before_what_is_new(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        talk.say("two").await;
        let three = talk.say("three").await;
        talk.is_known_everywhere(&system, &three).await;
        talk.brings(&system, transport, &["two".to_owned(), "three".to_owned()]).await;
        let (from_stream, from_postgres) = reads(&system).await;
        // A poll may come between the commit and Redis; a connection that stands reads no history then.
        let is_hot = from_stream > 0 && (from_postgres == 0 || matches!(transport, Transport::Polling));
        assert_eq!(is_hot, system.servers().is_some(), "{from_stream} reads of Redis, {from_postgres} of PostgreSQL");
    }

    async fn the_window_may_be_left_behind(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let missed = talk.say_many(BEYOND_THE_WINDOW).await;
        talk.brings(&system, transport, &missed).await;
        assert!(reads(&system).await.1 > 0, "read from PostgreSQL");
    }

    #[distributed]
    async fn redis_may_lose_any_part_of_it(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let missed = talk.say_many(9).await;
        let (_, redis) = system.servers().expect("the distributed shape");
        let stream = format!("{}chat:{}@{}", redis.prefix(), talk.visitor.session, talk.left_at.epoch);
        let mut missed = missed;
        for damage in [vec!["XDEL", &stream, &format!("{}-0", talk.left_at.seq + 3)], vec!["XTRIM", &stream, "MAXLEN", "=", "2"]] {
            let last = talk.say(damage[0]).await;
            missed.push(body_of(&last));
            talk.is_known_everywhere(&system, &last).await;
            let mut connection = redis.connect().await;
            let removed: i64 = redis::cmd(damage[0]).arg(&damage[1..]).query_async(&mut connection).await.expect("Redis does it");
            assert!(removed > 0, "{damage:?}");
            talk.brings(&system, transport, &missed).await;
            missed.push("live".to_owned());
        }
        redis.delete_keys().await;
        talk.brings(&system, transport, &missed).await;
        // What is read of a stream beside this is what came after a hole, for the operator.
        let (_, from_postgres) = reads(&system).await;
        assert!(from_postgres >= 3, "a stream with a hole is believed: {from_postgres}");
    }

    async fn there_is_no_time_after_which_it_ends(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let missed = talk.say_many(MORE_THAN_A_PAGE).await;
        let long_ago = "UPDATE messages SET created_at = created_at - interval '400 days';
            UPDATE chats SET created_at = created_at - interval '400 days', changed_at = now() - interval '400 days';
            UPDATE chat_sessions SET created_at = created_at - interval '400 days'";
        system.database.run_sql(long_ago).await;
        if let Some((_, redis)) = system.servers() {
            // As streams do when their time is over.
            redis.delete_keys().await;
        }
        let talk = Talk { visitor: talk.visitor.come_again().await, ..talk };
        talk.brings(&system, transport, &missed).await;
    }

    async fn a_cursor_above_the_top_is_told_to_begin_anew(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let ahead = Position { seq: 1_000_000, ..talk.left_at };
        let talk = Talk { left_at: ahead, ..talk };
        is_told_to_begin_anew(&talk, &system, transport, "ahead").await;
    }

    async fn a_cursor_of_another_epoch_is_told_to_begin_anew(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        talk.say("not to be replayed").await;
        let other = Position { epoch: talk.left_at.epoch + 1, ..talk.left_at };
        let talk = Talk { left_at: other, ..talk };
        is_told_to_begin_anew(&talk, &system, transport, "epoch").await;
    }

    async fn pages_of_nothing_but_notes_are_passed_over(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let notes: Vec<String> = (0..MORE_THAN_A_PAGE).map(|number| format!("note {number}")).collect();
        for some in notes.chunks(16) {
            join_all(some.iter().map(async |note| talk.operator.note(talk.visitor.session, note).await)).await;
        }
        if let Some((_, redis)) = system.servers() {
            redis.delete_keys().await;
        }
        talk.brings(&system, transport, &[]).await;
        talk.brings(&system, transport, &["live".to_owned()]).await;
    }

    async fn what_was_edited_and_deleted_meanwhile_comes_as_it_is_now(system: System, transport: Transport) {
        let talk = Talk::begin(&system, transport).await;
        let old = talk.visitor.messages().await.remove(0);
        let [gone, kept, both] = [talk.say("a secret").await, talk.say("kept").await, talk.say("a draft").await];
        for (message, body) in [(&old, "first, mended"), (&both, "a better draft"), (&both, "the last draft")] {
            changed::edit(&system, id_of(message), body).await;
        }
        talk.is_known_everywhere(&system, &both).await;
        talk.is_told(&system, transport, &[
            ("chat.message", &gone, "a secret"),
            ("chat.message", &kept, "kept"),
            ("chat.message.edited", &old, "first, mended"),
            ("chat.message", &both, "the last draft"),
        ])
        .await;
        for deleted in [&gone, &both] {
            changed::delete(&system, id_of(deleted)).await;
        }
        // The first is known to Redis, or neither is: a text that is gone comes in no case.
        talk.is_told(&system, transport, &[
            ("chat.message", &kept, "kept"),
            ("chat.message.edited", &old, "first, mended"),
            ("chat.message", &talk.operator.messages(talk.visitor.session).await.pop().expect("the last"), "live"),
            ("chat.message.deleted", &gone, ""),
            ("chat.message.deleted", &both, ""),
        ])
        .await;
    }

    async fn a_client_that_was_away_hears_that_its_session_was_closed_and_opened_again(
        system: System,
        transport: Transport,
    ) {
        let talk = Talk::begin(&system, transport).await;
        let session = talk.visitor.session;
        let mut staff = Live::open(Transport::WebSocket, system.gateway(0), &talk.operator).await;
        for status in ["closed", "open"] {
            talk.operator.set_status(session, status).await;
        }
        let mut client = talk.come_back(&system, transport).await;
        let last = talk.say("live").await;
        let frames = client.up_to(&last).await;
        let of = |frame: &Value| frame["type"].as_str().expect("a type").to_owned();
        let kinds: Vec<String> = frames.iter().map(of).collect();
        assert_eq!(kinds, ["chat.activity", "chat.session.status", "chat.message"]);
        let seqs: Vec<_> = frames.iter().map(|frame| frame["seq"].as_i64()).collect();
        assert_eq!(seqs, [1, 2, 3].map(|behind| Some(talk.left_at.seq + behind)));
        let told: Vec<_> = frames.iter().filter_map(activity_of).map(|(seq, it)| (seq, it["to"].clone())).collect();
        assert_eq!(told, [(talk.left_at.seq + 1, json!("closed")), (talk.left_at.seq + 2, json!("open"))]);
        let actor = json!({"type": "operator", "id": talk.operator.id, "name": "Olga"});
        assert!(frames.iter().filter_map(activity_of).all(|(_, activity)| activity["actor"] == actor));
        let live: Vec<_> = staff.up_to(&last).await.iter().filter_map(activity_of).collect();
        let missed: Vec<_> = frames.iter().filter_map(activity_of).collect();
        assert!(live.ends_with(&missed), "an operator who was there was told the same: {live:?}");
    }

    async fn who_is_cut_again_and_again_misses_nothing_and_gets_nothing_twice(system: System, transport: Transport) {
        const MESSAGES: usize = 150;
        let talk = Talk::begin(&system, transport).await;
        let sending = async {
            for number in 0..MESSAGES {
                talk.say(&number.to_string()).await;
            }
        };
        let reading = async {
            let (mut seen, mut from, mut visits) = (Seen::new(), talk.left_at, 0);
            while seen.count() < MESSAGES {
                let mut live = Live::come_back(transport, system.gateway(visits), &talk.visitor, from).await;
                assert_eq!(live.position().seq, from.seq, "it goes on from there");
                for _ in 0..(visits % 7 * 3).min(MESSAGES - seen.count()) {
                    seen.frame(&live.next().await);
                }
                (from, visits) = (live.position(), visits + 1);
            }
            seen
        };
        let ((), seen) = tokio::join!(sending, reading);
        let sent: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
        assert_eq!(seen.bodies(talk.visitor.session), sent);
    }

    async fn joining_while_messages_pour_in_leaves_no_gap_and_no_repeat(system: System, transport: Transport) {
        const MESSAGES: usize = 60;
        let talk = Talk::begin(&system, transport).await;
        let sending = async {
            for number in 0..MESSAGES {
                talk.say(&number.to_string()).await;
            }
        };
        let joining = async {
            let mut joined = Vec::new();
            for number in 0..8 {
                joined.push(Live::come_back(transport, system.gateway(number), &talk.visitor, talk.left_at).await);
                // Five connections of a session are allowed: the oldest leave.
                if joined.len() > 4 {
                    joined.remove(0);
                }
            }
            joined
        };
        let ((), joined) = tokio::join!(sending, joining);
        let sent: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
        for mut live in joined {
            let mut seen = Seen::new();
            while seen.count() < MESSAGES {
                seen.frame(&live.next().await);
            }
            assert_eq!(seen.bodies(talk.visitor.session), sent);
        }
    }
}

/// And from then on it is live.
async fn is_told_to_begin_anew(talk: &Talk, system: &System, transport: Transport, why: &str) {
    let mut live = talk.come_back(system, transport).await;
    let resync = live.next().await;
    let told = (&resync["type"], &resync["why"], &resync["chats"]);
    assert_eq!(told, (&"resync".into(), &why.into(), &json!([talk.visitor.session])));
    // What an EventSource comes back with by itself: not the cursor that was refused.
    let position = live.position();
    drop(live);
    let missed = talk.say("missed").await;
    let mut live = Live::come_back(transport, system.gateway(1), &talk.visitor, position).await;
    assert_eq!(bodies(&live.up_to(&missed).await, talk.visitor.session), ["missed"]);
    let last = talk.say("live").await;
    assert_eq!(bodies(&live.up_to(&last).await, talk.visitor.session), ["live"]);
}

// --- many chats ----------------------------------------------------------------------------------------------

fn cursors<const N: usize>(cursors: [(i64, &Value); N]) -> BTreeMap<i64, i64> {
    cursors.into_iter().map(|(chat, seq)| (chat, seq.as_i64().expect("a seq"))).collect()
}

transport_test! {
    async fn a_user_comes_back_to_all_its_chats(system: System, transport: Transport) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let members = [&ada, &ben];
        let group = async |name: &str| system.group_chat(name, &members).await;
        let (missed, level) = (group("Missed").await, group("Level").await);
        let (ahead, new) = (group("Ahead").await, group("New").await);
        let not_mine = system.group_chat("Not Ben's", &[&ada]).await;
        let first = ada.send(missed, "seen").await.good();
        let last = ada.send(level, "seen").await.good();
        for body in ["two", "three"] {
            ada.send(missed, body).await.accepted();
        }
        ada.send(new, "not asked for").await.accepted();
        let mut live = Live::come_back_to_many(transport, system.gateway(1), &ben).await;
        // Sent before the cursors are: it comes after what was missed all the same.
        ada.send(missed, "four").await.accepted();
        let brought = cursors([
            (missed, &first["seq"]), (level, &last["seq"]), (ahead, &json!(1_000_000)), (not_mine, &json!(1)),
        ]);
        let mut resumed = live.resume(&ben, &brought).await;
        assert_eq!(resumed.refused, BTreeMap::from([("gone".into(), vec![not_mine]), ("ahead".into(), vec![ahead])]));
        assert_eq!(resumed.reached.get(&level), last["seq"].as_i64().as_ref());
        while bodies(&resumed.frames, missed).len() < 3 {
            resumed.frames.push(live.next().await);
        }
        assert_eq!(bodies(&resumed.frames, missed), ["two", "three", "four"]);
        for chat in [ahead, level, new, missed] {
            let sent = ada.send(chat, "live").await.good();
            resumed.frames.extend(live.up_to(&sent).await);
        }
        assert_eq!(bodies(&resumed.frames, missed), ["two", "three", "four", "live"]);
        for chat in [ahead, level, new] {
            assert_eq!(bodies(&resumed.frames, chat), ["live"]);
        }
    }

    async fn an_operator_comes_back_to_its_sessions(system: System, transport: Transport) {
        let operator = system.operator("Olga").await;
        let (ann, bob, cid) = (system.visitor("Ann").await, system.visitor("Bob").await, system.visitor("Cid").await);
        let seen = ann.send("one").await;
        let level = bob.send("level").await;
        operator.note(ann.session, "a note").await;
        ann.send("three").await;
        let mut live = Live::come_back_to_many(transport, system.gateway(1), &operator).await;
        cid.send("while it connects").await;
        ann.send("four").await;
        let brought = cursors([(ann.session, &seen["seq"]), (bob.session, &level["seq"])]);
        let mut resumed = live.resume(&operator, &brought).await;
        assert_eq!(resumed.refused, BTreeMap::new());
        while bodies(&resumed.frames, ann.session).len() < 3 || bodies(&resumed.frames, cid.session).is_empty() {
            resumed.frames.push(live.next().await);
        }
        for visitor in [&ann, &bob, &cid] {
            let sent = visitor.send("live").await;
            resumed.frames.extend(live.up_to(&sent).await);
        }
        assert_eq!(bodies(&resumed.frames, ann.session), ["a note", "three", "four", "live"]);
        assert_eq!(bodies(&resumed.frames, bob.session), ["live"]);
        assert_eq!(bodies(&resumed.frames, cid.session), ["while it connects", "live"]);
    }

    async fn much_is_missed_in_each_of_many_chats(system: System, transport: Transport) {
        const CHATS: usize = 12;
        const MISSED: usize = 60;
        let operator = system.operator("Olga").await;
        let names: Vec<String> = (0..CHATS).map(|number| format!("Visitor {number}")).collect();
        let visitors = join_all(names.iter().map(|name| system.visitor(name))).await;
        let firsts = join_all(visitors.iter().map(|visitor| visitor.send("seen"))).await;
        join_all(visitors.iter().map(async |visitor| {
            for number in 0..MISSED {
                visitor.send(&number.to_string()).await;
            }
        }))
        .await;
        let seqs = visitors.iter().zip(&firsts).map(|(visitor, first)| (visitor.session, first["seq"].as_i64().expect("a seq")));
        let brought: BTreeMap<i64, i64> = seqs.collect();
        let mut live = Live::come_back_to_many(transport, system.gateway(1), &operator).await;
        let mut resumed = live.resume(&operator, &brought).await;
        let sent = join_all(visitors.iter().map(|visitor| visitor.send("live"))).await;
        let mut awaited: Vec<&Value> = sent.iter().map(|message| &message["id"]).collect();
        while !awaited.is_empty() {
            let frame = live.next().await;
            awaited.retain(|id| **id != frame["data"]["id"]);
            resumed.frames.push(frame);
        }
        let expected: Vec<String> = (0..MISSED).map(|number| number.to_string()).chain(["live".to_owned()]).collect();
        for visitor in &visitors {
            assert_eq!(bodies(&resumed.frames, visitor.session), expected);
        }
    }
}

// --- what only an event stream has ---------------------------------------------------------------------------

system_test! {
    async fn an_event_stream_also_takes_its_cursor_from_its_address(system: System) {
        let talk = Talk::begin(&system, Transport::EventStream).await;
        let (two, three) = (talk.say("two").await, talk.say("three").await);
        let Talk { visitor, left_at, .. } = &talk;
        let after = format!("&after={}", left_at.seq);
        for path in [format!("/channel/sse?{}{after}", visitor.proof()), format!("{}{after}", visitor.stream_url)] {
            // What the browser saw last is later than what its page was given once.
            let (id, old_id) = (format!("1:{}", two["seq"]), two["seq"].to_string());
            for (last_id, next) in [(None, &two), (Some(id), &three), (Some(old_id), &three)] {
                let mut stream = EventStream::open(system.gateway(1), &path, last_id.as_deref()).await;
                stream.connected().await;
                assert_eq!(&stream.next_of("chat.message").await["data"], next, "{path} {last_id:?}");
            }
        }
        let other = left_at.epoch + 1;
        for of_another_epoch in [format!("{after}&epoch={other}"), format!("&after={other}:{}", left_at.seq)] {
            let path = format!("{}{of_another_epoch}", visitor.stream_url);
            let mut stream = EventStream::open(system.gateway(0), &path, None).await;
            assert_eq!(stream.next_of("resync").await["why"], "epoch");
        }
    }

    async fn an_epoch_that_is_no_number_is_refused(system: System) {
        let visitor = system.visitor("Ann").await;
        let query = format!("{}&after=0&epoch=first", visitor.proof());
        Socket::refused(system.gateway(0), &format!("/channel/ws?{query}"), None).await.refused(400, "bad_request");
        EventStream::refused(system.gateway(0), &format!("/channel/sse?{query}")).await.refused(400, "bad_request");
    }
}

system_test! {
    async fn a_cursor_that_says_nothing_of_a_connections_chats_is_refused_aloud(system: System) {
        let (user, visitor) = (system.user("Uma").await, system.visitor("Ann").await);
        let target = format!("/channel/sse?{}", visitor.proof());
        for id in ["1:3:3", "of another program"] {
            let mut stream = EventStream::open(system.gateway(0), &target, Some(id)).await;
            assert_eq!(stream.next_of("resync").await["why"], "several");
        }
        let target = format!("/channel/sse?{}", user.proof());
        for old_id in ["3:3", "3"] {
            let mut stream = EventStream::open(system.gateway(0), &target, Some(old_id)).await;
            assert_eq!(stream.next_of("resync").await["why"], "several");
        }
        let mut socket = Socket::open(system.gateway(0), &format!("/channel/ws?{}&after=2", user.proof())).await;
        assert_eq!(socket.next_of("resync").await["why"], "several");
    }
}
