//! A reader has come further.

use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, ErrorCode, Mark, MarkKind, MessageId, Signal, SiteId, Visibility};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::access::rules::reader_cte;
use crate::access::{Actor, ActorColumns, Verb, check_scope, check_verdict};
use crate::db::json::time_json;
use crate::db::stored::Stored;
use crate::error::Error;
use crate::state::AppState;
use statement::statement;

statement! {
    /// Raises a mark up to a message, if the reader may see it: rights, message and mark in one statement. One row: the chat's
    /// kind, the site of a session, the verdict on reading it, whether the message is there, and the mark as it now stands.
    RaiseMark<'a> {
        chat_id: i64 as BigInt,
        principal: &'a str as Text,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
        reader_type: &'a str as Text,
        sees_notes: bool as Bool,
        last_id: i64 as BigInt,
        is_read: bool as Bool,
    } -> (Nullable<Text>, Nullable<BigInt>, Text, Bool, Nullable<Text>, Bool) = concat!(
        "WITH ", reader_cte!(read), ", target AS MATERIALIZED (
            SELECT r.chat_id, r.self_id AS reader_id, m.seq
            FROM reader r JOIN messages m ON m.id = $last_id AND m.chat_id = r.chat_id
            WHERE r.verdict = 'allowed' AND (m.visibility = 'public' OR $sees_notes)
        ), raised AS (
            INSERT INTO chat_marks AS k (chat_id, reader_type, reader_id, delivered_seq, read_seq)
            SELECT t.chat_id, $reader_type, t.reader_id, t.seq, CASE WHEN $is_read THEN t.seq ELSE 0 END FROM target t
            ON CONFLICT (chat_id, reader_type, reader_id) DO UPDATE
            SET delivered_seq = greatest(k.delivered_seq, EXCLUDED.delivered_seq),
                read_seq = greatest(k.read_seq, EXCLUDED.read_seq), updated_at = now()
            WHERE k.delivered_seq < EXCLUDED.delivered_seq OR k.read_seq < EXCLUDED.read_seq
            RETURNING k.*
        )
        SELECT r.kind, r.site_id, r.verdict, EXISTS (SELECT FROM target),
            CASE WHEN k.reader_id IS NOT NULL THEN json_build_object('reader_type', k.reader_type,
                'reader_id', k.reader_id, 'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
        time_json!("k.updated_at"), ")::text END, coalesce(k.rose, false)
        FROM reader r LEFT JOIN (
            SELECT *, true AS rose FROM raised
            UNION ALL
            SELECT o.*, false FROM chat_marks o JOIN target t ON o.chat_id = t.chat_id AND o.reader_id = t.reader_id
            WHERE o.reader_type = $reader_type AND NOT EXISTS (SELECT FROM raised)
        ) k ON true"
    );
}

/// A row of [`RaiseMark`].
type RaisedRow = (Option<Stored<ChatKind>>, Option<i64>, String, bool, Option<String>, bool);

/// Raises a reader's mark up to a message that it may see, and tells all who listen of it, but for the connection that it
/// came over. The mark as it now stands.
pub(crate) async fn raise(
    state: &AppState,
    actor: Actor,
    chat: ChatId,
    (kind, last): (MarkKind, MessageId),
    origin: Option<String>,
) -> Result<Mark, RaiseError> {
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let Some(raised) = write(&mut conn, actor, chat, kind, last).await? else { return Ok(None) };
        if raised.rose {
            own.signals.send(raised.signal(chat, kind, origin));
        }
        Ok(Some(raised.mark))
    };
    state.writes.run(work).await?.ok_or(RaiseError::UnknownMessage)
}

/// A mark, after a write that would raise it.
struct Raised {
    /// As it now stands.
    mark: Mark,
    /// Whether it rose; if not, nobody needs to be told.
    rose: bool,
    chat_kind: ChatKind,
    /// Of a session.
    site_id: Option<SiteId>,
}

impl Raised {
    /// Everybody in the chat may know how far its readers have come.
    fn signal(&self, chat_id: ChatId, kind: MarkKind, origin: Option<String>) -> Signal {
        let data = SignalData::Mark { kind, mark: self.mark.clone() };
        let (id, visibility) = (Uuid::new_v4(), Visibility::Public);
        Signal { id, chat_id, chat_kind: self.chat_kind, site_id: self.site_id, visibility, origin, data }
    }
}

/// Why a mark was not raised.
#[derive(Debug)]
pub(crate) enum RaiseError {
    /// The chat has no such message that the reader may see.
    UnknownMessage,
    /// Anything else.
    Other(Error),
}

impl From<Error> for RaiseError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl RaiseError {
    /// With the code for a message that is not there: the chat that the address names is there.
    pub(crate) fn told_as(self, code: ErrorCode) -> Error {
        match self {
            Self::UnknownMessage => Error::field(code, "last_id", "there is no such message in this chat"),
            Self::Other(error) => error,
        }
    }
}

/// None: there is no such message.
async fn write(
    conn: &mut AsyncPgConnection,
    actor: Actor,
    chat: ChatId,
    kind: MarkKind,
    last: MessageId,
) -> Result<Option<Raised>, Error> {
    check_scope(actor.principal, chat)?;
    let who = ActorColumns::of(Some(actor));
    let raise = RaiseMark {
        chat_id: chat.0,
        principal: who.kind,
        user_id: who.user_id,
        issued_at: who.issued_at,
        login: who.login,
        reader_type: who.reader_type,
        sees_notes: actor.principal.sees(Visibility::Staff),
        last_id: last.0,
        is_read: kind == MarkKind::Read,
    };
    // Another request of this reader may make the very first mark meanwhile: a new snapshot sees it.
    for _ in 0..2 {
        let (chat_kind, site, verdict, is_known, mark, rose): RaisedRow = raise.clone().get_result(conn).await?;
        check_verdict(Verb::Read, &verdict)?;
        let (true, Some(chat_kind)) = (is_known, chat_kind) else { return Ok(None) };
        if let Some(mark) = mark {
            let (chat_kind, site_id) = (chat_kind.0, site.map(SiteId));
            return Ok(Some(Raised { mark: serde_json::from_str(&mark)?, rose, chat_kind, site_id }));
        }
    }
    Err(Error::Internal("a mark that was raised is not there".into()))
}
