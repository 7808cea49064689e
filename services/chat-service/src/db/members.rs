//! Members of chats that are not sessions.

use bus::outbox::{self, NewEvent};
use chat_events::{ChatId, ChatKind, EventKind, LaneCount, UserId, Visibility};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::chats;
use super::shape::time_json;
use super::statement::statement;
use crate::error::Error;

macro_rules! member_json {
    () => {
        concat!(
            "(SELECT json_build_object('user_id', p.user_id, 'name', u.name, 'is_active', p.is_active,
                'is_admin', p.is_admin, 'can_read', p.can_read, 'can_write', p.can_write, 'can_pin', p.can_pin,
                'can_invite', p.can_invite, 'can_delete_others', p.can_delete_others, 'joined_at', ",
            time_json!("p.joined_at"),
            ")::text FROM users u WHERE u.id = p.user_id)"
        )
    };
}

statement! {
    /// Makes a user a member, or one again.
    AddMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
        is_admin: bool as Bool,
    } -> Text = concat!(
        "INSERT INTO chat_members AS p (chat_id, user_id, is_admin) VALUES ($chat_id, $user_id, $is_admin)
         ON CONFLICT (chat_id, user_id) DO UPDATE SET is_active = true, is_admin = EXCLUDED.is_admin, joined_at = now()
         WHERE NOT p.is_active
         RETURNING ", member_json!()
    );
}

statement! {
    /// Takes a member's rights.
    RemoveMember {
        chat_id: i64 as BigInt,
        user_id: i64 as BigInt,
    } -> Text = concat!(
        "UPDATE chat_members p SET is_active = false
         WHERE p.chat_id = $chat_id AND p.user_id = $user_id AND p.is_active RETURNING ", member_json!()
    );
}

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// Comes in.
    Add {
        /// May also write in a channel, and manage the chat.
        is_admin: bool,
    },
    /// Goes out.
    Remove,
}

/// Changes one member. Returns whether anything changed.
pub(crate) async fn change(
    conn: &mut AsyncPgConnection,
    chat: ChatId,
    user: UserId,
    change: MemberChange,
    lanes: LaneCount,
) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        let chat_kind = chats::lock(conn, chat).await?;
        if chat_kind == ChatKind::Session {
            return Err(Error::refused(chat_events::ErrorCode::Conflict, "a session has no members"));
        }
        let (kind, json): (_, Option<String>) = match change {
            MemberChange::Add { is_admin } => {
                let add = AddMember { chat_id: chat.0, user_id: user.0, is_admin };
                (EventKind::MemberAdded, add.get_result(conn).await.optional()?)
            }
            MemberChange::Remove => {
                let remove = RemoveMember { chat_id: chat.0, user_id: user.0 };
                (EventKind::MemberRemoved, remove.get_result(conn).await.optional()?)
            }
        };
        let Some(data) = json else { return Ok(false) };
        let event = NewEvent {
            lane: lanes.lane_of(chat),
            chat_id: chat,
            seq: chats::raise_state(conn, chat).await?,
            kind,
            chat_kind,
            visibility: Visibility::Public,
            assigned_user_id: None,
            user_ids: &[user],
            data: &data,
            traceparent: None,
        };
        outbox::write(conn, &event).await?;
        Ok(true)
    })
    .await
}
