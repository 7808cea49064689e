//! What PostgreSQL has, read with plain SQL.

use anyhow::Context;
use tokio_postgres::{Client, NoTls, Row};

use crate::checker::{Chat, Truth};
use crate::frame::Message;

/// A connection for the truth alone.
pub struct Source(Client);

impl Source {
    /// Connects.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("PostgreSQL does not answer")?;
        // It ends with the client; an error is told to whoever asks.
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// All messages and chats, of one moment.
    pub async fn read(&mut self) -> anyhow::Result<Truth> {
        let moment = self.0.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
        let moment = moment.read_only(true).start().await?;
        let chats = moment.query("SELECT id, kind = 'session', seq, state_seq FROM chats", &[]).await?;
        let messages = moment
            .query(
                "SELECT id, chat_id, seq, changed_seq, sender_type, sender_id, body, client_id::text, visibility
                 FROM messages ORDER BY chat_id, seq",
                &[],
            )
            .await?;
        let chats = chats
            .iter()
            .map(|row| (row.get(0), Chat { is_session: row.get(1), seq: row.get(2), state_seq: row.get(3) }));
        let messages: anyhow::Result<Vec<Message>> = messages.iter().map(message).collect();
        Ok(Truth { chats: chats.collect(), messages: messages? })
    }

    /// All sessions with the keys of their sites.
    pub async fn sessions(&self) -> anyhow::Result<Vec<(i64, String)>> {
        let sql = "SELECT chat_id, key FROM chat_sessions JOIN sites ON sites.id = site_id";
        Ok(self.0.query(sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Where the last change of a chat's members stands.
    pub async fn state_seq(&self, chat: i64) -> anyhow::Result<i64> {
        Ok(self.0.query_one("SELECT state_seq FROM chats WHERE id = $1", &[&chat]).await?.get(0))
    }

    /// Events that nobody has taken yet.
    pub async fn waiting_events(&self) -> anyhow::Result<i64> {
        Ok(self.0.query_one("SELECT count(*) FROM outbox", &[]).await?.get(0))
    }
}

fn message(row: &Row) -> anyhow::Result<Message> {
    Ok(Message {
        id: row.get(0),
        chat_id: row.get(1),
        seq: row.get(2),
        changed_seq: row.get(3),
        sender_type: row.get(4),
        sender_id: row.get(5),
        body: row.get(6),
        client_id: row.get::<_, String>(7).parse().context("a client_id that is no UUID")?,
        visibility: row.get(8),
    })
}
