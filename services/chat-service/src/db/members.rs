//! Members of chats that are not sessions.

use bus::outbox::{self, NewEvent};
use chat_events::{ChatId, ChatKind, ErrorCode, EventKind, LaneCount, Member, Role, UserId, Visibility};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::access::{Actor, ActorColumns, unknown_chat};
use super::shape::{acting_user, time_json};
use super::statement::statement;
use super::stored::Stored;
use super::{chats, users};
use crate::error::Error;

/// `chat_events::Member` from a row `p`.
macro_rules! member_json {
    () => {
        concat!(
            "(SELECT row_to_json(j)::text FROM (SELECT p.user_id, u.name, p.is_active, p.is_admin, p.can_read, p.can_write,
                p.can_pin, p.can_invite, p.can_delete_others, ",
            time_json!("p.joined_at"),
            " AS joined_at FROM users u WHERE u.id = p.user_id) j)"
        )
    };
}

statement! {
    /// Makes a user a member, or one again, at the seq that the locked chat takes next. Who comes back has the rights of one
    /// who is new: those that it had were for its first time.
    AddMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
        is_admin: bool as Bool,
    } -> Text = concat!(
        "INSERT INTO chat_members AS p (chat_id, user_id, is_admin, changed_seq, added_seq)
         SELECT id, $user_id, $is_admin, seq + 1, seq + 1 FROM chats WHERE id = $chat_id
         ON CONFLICT (chat_id, user_id) DO UPDATE
         SET is_active = true, is_admin = EXCLUDED.is_admin, can_read = EXCLUDED.can_read, can_write = EXCLUDED.can_write,
             can_pin = EXCLUDED.can_pin, can_invite = EXCLUDED.can_invite,
             can_delete_others = EXCLUDED.can_delete_others, joined_at = now(),
             changed_seq = EXCLUDED.changed_seq, added_seq = EXCLUDED.added_seq
         WHERE NOT p.is_active
         RETURNING ", member_json!()
    );
}

statement! {
    /// Takes a member's rights, at the seq that the locked chat takes next.
    RemoveMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
    } -> Text = concat!(
        "UPDATE chat_members p SET is_active = false, changed_seq = c.seq + 1 FROM chats c
         WHERE c.id = $chat_id AND p.chat_id = c.id AND p.user_id = $user_id AND p.is_active
         RETURNING ", member_json!()
    );
}

statement! {
    /// Gives a member other rights, at the seq that the locked chat takes next. Those that are not named stay.
    ChangeMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
        is_admin: Option<bool> as Nullable<Bool>,
        can_read: Option<bool> as Nullable<Bool>,
        can_write: Option<bool> as Nullable<Bool>,
        can_pin: Option<bool> as Nullable<Bool>,
        can_invite: Option<bool> as Nullable<Bool>,
        can_delete_others: Option<bool> as Nullable<Bool>,
    } -> Text = concat!(
        "UPDATE chat_members p SET is_admin = n.is_admin, can_read = n.can_read, can_write = n.can_write,
             can_pin = n.can_pin, can_invite = n.can_invite, can_delete_others = n.can_delete_others,
             changed_seq = c.seq + 1
         FROM chats c, chat_members o, LATERAL (SELECT
             coalesce($is_admin, o.is_admin) AS is_admin, coalesce($can_read, o.can_read) AS can_read,
             coalesce($can_write, o.can_write) AS can_write, coalesce($can_pin, o.can_pin) AS can_pin,
             coalesce($can_invite, o.can_invite) AS can_invite,
             coalesce($can_delete_others, o.can_delete_others) AS can_delete_others) n
         WHERE c.id = $chat_id AND o.chat_id = c.id AND o.user_id = $user_id AND o.is_active
             AND p.chat_id = o.chat_id AND p.user_id = o.user_id
             AND (n.is_admin, n.can_read, n.can_write, n.can_pin, n.can_invite, n.can_delete_others) IS DISTINCT FROM
                 (o.is_admin, o.can_read, o.can_write, o.can_pin, o.can_invite, o.can_delete_others)
         RETURNING ", member_json!()
    );
}

/// Rights of a member that are to be given or taken; none stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) is_admin: Option<bool>,
    pub(crate) can_read: Option<bool>,
    pub(crate) can_write: Option<bool>,
    pub(crate) can_pin: Option<bool>,
    pub(crate) can_invite: Option<bool>,
    pub(crate) can_delete_others: Option<bool>,
}

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// Comes in.
    Add {
        /// May also write in a channel, and manage the chat.
        is_admin: bool,
    },
    /// Has other rights.
    Change(Rights),
    /// Goes out.
    Remove,
}

/// A change of one member.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) chat: ChatId,
    pub(crate) user: UserId,
    pub(crate) change: MemberChange,
    /// Who wants it; none is the command line, which may do everything.
    pub(crate) by: Option<Actor>,
    /// W3C trace context of the request.
    pub(crate) traceparent: Option<String>,
}

