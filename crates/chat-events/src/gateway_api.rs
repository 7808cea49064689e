//! The questions of a gateway to chat-service, over HTTP with the internal secret or within one process.
//!
//! | route (POST, JSON) | asks | answers |
//! | --- | --- | --- |
//! | `/internal/accounts` | [`AccountsRequest`] | [`Accounts`] |
//! | `/internal/clients` | [`ClientsRequest`] | [`Clients`] |
//! | `/internal/sync` | [`SyncRequest`] | [`SyncPage`] |
//! | `/internal/command` | [`CommandRequest`] | [`CommandOutcome`] |
//! | `/internal/tops` | [`TopsRequest`] | [`Tops`] |
//! | `/internal/changes` | [`ChangesRequest`] | [`Changes`] |
//! | `/internal/revocations` | [`RevocationsRequest`] | [`Revocations`] |
//! | `/internal/sites` | nothing | [`Sites`] |
//! | `/internal/operators` | [`OperatorsRequest`] | nothing |
//!
//! Errors are [`crate::ErrorEnvelope`], as in all of REST.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::activity::PlacedActivity;
use crate::chat_list::{Behind, ChatsCursor};
use crate::command::Command;
use crate::error::ErrorBody;
use crate::ids::{ChatId, Epoch, Seq, SiteId, UserId, WorkspaceVersion};
use crate::marks::Mark;
use crate::member::Member;
use crate::message::{ChatKind, Message};
pub use crate::principal::Principal;
use crate::role::Role;
use crate::scope::Scope;
use crate::session::{Session, SessionDesk};
use crate::workspace::WorkspaceNews;

/// A new connection of an operator or a user.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Connect {
    /// The owner; no client, since clients are asked for by their sessions.
    pub principal: Principal,
    /// The claims of the access token that are compared with logouts. Without them the account is checked, but not
    /// whether the login is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenFacts>,
}

/// The claims of an access token that are compared with logouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// Its `iat`, in seconds since 1970.
    pub issued_at: i64,
    /// Its `sid`: the login that it comes from, where it is one of this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Uuid>,
}

/// How many connections [`AccountsRequest`] may hold: each is told of up to [`MAX_LISTED`] chats.
pub const MAX_ACCOUNTS: usize = 64;

/// These operators and users connect: after a gateway is gone there are thousands of them at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountsRequest {
    /// At most [`MAX_ACCOUNTS`].
    pub connects: Vec<Connect>,
}

/// The connect results, read in one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accounts {
    /// One for each that was asked for, in that order.
    pub admissions: Vec<ConnectResult>,
}

/// The result of a connect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectResult {
    /// It may come in.
    Admitted(ConnectSnapshot),
    /// It may not; that says nothing of the others.
    Refused(ErrorBody),
}

/// The state that a new connection begins with, read in one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectSnapshot {
    /// Of this database.
    pub epoch: Epoch,
    /// The client's id, or the user's.
    pub self_id: i64,
    /// The name to show.
    pub name: Option<String>,
    /// Which chats it has.
    pub chats: Chats,
    /// Of an operator: the sites in which it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Of an account: the version of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceVersion>,
}

/// How many chats a [`FirstPage`] in a [`ConnectSnapshot`] may hold. More than 64 KiB are not shown at once anyway.
pub const MAX_LISTED: usize = 500;

/// The chats of a new connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chats {
    /// Of a client: its session.
    One(Box<ChatState>),
    /// Of a user: the chats that changed last. [`TopsRequest::users`] tells where all of them stand.
    Page(FirstPage),
    /// Of staff, which is told of all sessions: it lists them itself.
    Unlisted,
}

/// The beginning of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstPage {
    /// When it was read, as in [`ChatsCursor::began`].
    pub began: i64,
    /// In the order of the list.
    pub chats: Vec<ListedChat>,
    /// Whether there are others behind them.
    pub has_more: bool,
}

/// A chat, and its place in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedChat {
    /// When it changed last, in microseconds since 1970, to within 15 s.
    pub at: i64,
    /// With the reader's own mark alone.
    pub chat: ChatState,
}

impl FirstPage {
    /// Where the rest begins, of a page that is cut behind so many chats; none if there is no rest.
    #[must_use]
    pub fn cursor_behind(&self, count: usize) -> Option<ChatsCursor> {
        let began = self.began;
        match count.checked_sub(1).and_then(|last| self.chats.get(last)) {
            _ if count >= self.chats.len() && !self.has_more => None,
            None => Some(ChatsCursor::start(began)),
            Some(ListedChat { at, chat }) => Some(ChatsCursor { began, behind: Behind::Change(*at, chat.chat_id) }),
        }
    }
}

/// How many sessions [`ClientsRequest`] may hold.
pub const MAX_CLIENTS: usize = 256;

