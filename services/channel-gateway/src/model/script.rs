//! The changes of the chat, and how history tells of them: real events and real pages, read by the gateway's own code.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::catch_up::history::batch::{self, Batch};
use crate::catch_up::watch::progress::Placed;
use crate::transport::frames::ChatFrame;
use chat_events::gateway_api::{ChatState, MemberChange, SyncPage};
use chat_events::{
    Activity, ChatId, ChatKind, ClientId, Epoch, Event, EventKind, Member, Message, MessageId, Performer,
    PlacedActivity, SenderType, Seq, Session, SessionStatus, SiteId, UserId, Visibility, Visitor,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::to_raw_value;
use uuid::Uuid;

const CHAT: ChatId = ChatId(7);

/// The member whom [`Change::Removed`] removes.
pub(crate) const REMOVED: UserId = UserId(9);

/// One change of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Closed,
    Opened,
    Sent(i64),
    Note(i64),
    Edited(i64),
    Removed,
}

/// The item that a listener is offered, in place of an encoded frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) seq: Seq,
    pub(crate) visibility: Visibility,
    pub(crate) removed: Option<UserId>,
}

impl Placed for Item {
    fn seq(&self) -> Seq {
        self.seq
    }
}

/// A piece of history.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Seq,
    pub(crate) has_more: bool,
}

/// Where a piece of history was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A page of chat-service, from a snapshot in which the chat's top was this.
    Page(Seq),
    /// A stream that holds these: bit `n` stands for `n`.
    Stream(u8),
    /// The same, read by a reader that does not look for holes.
    StreamWithHoles(u8),
}

/// The changes of one chat, and what was made of them so far.
pub(crate) struct Script {
    kind: ChatKind,
    changes: Vec<Change>,
    page: usize,
    has_activity: bool,
    read: RefCell<HashMap<(Source, Seq, Seq), Option<Piece>>>,
    items: RefCell<HashMap<Seq, Item>>,
}

impl Script {
    fn new(kind: ChatKind, changes: &[Change], page: usize) -> Self {
        Self {
            kind,
            changes: changes.to_vec(),
            page,
            has_activity: true,
            read: RefCell::default(),
            items: RefCell::default(),
        }
    }

    /// A support session with a note and an edit in it.
    pub(crate) fn session() -> Self {
        use Change::{Created, Edited, Note, Sent};
        Self::new(ChatKind::Session, &[Created, Sent(1), Note(2), Edited(1), Sent(3)], 2)
    }

    /// A support session that is closed and opened again.
    pub(crate) fn reopened() -> Self {
        use Change::{Closed, Created, Opened, Sent};
        Self::new(ChatKind::Session, &[Created, Closed, Sent(1), Opened], 1)
    }

    /// The same, if no activity was remembered.
    pub(crate) fn without_activity(self) -> Self {
        Self { has_activity: false, ..self }
    }

    /// A group from which a member is removed.
    pub(crate) fn group() -> Self {
        use Change::{Edited, Removed, Sent};
        Self::new(ChatKind::Group, &[Sent(1), Sent(2), Removed, Edited(1), Sent(3)], 1)
    }

    /// Only so many changes.
    pub(crate) fn up_to(mut self, changes: usize) -> Self {
        self.changes.truncate(changes);
        self
    }

    pub(crate) fn top(&self) -> Seq {
        Seq(self.changes.len() as i64)
    }

    fn change(&self, seq: Seq) -> Change {
        self.changes[seq.0 as usize - 1]
    }

    pub(crate) fn removal(&self) -> Option<Seq> {
        let at = self.changes.iter().position(|change| *change == Change::Removed)?;
        Some(Seq(at as i64 + 1))
    }

    /// The event, as the hub sends it out.
    pub(crate) fn item(&self, seq: Seq) -> Item {
        *self.items.borrow_mut().entry(seq).or_insert_with(|| self.encoded(seq))
    }

