//! Members of chats that are not sessions.

pub(crate) mod routes;

use chat_events::{ChatId, ChatKind, ErrorCode, EventKind, Member, Seq, UserId};
use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;

use crate::access::{Actor, Verb};
use crate::accounts::users;
use crate::changes::{Activity, By, Change, ChatChanges, Event, Raises};
use crate::db::schema;
use crate::db::schema::chat_members;
use crate::error::Error;

/// `chat_events::Member` from a row `p`.
macro_rules! member_json {
    () => {
        concat!(
            "(SELECT row_to_json(j) FROM (SELECT p.user_id, u.name, p.is_active, p.is_admin, p.can_read, p.can_write,
                p.can_pin, p.can_invite, p.can_delete_others, ",
            $crate::db::json::time_json!("p.joined_at"),
            " AS joined_at FROM users u WHERE u.id = p.user_id) j)"
        )
    };
}

/// One change of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// Comes in.
    Add {
        /// May also write in a channel, and manage the chat.
        is_admin: bool,
    },
    /// Has other rights.
    Change(RightsChange),
    /// Goes out.
    Remove,
}

impl MemberChange {
    fn verb(self) -> Verb {
        match self {
            Self::Add { .. } => Verb::Invite,
            Self::Change(_) | Self::Remove => Verb::Manage,
        }
    }
}

/// Rights of a member that are to be given or taken; none stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RightsChange {
    pub(crate) is_admin: Option<bool>,
    pub(crate) can_read: Option<bool>,
    pub(crate) can_write: Option<bool>,
    pub(crate) can_pin: Option<bool>,
    pub(crate) can_invite: Option<bool>,
    pub(crate) can_delete_others: Option<bool>,
}

/// Changes one member for an actor. Returns it, if anything changed.
async fn change(
    changes: &ChatChanges,
    by: Actor,
    chat: ChatId,
    user: UserId,
    wanted: MemberChange,
) -> Result<Option<Member>, Error> {
    let by = By::Actor(by, wanted.verb());
    changes.change(chat, by, move |change| apply(change, chat, user, wanted).boxed()).await
}

/// The same for the command line.
pub(crate) async fn change_by_system(
    changes: &ChatChanges,
    chat: ChatId,
    user: UserId,
    wanted: MemberChange,
) -> Result<Option<Member>, Error> {
    changes.change(chat, By::System, move |change| apply(change, chat, user, wanted).boxed()).await
}

/// The same as part of another change.
pub(super) async fn apply(
    change: &mut Change<'_>,
    chat: ChatId,
    user: UserId,
    wanted: MemberChange,
) -> Result<Option<Member>, Error> {
    if change.kind(chat)? == ChatKind::Session {
        return Err(Error::refused(ErrorCode::Conflict, "a session has no members"));
    }
    let account = users::find(change.conn(), user).await?;
    if matches!(wanted, MemberChange::Add { .. }) && !account.as_ref().is_some_and(|account| account.is_active) {
        return Err(Error::field(ErrorCode::Conflict, "user_id", "there is no such account"));
    }
    let Some(name) = account.map(|account| account.name) else { return Ok(None) };
    let old = read_row(change.conn(), chat, user).await?;
    let Some((kind, activity, new)) = after(old, wanted) else { return Ok(None) };
    let was = old.filter(|old| old.rights.is_active).map(|old| old.named(user, &name));
    let mut member = None;
    change
        .step(chat, Raises::State, async |conn, seq| {
            let now_is = write(conn, chat, user, new, (seq, kind == EventKind::MemberAdded)).await?.named(user, &name);
            let remembered = Activity::between(activity, &was, &now_is)?;
            let data = serde_json::to_string(&now_is)?;
            member = Some(now_is);
            Ok(Event::public(kind, data).concerning([user]).with(remembered))
        })
        .await?;
    Ok(member)
}

