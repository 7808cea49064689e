//! The outbox as a source, on a real PostgreSQL.

use std::time::Duration;

use crate::events::{next_batch, next_beat, part, places};
use bus::outbox::{LaneWaker, NewEvent, OutboxSource, read_installation, write};
use bus::{Batch, Envelope, LaneMetrics, Outcome, Source};
use chat_events::{ChatId, ChatKind, Epoch, EventKind, Lane, LaneCount, Seq, Visibility};
use diesel::sql_types::{BigInt, Bool};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use test_support::{Database, fresh_database, wait_until};
use tokio_util::sync::CancellationToken;

const LANE: Lane = Lane(0);

fn lanes() -> LaneCount {
    LaneCount::new(4).expect("in range")
}

fn source(database: &Database, waker: &LaneWaker) -> OutboxSource {
    source_with(database, waker, LaneMetrics::unregistered())
}

fn source_with(database: &Database, waker: &LaneWaker, metrics: LaneMetrics) -> OutboxSource {
    OutboxSource::new(database.url().into(), LANE, Epoch(7), waker.clone(), metrics, part())
}

async fn commit(database: &Database, chat: i64, seqs: impl IntoIterator<Item = i64>) {
    let mut conn = database.connect().await;
    for seq in seqs {
        let event = NewEvent {
            lane: LANE,
            chat_id: ChatId(chat),
            seq: Seq(seq),
            kind: EventKind::MessageSent,
            chat_kind: ChatKind::Session,
            visibility: Visibility::Public,
            site_id: None,
            assigned_user_id: None,
            user_ids: &[],
            data: r#"{"body":"hello"}"#,
            traceparent: None,
            activity: (seq == 1).then_some(r#"{"kind":"session.opened"}"#),
        };
        write(&mut conn, &event).await.expect("a row");
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    chat_id: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

async fn left(database: &Database) -> Vec<(i64, i64)> {
    let query = sql_query("SELECT chat_id, seq FROM outbox ORDER BY chat_id, seq");
    let rows: Vec<Row> = query.load(&mut database.connect().await).await.expect("rows");
    rows.into_iter().map(|row| (row.chat_id, row.seq)).collect()
}

async fn next(source: &mut OutboxSource) -> Vec<Envelope> {
    test_support::wait::in_time("a batch", next_batch(source)).await.expect("a batch")
}

async fn settle(source: &mut OutboxSource, batch: &[Envelope], outcome: impl Fn(&Envelope) -> Outcome) {
    let outcomes: Vec<Outcome> = batch.iter().map(outcome).collect();
    source.settle(batch, &outcomes).await.expect("PostgreSQL answers");
}

fn taken(_: &Envelope) -> Outcome {
    Outcome::Taken
}

#[tokio::test]
async fn events_come_in_order_per_chat_and_exactly_the_confirmed_are_deleted() {
    let database = fresh_database().await;
    commit(&database, 8, [1, 2]).await;
    commit(&database, 4, [1, 2, 3]).await;
    let mut source = source(&database, &LaneWaker::new(lanes()));

    let batch = next(&mut source).await;
    assert_eq!(places(&batch), [(4, 1), (4, 2), (4, 3), (8, 1), (8, 2)]);
    assert_eq!((batch[0].event.epoch, batch[0].event.data.get()), (Epoch(7), r#"{"body":"hello"}"#));
    let activity = |envelope: &Envelope| envelope.event.activity.as_ref().map(|json| json.get().to_owned());
    assert_eq!((activity(&batch[0]).as_deref(), activity(&batch[1])), (Some(r#"{"kind":"session.opened"}"#), None));
    assert_eq!(serde_json::from_slice::<chat_events::Event>(&batch[0].json).expect("an event").seq, Seq(1));

    // A row that is committed while the batch is on its way must survive the deletion.
    commit(&database, 4, [4]).await;
    settle(&mut source, &batch, |envelope| match (envelope.event.chat_id.0, envelope.event.seq.0) {
        (4, 2) => Outcome::Refused("full".into()),
        (4, 3) => Outcome::Held,
        _ => Outcome::Taken,
    })
    .await;
    assert_eq!(left(&database).await, [(4, 2), (4, 3), (4, 4)]);

    let again = next(&mut source).await;
    assert_eq!(places(&again), [(4, 2), (4, 3), (4, 4)]);
    settle(&mut source, &again, taken).await;
    assert!(left(&database).await.is_empty());
}

#[tokio::test]
async fn a_refused_chat_holds_no_other_chat_up() {
    let database = fresh_database().await;
    commit(&database, 4, [1]).await;
    let waker = LaneWaker::new(lanes());
    let mut source = source(&database, &waker);
    let refuse_four = |envelope: &Envelope| match envelope.event.chat_id.0 {
        4 => Outcome::Refused("full".into()),
        _ => Outcome::Taken,
    };
    // Each refusal makes its next wait longer.
    for _ in 0..5 {
        let batch = next(&mut source).await;
        assert_eq!(places(&batch), [(4, 1)]);
        settle(&mut source, &batch, refuse_four).await;
    }
    for seq in 1..=3 {
        commit(&database, 8, [seq]).await;
        waker.committed(LANE);
        // On a slow machine the refused chat's time may have come as well.
        let mut came = Vec::new();
        while !came.contains(&(8, seq)) {
            let batch = next(&mut source).await;
            came.extend(places(&batch));
            settle(&mut source, &batch, refuse_four).await;
        }
        came.retain(|place| *place != (4, 1));
        assert_eq!(came, [(8, seq)], "the other chat, once");
    }
    assert_eq!(places(&next(&mut source).await), [(4, 1)], "and the refused one when its time has come");
}

#[tokio::test]
async fn a_chat_of_more_than_a_page_that_is_refused_comes_again_from_the_refusal_on() {
    let database = fresh_database().await;
    let rows = "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
                SELECT 0, 4, seq, 'chat.message.sent', 'session', 'public', '{}' FROM generate_series(1, 1200) AS seq";
    database.run_sql(rows).await;
    let mut source = source(&database, &LaneWaker::new(lanes()));
    let mut expected = 1;
    let mut refused = false;
    while expected <= 1200 {
        let batch = next(&mut source).await;
        let seqs: Vec<i64> = batch.iter().map(|envelope| envelope.event.seq.0).collect();
        let refuse_at = if refused { i64::MAX } else { 300 };
        assert_eq!(seqs, (expected..expected + seqs.len() as i64).collect::<Vec<_>>());
        expected = seqs.iter().copied().find(|seq| *seq == refuse_at).unwrap_or(expected + seqs.len() as i64);
        settle(&mut source, &batch, |envelope| match envelope.event.seq.0 {
            seq if seq == refuse_at => Outcome::Refused("full".into()),
            seq if seq > refuse_at => Outcome::Held,
            _ => Outcome::Taken,
        })
        .await;
        refused = true;
    }
    assert!(left(&database).await.is_empty());
}

#[tokio::test]
async fn a_held_lane_beats_each_second_in_a_place_that_no_chat_has() {
    let database = fresh_database().await;
    let mut source = source(&database, &LaneWaker::new(lanes()));
    let first = next_beat(&mut source).await;
    assert_eq!((first.lane, first.lanes), (LANE, lanes()));
    assert_eq!(left(&database).await, [(0, 0)]);
    source.forget_beat().await.expect("PostgreSQL answers");
    assert!(left(&database).await.is_empty());
    let second = next_beat(&mut source).await;
    let between = (second.committed_at - first.committed_at).as_seconds_f64();
    assert!((0.9..5.0).contains(&between), "{between}");
}

#[tokio::test]
async fn what_a_dead_holder_left_of_a_beat_is_written_over() {
    let database = fresh_database().await;
    let waker = LaneWaker::new(lanes());
    let mut dies = source(&database, &waker);
    let left_behind = next_beat(&mut dies).await;
    drop(dies);
    let mut next_holder = source(&database, &waker);
    assert!(next_beat(&mut next_holder).await.committed_at > left_behind.committed_at);
    assert_eq!(left(&database).await, [(0, 0)]);
}

#[tokio::test]
async fn beats_go_between_the_pages_of_a_long_backlog() {
    let database = fresh_database().await;
    let rows = "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
                SELECT 0, chat, 1, 'chat.message.sent', 'session', 'public', '{}' FROM generate_series(1, 5000) AS chat";
    database.run_sql(rows).await;
    let mut source = source(&database, &LaneWaker::new(lanes()));
    next_beat(&mut source).await;
    source.forget_beat().await.expect("PostgreSQL answers");
    let mut pages = 0;
    loop {
        match test_support::wait::in_time("a page", source.next()).await.expect("PostgreSQL answers") {
            Batch::Beat(_) => break,
            Batch::Events(page) => {
                pages += 1;
                // A next part that takes its time, so that the second passes while much is left.
                tokio::time::sleep(Duration::from_millis(300)).await;
                settle(&mut source, &page, taken).await;
            }
        }
    }
    assert!(pages < 10 && !left(&database).await.is_empty(), "a beat after {pages} of 10 pages");
}

#[derive(QueryableByName)]
struct Killed {
    #[diesel(sql_type = Bool)]
    killed: bool,
}

/// Ends the session that holds the lane.
async fn kill_holder(database: &Database) {
    let query = sql_query(
        "SELECT pg_terminate_backend(pid) AS killed FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    let killed: Vec<Killed> = query.load(&mut database.connect().await).await.expect("an answer");
    assert!(killed.len() == 1 && killed[0].killed, "one holder");
}

#[tokio::test]
async fn of_two_relays_one_reads_a_lane_and_the_other_takes_over_when_its_session_dies() {
    let database = fresh_database().await;
    let (first_waker, second_waker) = (LaneWaker::new(lanes()), LaneWaker::new(lanes()));
    let (mut first, mut second) = (source(&database, &first_waker), source(&database, &second_waker));
    commit(&database, 4, [1]).await;
    let batch = next(&mut first).await;
    settle(&mut first, &batch, taken).await;

    commit(&database, 4, [2]).await;
    let waited = tokio::time::timeout(Duration::from_millis(1500), second.next()).await;
    assert!(waited.is_err(), "the second must wait while the first holds the lane");

    kill_holder(&database).await;
    assert_eq!(places(&next(&mut second).await), [(4, 2)]);
    let lost = test_support::wait::in_time("the first to notice", async {
        loop {
            if let Err(error) = first.next().await {
                return error;
            }
        }
    });
    assert!(lost.await.to_string().starts_with("PostgreSQL"));
    // It stands by now.
    assert!(tokio::time::timeout(Duration::from_millis(1500), first.next()).await.is_err());
}

#[tokio::test]
async fn a_holder_that_stops_gives_its_lane_up_at_once() {
    let database = fresh_database().await;
    let waker = LaneWaker::new(lanes());
    let mut first = source(&database, &waker);
    commit(&database, 4, [1]).await;
    let batch = next(&mut first).await;
    drop(first);
    let mut second = source(&database, &waker);
    assert_eq!(places(&next(&mut second).await), places(&batch));
}

/// What is committed while the source waits. With no help from the poll: that comes after the next beat. A commit that was
/// slower than that is tried again.
async fn woken_by(source: &mut OutboxSource, mut commit: impl AsyncFnMut(i64)) -> Vec<Envelope> {
    for seq in 1.. {
        // From here on it waits for the next beat, or to be woken.
        while let Batch::Events(late) = load(source).await {
            settle(source, &late, |_| Outcome::Taken).await;
        }
        let (load, ()) = tokio::join!(load(source), commit(seq));
        if let Batch::Events(batch) = load {
            return batch;
        }
    }
    unreachable!("there is always a next seq")
}

async fn load(source: &mut OutboxSource) -> Batch {
    test_support::wait::in_time("a beat or a batch", source.next()).await.expect("PostgreSQL answers")
}

#[tokio::test]
async fn a_commit_wakes_the_holder_in_the_same_process() {
    let database = fresh_database().await;
    let waker = LaneWaker::new(lanes());
    let mut source = source(&database, &waker);
    let batch = woken_by(&mut source, async |seq| {
        commit(&database, 4, [seq]).await;
        waker.committed(LANE);
    })
    .await;
    assert_eq!(batch[0].event.chat_id.0, 4);
}

#[tokio::test]
async fn a_commit_wakes_the_holder_in_another_process() {
    let database = fresh_database().await;
    let (here, there) = (LaneWaker::new(lanes()), LaneWaker::new(lanes()));
    let stop = CancellationToken::new();
    for waker in [&here, &there] {
        tokio::spawn(waker.clone().run_link(database.url().into(), stop.clone()));
    }
    let mut source = source(&database, &here);
    wait_until("both links", async || {
        let query = sql_query(
            "SELECT count(*) = 2 AS killed FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'switchboard lane nudges' AND state = 'idle'",
        );
        query.get_result::<Killed>(&mut database.connect().await).await.expect("an answer").killed.then_some(())
    })
    .await;
    let batch = woken_by(&mut source, async |seq| {
        commit(&database, 4, [seq]).await;
        there.committed(LANE);
    })
    .await;
    assert_eq!(batch[0].event.chat_id.0, 4);
    stop.cancel();
}

/// The feed of the lane: chat, seq and position.
async fn numbered(database: &Database) -> Vec<(i64, i64, i64)> {
    #[derive(QueryableByName)]
    struct Numbered {
        #[diesel(sql_type = BigInt)]
        pos: i64,
        #[diesel(sql_type = BigInt)]
        chat_id: i64,
        #[diesel(sql_type = BigInt)]
        seq: i64,
    }
    let query = sql_query("SELECT pos, chat_id, seq FROM changes WHERE lane = 0 ORDER BY pos");
    let rows: Vec<Numbered> = query.load(&mut database.connect().await).await.expect("rows");
    rows.into_iter().map(|row| (row.chat_id, row.seq, row.pos)).collect()
}

async fn moved(database: &Database) -> Vec<(i64, i64)> {
    let query = sql_query("SELECT chat_id, seq FROM outbox_unreadable ORDER BY id");
    let rows: Vec<Row> = query.load(&mut database.connect().await).await.expect("rows");
    rows.into_iter().map(|row| (row.chat_id, row.seq)).collect()
}

async fn insert(database: &Database, chat: i64, seq: i64, kind: &str, data: &str) {
    let row = "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data) VALUES";
    database.run_sql(&format!("{row} (0, {chat}, {seq}, '{kind}', 'session', 'public', '{data}')")).await;
}

#[tokio::test]
async fn what_is_taken_is_numbered_without_a_hole_and_what_is_refused_is_not() {
    let database = fresh_database().await;
    let waker = LaneWaker::new(lanes());
    let mut source = source(&database, &waker);
    let mut grows = waker.watch_feed();
    commit(&database, 8, [1]).await;
    commit(&database, 4, [1, 2]).await;
    let batch = next(&mut source).await;
    settle(&mut source, &batch, |envelope| match envelope.event.chat_id.0 {
        4 if envelope.event.seq.0 == 2 => Outcome::Refused("full".into()),
        _ => Outcome::Taken,
    })
    .await;
    assert_eq!(numbered(&database).await, [(4, 1, 1), (8, 1, 2)]);
    assert!(grows.has_changed().expect("the waker lives"), "readers are woken");
    grows.mark_unchanged();
    commit(&database, 4, [3]).await;
    let batch = next(&mut source).await;
    assert_eq!(places(&batch), [(4, 2), (4, 3)]);
    settle(&mut source, &batch, taken).await;
    // Told a second time, as by a holder that lost its lane and did not know: what is gone gets no second number.
    settle(&mut source, &batch, taken).await;
    assert_eq!(numbered(&database).await, [(4, 1, 1), (8, 1, 2), (4, 2, 3), (4, 3, 4)]);
    next_beat(&mut source).await;
    source.forget_beat().await.expect("PostgreSQL answers");
    assert_eq!(numbered(&database).await.len(), 4, "a beat is no change");
}

#[tokio::test]
async fn of_a_relay_that_dies_between_publishing_and_numbering_nothing_is_numbered_twice() {
    let database = fresh_database().await;
    let waker = LaneWaker::new(lanes());
    let mut dies = source(&database, &waker);
    commit(&database, 4, [1, 2]).await;
    assert_eq!(next(&mut dies).await.len(), 2);
    drop(dies);
    assert!(numbered(&database).await.is_empty());
    let mut next_holder = source(&database, &waker);
    let again = next(&mut next_holder).await;
    settle(&mut next_holder, &again, taken).await;
    assert_eq!(numbered(&database).await, [(4, 1, 1), (4, 2, 2)]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_has_its_place_in_the_feed_and_holds_nothing_up() {
    let database = fresh_database().await;
    insert(&database, 4, 1, "chat.message.sent", "no JSON").await;
    insert(&database, 4, 2, "chat.unheard.of", "{}").await;
    commit(&database, 4, [3]).await;
    insert(&database, 4, 5, "chat.message.sent", "no JSON").await;
    let forever = "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data, committed_at) VALUES";
    database
        .run_sql(&format!("{forever} (0, 4, 4, 'chat.message.sent', 'session', 'public', '{{}}', 'infinity')"))
        .await;
    commit(&database, 4, [6]).await;
    insert(&database, 4, 7, "chat.message.sent", "no JSON").await;
    let metrics = LaneMetrics::unregistered();
    let mut source = source_with(&database, &LaneWaker::new(lanes()), metrics.clone());
    let batch = next(&mut source).await;
    assert_eq!(places(&batch), [(4, 3), (4, 6)]);
    settle(&mut source, &batch, |envelope| match envelope.event.seq.0 {
        6 => Outcome::Refused("full".into()),
        _ => Outcome::Taken,
    })
    .await;
    assert_eq!(numbered(&database).await, [(4, 1, 1), (4, 2, 2), (4, 3, 3), (4, 4, 4), (4, 5, 5)]);
    assert_eq!(left(&database).await, [(4, 6), (4, 7)], "what follows a refusal stays with it");
    let batch = next(&mut source).await;
    settle(&mut source, &batch, taken).await;
    assert!(left(&database).await.is_empty());
    assert_eq!(moved(&database).await, [(4, 1), (4, 2), (4, 4), (4, 5), (4, 7)]);
    assert_eq!((metrics.unreadable(), numbered(&database).await.len()), (5, 7), "each once");
}

#[tokio::test]
async fn rows_of_which_none_can_be_read_go_by_themselves() {
    let database = fresh_database().await;
    insert(&database, 4, 1, "chat.message.sent", "no JSON").await;
    let mut source = source(&database, &LaneWaker::new(lanes()));
    commit(&database, 8, [1]).await;
    let batch = next(&mut source).await;
    settle(&mut source, &batch, taken).await;
    insert(&database, 4, 2, "chat.message.sent", "no JSON").await;
    wait_until("the row is set aside", async || {
        next_beat(&mut source).await;
        source.forget_beat().await.expect("PostgreSQL answers");
        (moved(&database).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(numbered(&database).await, [(4, 1, 1), (8, 1, 2), (4, 2, 3)]);
}

#[tokio::test]
async fn the_installation_is_known_once_chat_service_has_set_the_lanes() {
    let database = fresh_database().await;
    let url = database.url().into();
    let error = read_installation(&url).await.expect_err("no lanes yet");
    assert!(error.to_string().contains("number of lanes"), "{error}");
    database.run_sql("UPDATE installation SET lanes = 4, epoch = 3").await;
    let installation = read_installation(&url).await.expect("an installation");
    assert_eq!((installation.epoch, installation.lanes), (Epoch(3), lanes()));
}

#[tokio::test]
async fn an_error_never_tells_the_password() {
    let url = "postgres://somebody:hunter2@127.0.0.1:1/nothing?connect_timeout=1".into();
    let refused = read_installation(&url).await.expect_err("nobody listens");
    let unusable = read_installation(&"postgres://somebody:hunter2@[nonsense".into()).await.expect_err("no URL");
    assert!(!format!("{refused} {unusable}").contains("hunter2"));
}