/// The clients of these sessions connect: after a gateway is gone there are thousands of them at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsRequest {
    /// At most [`MAX_CLIENTS`].
    pub session_ids: Vec<ChatId>,
}

/// The states of clients, read in one snapshot. A session that does not exist is left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Clients {
    /// Of this database.
    pub epoch: Epoch,
    /// In no order.
    pub clients: Vec<ClientState>,
}

/// A client and its session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientState {
    /// The client's id.
    pub id: i64,
    /// Its name.
    pub name: Option<String>,
    /// Whether it may not connect.
    pub is_banned: bool,
    /// Its session's chat.
    pub chat: ChatState,
}

/// A chat, as `connected` and `sync` tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatState {
    /// Its id.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Its title, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The last seq that was given out.
    pub seq: Seq,
    /// The seq of the last change to the chat itself, its session or its members.
    pub state_seq: Seq,
    /// The session, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Delivered and read marks: in `connected` of several chats the reader's own, else also at most 200 of others.
    pub marks: Vec<Mark>,
}

/// The question for the changes of a chat after a cursor, notes included: the gateway filters by socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncRequest {
    /// The principal whose right to read is checked; none for a gateway's own filling.
    pub principal: Option<Principal>,
    /// Which chat.
    pub chat_id: ChatId,
    /// Only changes after it.
    pub after: Seq,
    /// At most so many changes and activities, 1 to 1,000.
    pub limit: u16,
}

/// One page of `sync`, read in one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncPage {
    /// Of this database.
    pub epoch: Epoch,
    /// The chat, always (the state is what changed if `state_seq` is after the cursor).
    pub chat: ChatState,
    /// Messages whose `changed_seq` is after the cursor, in that order.
    pub messages: Vec<Message>,
    /// Members who came, changed or went after the cursor, as they are now, in the order of their last change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberChange>,
    /// The part of the session that only operators see, if that changed after the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<SessionDesk>,
    /// Activity after the cursor and up to `next`, in that order, also of changes that later ones supersede.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activity: Vec<PlacedActivity>,
    /// Where to go on from: the chat's top when `has_more` is false.
    pub next: Seq,
    /// Whether another page follows.
    pub has_more: bool,
}

/// A member after its last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// The position of the change.
    pub seq: Seq,
    /// Where it came in, or came back.
    #[serde(default)]
    pub added_seq: Seq,
    /// As it is now.
    pub member: Member,
}

/// Something that a client wants to be written, by a frame on its socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandRequest {
    /// The author.
    pub principal: Principal,
    /// Where.
    pub chat_id: ChatId,
    /// Where a client writes from. Without it its messages count for its session alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SentFrom>,
    /// The connection that it came over, which needs no word of a mark that it raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The command.
    pub command: Command,
}

/// The outcome of a [`Command`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandOutcome {
    /// The message as it is stored.
    Message(Message),
    /// The mark stands there, or higher; if it rose, chat-service tells of it.
    Mark,
}

/// Where a client's message comes from: messages by fresh tokens are limited for their address too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFrom {
    /// Where its client is, if the transport has addresses.
    pub address: Option<IpAddr>,
    /// When its session token was made, in seconds since 1970.
    pub token_made_at: i64,
}

/// Where chats stand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TopsRequest {
    /// These chats; unknown ones are left out of the answer.
    #[serde(default)]
    pub chats: Vec<ChatId>,
    /// Of the sessions among them also [`Top::since`], for this many seconds; 0 for not.
    #[serde(default)]
    pub news_within: u32,
    /// Also the sessions that changed in this many seconds, for staff; 0 for none.
    #[serde(default)]
    pub sessions_changed_within: u32,
    /// Of these only the sessions of these sites; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<BTreeSet<SiteId>>,
    /// Also the chats that these users may read, a page of at most [`MAX_MEMBERSHIPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    /// [`Tops::next`] of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MembershipPlace>,
    /// Of the users' chats only those in [`Self::chats`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_these: bool,
}

/// How many memberships [`Tops`] may hold.
pub const MAX_MEMBERSHIPS: usize = 10_000;

/// Where a page of memberships ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MembershipPlace {
    /// Users with lower ids were told whole.
    pub user_id: UserId,
    /// Of this user the chats up to here.
    pub chat_id: ChatId,
}

/// The top `seq` of chats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tops {
    /// Of this database.
    pub epoch: Epoch,
    /// The chats asked for and the sessions that changed lately.
    pub tops: Vec<Top>,
    /// For each user asked for the chats that it is a member of and may read, in the order of their ids; none for an
    /// account that is closed. A user that the page does not reach is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memberships: BTreeMap<UserId, Vec<Membership>>,
    /// Where the next page begins; none when that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<MembershipPlace>,
}