/// The rights of a member after a change, and how that is told; none if nothing changes. A user who comes back has the
/// rights of a new member: its earlier rights were for its first time.
fn after(old: Option<Row>, wanted: MemberChange) -> Option<(EventKind, &'static str, Rights)> {
    let old = old.filter(|old| old.rights.is_active);
    match (wanted, old) {
        (MemberChange::Add { is_admin }, None) => {
            Some((EventKind::MemberAdded, "member.added", Rights { is_admin, ..Rights::NEW }))
        }
        (MemberChange::Remove, Some(old)) => {
            Some((EventKind::MemberRemoved, "member.removed", Rights { is_active: false, ..old.rights }))
        }
        (MemberChange::Change(wanted), Some(old)) => {
            let rights = old.rights;
            let new = rights.with(wanted);
            (new != rights).then_some((EventKind::MemberChanged, "member.changed", new))
        }
        (MemberChange::Add { .. }, Some(_)) | (MemberChange::Remove | MemberChange::Change(_), None) => None,
    }
}

/// Whether a user is in a chat, and its rights there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::AsChangeset, Queryable, Selectable)]
#[diesel(table_name = chat_members, check_for_backend(diesel::pg::Pg))]
struct Rights {
    is_active: bool,
    is_admin: bool,
    can_read: bool,
    can_write: bool,
    can_pin: bool,
    can_invite: bool,
    can_delete_others: bool,
}

impl Rights {
    /// The rights of a new member: as the table has it.
    const NEW: Self = Self {
        is_active: true,
        is_admin: false,
        can_read: true,
        can_write: true,
        can_pin: false,
        can_invite: false,
        can_delete_others: false,
    };

    fn with(self, wanted: RightsChange) -> Self {
        Self {
            is_active: self.is_active,
            is_admin: wanted.is_admin.unwrap_or(self.is_admin),
            can_read: wanted.can_read.unwrap_or(self.can_read),
            can_write: wanted.can_write.unwrap_or(self.can_write),
            can_pin: wanted.can_pin.unwrap_or(self.can_pin),
            can_invite: wanted.can_invite.unwrap_or(self.can_invite),
            can_delete_others: wanted.can_delete_others.unwrap_or(self.can_delete_others),
        }
    }
}

/// A row of `chat_members`.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = chat_members, check_for_backend(diesel::pg::Pg))]
struct Row {
    #[diesel(embed)]
    rights: Rights,
    joined_at: DateTime<Utc>,
}

impl Row {
    fn named(self, user_id: UserId, name: &str) -> Member {
        let Self { rights, joined_at } = self;
        Member {
            user_id,
            name: name.to_owned(),
            is_active: rights.is_active,
            is_admin: rights.is_admin,
            can_read: rights.can_read,
            can_write: rights.can_write,
            can_pin: rights.can_pin,
            can_invite: rights.can_invite,
            can_delete_others: rights.can_delete_others,
            joined_at,
        }
    }
}

async fn write(
    conn: &mut AsyncPgConnection,
    chat: ChatId,
    user: UserId,
    rights: Rights,
    (seq, comes_in): (Seq, bool),
) -> Result<Row, Error> {
    let key = (chat_members::chat_id.eq(chat.0), chat_members::user_id.eq(user.0));
    if comes_in {
        diesel::insert_into(chat_members::table).values(key).on_conflict_do_nothing().execute(conn).await?;
    }
    let came = comes_in.then(|| (chat_members::added_seq.eq(seq.0), chat_members::joined_at.eq(now)));
    let row = diesel::update(chat_members::table.find((chat.0, user.0)));
    let written = row.set((rights, chat_members::changed_seq.eq(seq.0), came)).returning(Row::as_returning());
    Ok(written.get_result(conn).await?)
}

async fn read_row(conn: &mut AsyncPgConnection, chat: ChatId, user: UserId) -> Result<Option<Row>, Error> {
    let found = chat_members::table.find((chat.0, user.0)).select(Row::as_select()).first(conn).await;
    Ok(found.optional()?)
}

/// A member as it is now; none if it is not in the chat.
async fn read(conn: &mut AsyncPgConnection, chat: ChatId, user: UserId) -> Result<Option<Member>, Error> {
    let found: Option<(Row, String)> = chat_members::table
        .inner_join(schema::users::table)
        .filter(chat_members::chat_id.eq(chat.0))
        .filter(chat_members::user_id.eq(user.0))
        .filter(chat_members::is_active)
        .select((Row::as_select(), schema::users::name))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(row, name)| row.named(user, &name)))
}

pub(crate) use member_json;