    fn encoded(&self, seq: Seq) -> Item {
        let event = self.event(seq);
        let frame = ChatFrame::of_event(&event);
        let removed = batch::removed(&event).first().copied();
        Item { seq: frame.seq, visibility: frame.visibility, removed }
    }

    /// Whether a later change tells all that this one told. A state does not tell what was done before it.
    pub(crate) fn is_superseded(&self, seq: Seq, by: Seq) -> bool {
        let message = |change| match change {
            Change::Sent(id) | Change::Note(id) | Change::Edited(id) => Some(id),
            Change::Created | Change::Closed | Change::Opened | Change::Removed => None,
        };
        by > seq && message(self.change(seq)).is_some() && message(self.change(seq)) == message(self.change(by))
    }

    /// Reads history as the gateway does. None where it does not accept the answer.
    pub(crate) fn read(&self, source: Source, after: Seq, reaching: Seq) -> Option<Piece> {
        let key = (source, after, reaching);
        if let Some(known) = self.read.borrow().get(&key) {
            return known.clone();
        }
        let piece = match source {
            Source::Page(top) => Some(piece(&Batch::of_page(&self.page(top, after), after))),
            Source::Stream(held) => {
                let events: Vec<Event> = self.held(held, after).map(|seq| self.event(seq)).collect();
                Batch::of_events(&events, after, reaching).map(|batch| piece(&batch))
            }
            Source::StreamWithHoles(held) => self.with_holes(held, after),
        };
        self.read.borrow_mut().insert(key, piece.clone());
        piece
    }

    fn held(&self, held: u8, after: Seq) -> impl Iterator<Item = Seq> {
        (after.0 + 1..=self.top().0).filter(move |seq| held & (1 << seq) != 0).map(Seq)
    }

    fn with_holes(&self, held: u8, after: Seq) -> Option<Piece> {
        let items: Vec<Item> = self.held(held, after).map(|seq| self.item(seq)).collect();
        let next = items.last()?.seq;
        Some(Piece { items, next, has_more: false })
    }

    fn event(&self, seq: Seq) -> Event {
        let (kind, visibility) = match self.change(seq) {
            Change::Created => (EventKind::SessionCreated, Visibility::Public),
            Change::Closed | Change::Opened => (EventKind::SessionStatus, Visibility::Public),
            Change::Sent(_) => (EventKind::MessageSent, Visibility::Public),
            Change::Note(_) => (EventKind::MessageSent, Visibility::Staff),
            Change::Edited(_) => (EventKind::MessageEdited, Visibility::Public),
            Change::Removed => (EventKind::MemberRemoved, Visibility::Public),
        };
        let data = match self.change(seq) {
            Change::Created | Change::Closed | Change::Opened => raw(&self.session_at(seq)),
            Change::Sent(id) | Change::Note(id) | Change::Edited(id) => raw(&self.message(id, seq)),
            Change::Removed => raw(&removed_member()),
        };
        Event {
            epoch: Epoch(1),
            kind,
            chat_id: CHAT,
            chat_kind: self.kind,
            seq,
            visibility,
            site_id: None,
            assigned_user_id: None,
            user_ids: if self.change(seq) == Change::Removed { vec![REMOVED] } else { Vec::new() },
            committed_at: DateTime::<Utc>::UNIX_EPOCH,
            traceparent: None,
            data,
            activity: self.activity(seq).map(|placed| raw(&placed.activity)),
        }
    }

    /// The answer of chat-service's `sync`: rows by their last change; the gateway's own reading sees all of them.
    fn page(&self, top: Seq, after: Seq) -> SyncPage {
        let mut rows: Vec<Seq> = (after.0 + 1..=top.0).map(Seq).filter(|seq| self.is_row(*seq, top)).collect();
        let has_more = rows.len() > self.page;
        rows.truncate(self.page);
        let next = if has_more { rows.last().copied().unwrap_or(top) } else { top };
        let message = |seq: &Seq| match self.change(*seq) {
            Change::Sent(id) | Change::Note(id) | Change::Edited(id) => Some(self.message(id, *seq)),
            Change::Created | Change::Closed | Change::Opened | Change::Removed => None,
        };
        let messages = rows.iter().filter_map(message).collect();
        let removals = rows.iter().filter(|seq| self.change(**seq) == Change::Removed);
        let members =
            removals.map(|seq| MemberChange { seq: *seq, added_seq: Seq::ZERO, member: removed_member() }).collect();
        let activity = rows.iter().filter_map(|seq| self.activity(*seq)).collect();
        SyncPage { epoch: Epoch(1), chat: self.state(top), messages, members, desk: None, activity, next, has_more }
    }

