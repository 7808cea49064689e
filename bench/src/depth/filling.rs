//! Databases full of messages. Those of one chat lie far from each other, as they do where many chats are written in at
//! the same time.

use anyhow::Context;
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use test_support::{Database, fresh_database};

/// How much lies in a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filling {
    /// Support sessions, each with as many messages as the next.
    pub(crate) chats: i64,
    /// Messages in all of these.
    pub(crate) messages: i64,
    /// Messages in one more session, the last; none if it is 0.
    pub(crate) deep: i64,
}

/// A database that is filled. Dropped with it.
pub(crate) struct Filled {
    pub(crate) database: Database,
    pub(crate) filling: Filling,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

impl Filling {
    /// Makes and fills a database on the test server.
    pub(crate) async fn fill(self) -> anyhow::Result<Filled> {
        let database = fresh_database().await;
        database.run_sql(&self.chats_sql()).await;
        database.run_sql(&self.messages_sql()).await;
        database.run_sql("VACUUM (ANALYZE) messages").await;
        database.run_sql("VACUUM (ANALYZE)").await;
        Ok(Filled { database, filling: self })
    }

    fn all_chats(self) -> i64 {
        self.chats + i64::from(self.deep > 0)
    }

    /// One client, one chat and one session of each number.
    fn chats_sql(self) -> String {
        let (all, chats, each, deep) = (self.all_chats(), self.chats, self.messages / self.chats, self.deep);
        format!(
            "INSERT INTO clients (id, name, secret_hash) OVERRIDING SYSTEM VALUE
                 SELECT n, 'Visitor ' || n, '' FROM generate_series(1, {all}) n;
             INSERT INTO chats (id, kind, seq, state_seq) OVERRIDING SYSTEM VALUE
                 SELECT n, 'session', CASE WHEN n <= {chats} THEN {each} ELSE {deep} END, 0
                 FROM generate_series(1, {all}) n;
             INSERT INTO chat_sessions (chat_id, client_id) SELECT n, n FROM generate_series(1, {all}) n;"
        )
    }

    /// Each chat's messages in turn, the deep chat's spread evenly among them. Indexes are built afterwards, from their own
    /// definitions, and foreign keys are believed: row by row, both would take an hour.
    fn messages_sql(self) -> String {
        let Self { chats, messages, deep } = self;
        let total = messages + deep;
        format!(
            "BEGIN;
             SET LOCAL session_replication_role = replica;
             SET LOCAL maintenance_work_mem = '256MB';
             TRUNCATE messages;
             CREATE TEMP TABLE keys ON COMMIT DROP AS
                 SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
                 WHERE conrelid = 'messages'::regclass AND contype IN ('p', 'u');
             DO $$ DECLARE key record; BEGIN
                 FOR key IN SELECT * FROM keys LOOP
                     EXECUTE format('ALTER TABLE messages DROP CONSTRAINT %I', key.name);
                 END LOOP;
             END $$;
             INSERT INTO messages (id, chat_id, seq, changed_seq, sender_type, sender_id, body, client_id, visibility)
                 OVERRIDING SYSTEM VALUE
                 SELECT n, chat, seq, seq, 'client', chat, repeat('x', 60), gen_random_uuid(), 'public'
                 FROM (
                     SELECT n, n * {deep} / {total} AS of_deep, (n - 1) * {deep} / {total} AS of_deep_before
                     FROM generate_series(1, {total}::bigint) n
                 ) place, LATERAL (
                     SELECT {chats} + 1 AS chat, of_deep AS seq WHERE of_deep > of_deep_before
                     UNION ALL
                     SELECT (n - of_deep - 1) % {chats} + 1, (n - of_deep - 1) / {chats} + 1
                     WHERE of_deep = of_deep_before
                 ) message;
             DO $$ DECLARE key record; BEGIN
                 FOR key IN SELECT * FROM keys LOOP
                     EXECUTE format('ALTER TABLE messages ADD CONSTRAINT %I %s', key.name, key.definition);
                 END LOOP;
             END $$;
             SELECT setval(pg_get_serial_sequence('messages', 'id'), {total});
             COMMIT;"
        )
    }
}

impl Filled {
    /// Of the whole database, in bytes.
    pub(crate) async fn size(&self) -> anyhow::Result<i64> {
        let mut connection = self.database.connect().await;
        let query = diesel::sql_query("SELECT pg_database_size(current_database()) AS bytes");
        let Size { bytes } = query.get_result(&mut connection).await.context("the database's size")?;
        Ok(bytes)
    }

    /// The `seq` of the newest message of a chat, as it was filled.
    pub(crate) fn top(&self, chat: i64) -> i64 {
        let Filling { chats, messages, deep } = self.filling;
        if chat > chats { deep } else { messages / chats }
    }
}