/// Changes one member. Returns it, if anything changed.
pub(crate) async fn change(
    conn: &mut AsyncPgConnection,
    wanted: &Change,
    lanes: LaneCount,
) -> Result<Option<Member>, Error> {
    conn.transaction(async |conn| {
        let locked = chats::lock(conn, wanted.chat).await;
        let chat_kind = told_to(conn, wanted.by, locked).await?;
        match wanted.by {
            Some(actor) => check_manager(conn, actor, wanted.chat, chat_kind).await?,
            None if chat_kind == ChatKind::Session => return Err(conflict("a session has no members")),
            None => {}
        }
        let (kind, json) = write(conn, wanted).await?;
        let Some(data) = json else { return Ok(None) };
        let event = NewEvent {
            lane: lanes.lane_of(wanted.chat),
            chat_id: wanted.chat,
            seq: chats::raise_state(conn, wanted.chat).await?,
            kind,
            chat_kind,
            visibility: Visibility::Public,
            assigned_user_id: None,
            user_ids: &[wanted.user],
            data: &data,
            traceparent: wanted.traceparent.as_deref(),
        };
        outbox::write(conn, &event).await?;
        Ok(Some(serde_json::from_str(&data)?))
    })
    .await
}

/// Where there is no such chat, whoever may ask nothing any more learns no more than elsewhere.
async fn told_to(
    conn: &mut AsyncPgConnection,
    by: Option<Actor>,
    locked: Result<ChatKind, Error>,
) -> Result<ChatKind, Error> {
    match (locked, by) {
        (Err(Error::Refused(body)), Some(actor)) => Err(unknown_chat(conn, actor, &body.message).await),
        (locked, _) => locked,
    }
}

async fn write(conn: &mut AsyncPgConnection, wanted: &Change) -> Result<(EventKind, Option<String>), Error> {
    let (chat_id, user_id) = (wanted.chat.0, wanted.user.0);
    Ok(match wanted.change {
        MemberChange::Add { is_admin } => {
            let known = users::active(conn, wanted.user).await?;
            known.ok_or_else(|| Error::field(ErrorCode::Conflict, "user_id", "there is no such account"))?;
            let add = AddMember { chat_id, user_id, is_admin };
            (EventKind::MemberAdded, add.get_result(conn).await.optional()?)
        }
        MemberChange::Change(rights) => {
            let Rights { is_admin, can_read, can_write, can_pin, can_invite, can_delete_others } = rights;
            let change = ChangeMember {
                chat_id,
                user_id,
                is_admin,
                can_read,
                can_write,
                can_pin,
                can_invite,
                can_delete_others,
            };
            (EventKind::MemberChanged, change.get_result(conn).await.optional()?)
        }
        MemberChange::Remove => {
            let remove = RemoveMember { chat_id, user_id };
            (EventKind::MemberRemoved, remove.get_result(conn).await.optional()?)
        }
    })
}

statement! {
    /// What the actor is in the installation and in the chat.
    ReadManager {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
        issued_at: i64 as BigInt,
        login: Option<Uuid> as Nullable<SqlUuid>,
    } -> (Text, Bool, Bool) = concat!(
        "SELECT u.role, (p.is_active AND p.can_read) IS TRUE, (p.is_active AND p.is_admin) IS TRUE
         FROM users u LEFT JOIN chat_members p ON p.user_id = u.id AND p.chat_id = $chat_id
         WHERE ", acting_user!()
    );
}

/// Whether the actor manages the chat: its admins do, and those of the installation. Asked under the chat's lock, and it
/// stays so until the transaction is over.
async fn check_manager(conn: &mut AsyncPgConnection, actor: Actor, chat: ChatId, kind: ChatKind) -> Result<(), Error> {
    users::hold_acting(conn, actor).await?;
    let ActorColumns { user_id, issued_at, login, .. } = ActorColumns::of(Some(actor));
    let found: Option<(Stored<Role>, bool, bool)> =
        ReadManager { chat_id: chat.0, user_id, issued_at, login }.get_result(conn).await.optional()?;
    let (role, is_member, is_admin) = found.ok_or_else(Error::not_active)?;
    let is_manager = is_admin || role.0 == Role::Admin;
    match kind {
        ChatKind::Session => Err(Error::not_found("there is no such chat")),
        ChatKind::Direct if is_manager => Err(conflict("a direct chat keeps its two members and their rights")),
        _ if is_manager => Ok(()),
        _ if is_member => Err(Error::forbidden("this is for admins of the chat")),
        _ => Err(Error::not_found("there is no such chat")),
    }
}

fn conflict(message: &str) -> Error {
    Error::refused(ErrorCode::Conflict, message)
}

/// A member as it is now; none if it is not in the chat.
pub(crate) async fn read(conn: &mut AsyncPgConnection, chat: ChatId, user: UserId) -> Result<Option<Member>, Error> {
    let json: Option<String> = ReadMember { chat_id: chat.0, user_id: user.0 }.get_result(conn).await.optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

statement! {
    /// An active member.
    ReadMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
    } -> Text = concat!(
        "SELECT ", member_json!(), " FROM chat_members p
         WHERE p.chat_id = $chat_id AND p.user_id = $user_id AND p.is_active"
    );
}

pub(crate) use member_json;
