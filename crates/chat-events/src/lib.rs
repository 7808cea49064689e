//! The types that travel between the parts of Switchboard; no I/O.
//!
//! - [`ids`]: identifiers, sequence numbers and lanes
//! - [`message`]: a message as every reader sees it, and its text
//! - [`session`]: a support session as its events carry it
//! - [`member`]: a member of any other chat, as its events carry it
//! - [`role`]: the roles of accounts
//! - [`marks`]: delivered and read marks
//! - [`activity`]: actions in a chat, as they are remembered
//! - [`event`]: one durable change on its way from the outbox to the sockets
//! - [`beat`]: a sign of life on the same way
//! - [`signal`]: signals to gateways, which are never stored (typing, marks, pages, what operators look at, whether they take sessions)
//! - [`sign`]: the signs of life that clients give, which become signals
//! - [`operator`]: whether operators take sessions
//! - [`names`]: routing keys, queue names, Redis channels and stream keys
//! - [`chat_list`]: the list of a user's chats, page by page
//! - [`principal`]: the owner of a connection
//! - [`workspace`]: data that is not of a chat
//! - [`command`]: the writes of clients
//! - [`frame`]: the channel protocol: client frames, server frames, error and close codes
//! - [`gateway_api`]: the questions of a gateway to chat-service
//! - [`feed`]: the change feed and its cursors
//! - [`origins`], [`site_pages`]: the pages that may use something
//! - [`text`]: the visible content of a text; [`metadata`]: free JSON; [`fault`]: the fault of a value
//! - [`error`]: the one shape of an error, in REST and in frames

pub mod activity;
pub mod beat;
pub mod chat_list;
pub mod command;
pub mod error;
pub mod event;
pub mod fault;
pub mod feed;
pub mod frame;
pub mod gateway_api;
pub mod ids;
pub mod marks;
pub mod member;
pub mod message;
pub mod metadata;
pub mod names;
pub mod operator;
pub mod origins;
pub mod principal;
pub mod role;
pub mod scope;
pub mod session;
pub mod sign;
pub mod signal;
pub mod site_pages;
pub mod text;
pub mod time;
pub mod workspace;

pub use activity::{Activity, Performer, PlacedActivity};
pub use beat::Beat;
pub use command::Command;
pub use error::{ErrorBody, ErrorCode, ErrorEnvelope};
pub use event::{Event, EventKind};
pub use fault::Fault;
pub use ids::{ChatId, ClientId, Epoch, Lane, LaneCount, MessageId, Seq, SiteId, UserId, WorkspaceVersion};
pub use marks::{Mark, MarkKind, Reader};
pub use member::Member;
pub use message::{ChatKind, Message, MessageBody, MessageDraft, SenderType, Visibility};
pub use metadata::Metadata;
pub use origins::Origins;
pub use role::Role;
pub use scope::Scope;
pub use session::{Person, Session, SessionDesk, SessionStatus, Visitor};
pub use sign::Sign;
pub use signal::{Signal, SignalData};
pub use site_pages::SitePages;
