//! The database was restored: the same numbers were given to other messages, and every cursor of before says so.

use serde_json::{Value, json};
use system_tests::{EventStream, Operator, Person, Socket, System, Visitor, system_test};
use test_support::Database;

/// Where a client had come.
const SEEN: i64 = 53;
/// Where the backup is from.
const RESTORED: i64 = 33;
/// How far it was written on after that.
const WRITTEN_ON: i64 = 58;

/// As the runbook says it.
async fn restore(database: &Database) {
    let sql = format!(
        "DELETE FROM messages WHERE seq > {RESTORED}; UPDATE chats SET seq = least(seq, {RESTORED});
         DELETE FROM outbox WHERE chat_id > 0; UPDATE installation SET epoch = epoch + 1"
    );
    database.run_sql(&sql).await;
}

async fn write_up_to(visitor: &Visitor, seq: i64) {
    while visitor.send("a message").await["seq"].as_i64().expect("a seq") < seq {}
}

async fn stream_is_told(system: &System, visitor: &Visitor, target: &str, last_id: Option<&str>) {
    let mut stream = EventStream::open(system.gateway(0), target, last_id).await;
    let connected = stream.connected().await;
    assert_eq!((&connected["seq"], &connected["data"]["epoch"]), (&WRITTEN_ON.into(), &2.into()));
    is_told_of_another_epoch(&stream.next().await, visitor);
    assert_eq!(stream.last_id, Some(format!("2:{WRITTEN_ON}")), "what a browser comes back with next");
}

fn is_told_of_another_epoch(frame: &Value, visitor: &Visitor) {
    let told = (&frame["type"], &frame["why"], &frame["chats"]);
    assert_eq!(told, (&"resync".into(), &"epoch".into(), &json!([visitor.session])));
}

async fn operator_is_told(system: &System, operator: &Operator, visitor: &Visitor, frame: Value, answer: &str) {
    let mut staff = operator.socket(system.gateway(0)).await;
    staff.connected().await;
    staff.send(frame).await;
    is_told_of_another_epoch(&staff.next().await, visitor);
    staff.next_of(answer).await;
}

system_test! {
    async fn whoever_comes_back_over_a_restore_is_told_to_begin_anew(system: System) {
        let mut system = system;
        let (visitor, operator) = (system.visitor("Ann").await, system.operator("Olga").await);
        write_up_to(&visitor, SEEN - 1).await;
        let mut stream = visitor.stream(system.gateway(0)).await;
        stream.connected().await;
        write_up_to(&visitor, SEEN).await;
        stream.next_of("chat.message").await;
        let id = stream.last_id.clone().expect("an event with an id");
        drop(stream);
        system.restart(restore).await;
        write_up_to(&visitor, WRITTEN_ON).await;

        let target = format!("/channel/sse?{}", visitor.proof());
        let old_id = SEEN.to_string();
        for last_id in [&id, &old_id] {
            stream_is_told(&system, &visitor, &target, Some(last_id)).await;
        }
        for cursor in [format!("&after={SEEN}"), format!("&after={SEEN}&epoch=1"), format!("&after={id}")] {
            stream_is_told(&system, &visitor, &format!("{target}{cursor}"), None).await;
            stream_is_told(&system, &visitor, &format!("{}{cursor}", visitor.stream_url), None).await;
            let mut socket = Socket::open(system.gateway(0), &format!("{}{cursor}", visitor.socket_target())).await;
            assert_eq!(socket.connected().await["seq"], WRITTEN_ON);
            is_told_of_another_epoch(&socket.next().await, &visitor);
        }
        let session = visitor.session;
        for epoch in [json!(null), json!(1)] {
            let subscribe = json!({"type": "subscribe", "session_id": session, "after": SEEN, "epoch": epoch});
            operator_is_told(&system, &operator, &visitor, subscribe, "subscribed").await;
            let resume = json!({"type": "resume", "cursors": {session.to_string(): SEEN}, "epoch": epoch});
            operator_is_told(&system, &operator, &visitor, resume, "resumed").await;
        }
    }

    async fn a_cursor_of_the_restored_database_is_honoured(system: System) {
        let mut system = system;
        let (visitor, operator) = (system.visitor("Ann").await, system.operator("Olga").await);
        write_up_to(&visitor, RESTORED).await;
        system.restart(restore).await;
        let missed = visitor.send("missed").await;
        for cursor in [format!("&after=2:{RESTORED}"), format!("&after={RESTORED}&epoch=2")] {
            let target = format!("{}{cursor}", visitor.stream_url);
            let mut stream = EventStream::open(system.gateway(0), &target, None).await;
            stream.connected().await;
            assert_eq!(stream.next().await["data"], missed);
            let mut socket = Socket::open(system.gateway(0), &format!("{}{cursor}", visitor.socket_target())).await;
            socket.connected().await;
            assert_eq!(socket.next().await["data"], missed);
        }
        let mut staff = operator.socket(system.gateway(0)).await;
        staff.connected().await;
        staff.send(json!({"type": "subscribe", "session_id": visitor.session, "after": RESTORED, "epoch": 2})).await;
        assert_eq!(staff.next().await["data"], missed);
    }
}