/// A chat that a user may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Which.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// The position where it came in, or came back: earlier changes were before its time.
    pub since: Seq,
    /// The last seq that was given out.
    pub seq: Seq,
}

/// The top `seq` of one chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// Which.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Of a session its site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// The last seq that was given out.
    pub seq: Seq,
    /// Of a session, where it is asked for: the seq of the last message from before that time, 0 if there is none. All
    /// new changes are above it, and maybe a few older ones: edits and changes of state bear no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Seq>,
}

/// How many cursors [`ChangesRequest`] may hold, and how many chats [`Changes::new`].
pub const MAX_CURSORS: usize = 1000;

/// Which of many chats changed since their reader was last there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangesRequest {
    /// The principal whose right to read is checked.
    pub principal: Principal,
    /// How far it has come, at most [`MAX_CURSORS`] chats.
    pub cursors: BTreeMap<ChatId, Seq>,
    /// [`Changes::new`] begins after this chat; none for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_after: Option<ChatId>,
}

/// What is not as the cursors say, read in one snapshot. A chat that is nowhere in it has nothing new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Changes {
    /// Of this database: cursors of another one mean nothing here.
    pub epoch: Epoch,
    /// Chats whose top is above the cursor.
    pub chats: Vec<ChangedChat>,
    /// Chats of the caller that are not among the cursors, at most 1,000, in the order of their ids. Operators find
    /// sessions in the list of sessions.
    pub new: Vec<ChangedChat>,
    /// `new_after` for the rest of `new`; null when that was all.
    pub new_next: Option<ChatId>,
    /// Chats that there are not, or that the caller may not read.
    pub gone: Vec<ChatId>,
    /// Chats whose cursor is above the top, which no history of this database explains: to be read anew.
    pub ahead: Vec<ChatId>,
}

/// A chat that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangedChat {
    /// Which.
    pub chat_id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// The last seq that was given out.
    pub seq: Seq,
    /// The seq of the last change to the chat itself, its session or its members.
    pub state_seq: Seq,
}

/// Which rights were taken away or given back.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct RevocationsRequest {
    /// [`Revocations::counter`] of the answer before; none to begin, which tells the counter alone. Begin before the
    /// first connection is let in: `/internal/accounts` and `/internal/clients` see the rights that were taken before.
    #[serde(default)]
    pub after: Option<i64>,
    /// The version of the workspace, as far as the gateway has told it; none to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceVersion>,
}

/// The present state of the rights that changed after a counter, read in one snapshot: a right that was taken and given
/// back meanwhile is told as it is now, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// Of this database; the counter means nothing in another one.
    pub epoch: Epoch,
    /// Where to go on from.
    pub counter: i64,
    /// Whether another page follows.
    pub has_more: bool,
    /// Accounts that were closed, opened, given another role or other sites, or logged out everywhere.
    pub users: Vec<RevokedUser>,
    /// Chats that members may not read any more.
    pub chats: Vec<RevokedChat>,
    /// Sessions whose client is banned.
    pub sessions: Vec<ChatId>,
    /// Logins that ended: the `sid` of their access tokens.
    pub logins: Vec<Uuid>,
    /// The change of the workspace: it is asked for as often as rights, so that it needs no question of its own.
    #[serde(default)]
    pub workspace: WorkspaceNews,
}

/// An account after a change of its rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedUser {
    /// The user.
    pub user_id: UserId,
    /// Access tokens whose `iat` is below this are dead; seconds since 1970, 0 where all are good.
    pub not_before: i64,
    /// False for a closed account.
    pub is_active: bool,
    /// The role that it has now, whatever its tokens say.
    pub role: Role,
    /// In which sites, as an operator.
    #[serde(default)]
    pub scope: Scope,
}

/// The rules of all sites for pages and visitors, which gateways keep in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sites {
    /// In rising order of their ids.
    pub sites: Vec<SiteRules>,
}

/// The rules of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRules {
    /// Which.
    pub site_id: SiteId,
    /// The origins of the pages that may show its widget.
    pub origins: Vec<String>,
    /// Whether a visitor whose identity the site has not signed is refused.
    pub identity_required: bool,
}

/// Members who lost a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedChat {
    /// Which.
    pub chat_id: ChatId,
    /// The users who may not read it any more.
    pub user_ids: Vec<UserId>,
}

/// How many operators [`OperatorsRequest`] may hold.
pub const MAX_OPERATORS: usize = 5000;

/// The operators who are connected to a gateway: all of them, so that it does no harm to say it twice. Said at every change and
/// every 20 s; it counts for 60 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorsRequest {
    /// The gateway's name: no two processes share it.
    pub gateway: String,
    /// At most [`MAX_OPERATORS`]; those who are missing have left this gateway.
    pub here: BTreeSet<UserId>,
}