    /// Whether a change is the last of a message or a member, or is remembered.
    fn is_row(&self, seq: Seq, top: Seq) -> bool {
        if self.is_of_state(seq) {
            return self.has_activity;
        }
        !(seq.0 + 1..=top.0).any(|later| self.is_superseded(seq, Seq(later)))
    }

    fn is_of_state(&self, seq: Seq) -> bool {
        matches!(self.change(seq), Change::Created | Change::Closed | Change::Opened)
    }

    fn activity(&self, seq: Seq) -> Option<PlacedActivity> {
        let actor = Performer { kind: SenderType::System, id: None, name: None };
        let (kind, at) = ("session.status".into(), DateTime::<Utc>::UNIX_EPOCH);
        let activity = Activity { kind, actor, from: None, to: None, at };
        let placed = PlacedActivity { seq, visibility: Visibility::Public, activity };
        (self.has_activity && self.is_of_state(seq)).then_some(placed)
    }

    /// The session as it is when the chat has come this far.
    fn session_at(&self, top: Seq) -> Session {
        let state_seq = (1..=top.0).rev().map(Seq).find(|seq| self.is_of_state(*seq)).expect("it was created");
        let is_closed = self.change(state_seq) == Change::Closed;
        Session {
            session_id: CHAT,
            site_id: SiteId(1),
            status: if is_closed { SessionStatus::Closed } else { SessionStatus::Open },
            assignee: None,
            client: Visitor { id: ClientId(1), name: None, email: None, page_url: None, locale: None },
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            state_seq,
        }
    }

    fn state(&self, top: Seq) -> ChatState {
        let session = (self.kind == ChatKind::Session && top > Seq::ZERO).then(|| self.session_at(top));
        let state_seq = session.as_ref().map_or(Seq::ZERO, |session| session.state_seq);
        ChatState { chat_id: CHAT, kind: self.kind, title: None, seq: top, state_seq, session, marks: Vec::new() }
    }

    fn message(&self, id: i64, changed: Seq) -> Message {
        let is_first = |change: &Change| matches!(change, Change::Sent(first) | Change::Note(first) if *first == id);
        let created = self.changes.iter().position(is_first).expect("it was sent");
        let is_note = self.changes[created] == Change::Note(id);
        Message {
            id: MessageId(id),
            chat_id: CHAT,
            session_id: (self.kind == ChatKind::Session).then_some(CHAT),
            seq: Seq(created as i64 + 1),
            changed_seq: changed,
            sender_type: SenderType::User,
            sender_id: Some(1),
            sender_name: None,
            body: "text".into(),
            client_id: Uuid::nil(),
            visibility: if is_note { Visibility::Staff } else { Visibility::Public },
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            edited_at: None,
            is_deleted: false,
            metadata: None,
        }
    }
}

fn piece(batch: &Batch) -> Piece {
    let item =
        |item: &batch::Item| Item { seq: item.frame.seq, visibility: item.frame.visibility, removed: item.removed };
    Piece { items: batch.items.iter().map(item).collect(), next: batch.next, has_more: batch.has_more }
}

fn raw(data: &impl Serialize) -> Box<serde_json::value::RawValue> {
    to_raw_value(data).expect("plain data")
}

fn removed_member() -> Member {
    Member {
        user_id: REMOVED,
        name: "Ann".into(),
        is_active: false,
        is_admin: false,
        can_read: true,
        can_write: true,
        can_pin: false,
        can_invite: false,
        can_delete_others: false,
        joined_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}
