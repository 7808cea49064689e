//! A piece of a chat's history, encoded: each message, member, the session and its desk once, in the order of their last change.

use std::collections::HashMap;

use chat_events::gateway_api::{MemberChange, SyncPage};
use chat_events::{
    ChatId, ChatKind, Event, EventKind, Member, Message, MessageId, Seq, Session, SessionDesk, SiteId, UserId,
    Visibility,
};
use serde::Deserialize;

use crate::frames::ChatFrame;

/// What a chat has after a position.
#[derive(Debug)]
pub struct Batch {
    /// The chat's kind.
    pub kind: ChatKind,
    /// The site of a session, if the source says it.
    pub site: Option<SiteId>,
    /// In rising `seq`.
    pub items: Vec<Item>,
    /// Everything up to here was read.
    pub next: Seq,
    /// The chat's top, as far as the source knew it.
    pub top: Seq,
    /// Whether the source had more.
    pub has_more: bool,
}

/// One entry of a batch.
#[derive(Debug)]
pub struct Item {
    /// As it is sent.
    pub frame: ChatFrame,
    /// Who may not read the chat from here on.
    pub removed: Option<UserId>,
}

/// What an entry is about. Only the last entry about a thing is of use: it holds the whole of it.
#[derive(PartialEq, Eq, Hash)]
enum Subject {
    Message(MessageId),
    Session,
    Desk,
    Member(UserId),
}

impl Batch {
    /// What `sync` answered to this cursor.
    pub fn of_page(page: &SyncPage, after: Seq) -> Self {
        let (kind, chat) = (page.chat.kind, page.chat.chat_id);
        let in_page = |session: &&Session| session.state_seq > after && session.state_seq <= page.next;
        let mut items: Vec<Item> = page.messages.iter().map(|message| of_message(kind, message, after)).collect();
        items.extend(page.chat.session.as_ref().filter(in_page).map(of_session));
        items.extend(page.desk.as_ref().map(of_desk));
        items.extend(page.members.iter().map(|change| of_member(kind, chat, change, after)));
        items.sort_by_key(|item| item.frame.seq);
        let site = page.chat.session.as_ref().map(|session| session.site_id);
        Self { kind, site, items, next: page.next, top: page.chat.seq, has_more: page.has_more }
    }

    /// What a stream holds after this cursor. None unless it has every seq from there on, and reaches that far: Redis
    /// may have lost any part of it.
    pub fn of_events(events: &[Event], after: Seq, reaching: Seq) -> Option<Self> {
        let last = events.last()?;
        if !is_whole(events, after, reaching) {
            return None;
        }
        let mut items: HashMap<Subject, Item> = HashMap::new();
        let mut added: HashMap<UserId, Seq> = HashMap::new();
        for event in events {
            let (subject, item) = of_event(event, &mut added, after)?;
            items.insert(subject, item);
        }
        let mut items: Vec<Item> = items.into_values().collect();
        items.sort_by_key(|item| item.frame.seq);
        let (kind, site) = (last.chat_kind, last.site_id);
        Some(Self { kind, site, items, next: last.seq, top: last.seq, has_more: false })
    }
}

/// Whether every seq from the cursor on is there, at least that far.
fn is_whole(events: &[Event], after: Seq, reaching: Seq) -> bool {
    let expected = std::iter::successors(Some(after.next()), |seq| Some(seq.next()));
    let has_no_hole = events.iter().zip(expected).all(|(event, seq)| event.seq == seq);
    has_no_hole && events.last().is_some_and(|last| last.seq >= reaching)
}

/// None for what this version does not know: then history is read elsewhere. Takes note of who came in where.
fn of_event(event: &Event, added: &mut HashMap<UserId, Seq>, after: Seq) -> Option<(Subject, Item)> {
    let (kind, data) = (event.chat_kind, event.data.get());
    Some(match event.kind {
        EventKind::MessageSent
        | EventKind::MessageEdited
        | EventKind::MessageDeleted
        | EventKind::MessagePinned
        | EventKind::MessageReacted => {
            let message: Message = serde_json::from_str(data).ok()?;
            let mut item = of_message(kind, &message, after);
            if event.visibility == Visibility::Staff {
                item.frame.visibility = Visibility::Staff;
            }
            (Subject::Message(message.id), item)
        }
        EventKind::SessionCreated | EventKind::SessionAssigned | EventKind::SessionStatus => {
            let session: Session = serde_json::from_str(data).ok()?;
            (Subject::Session, of_session(&session))
        }
        EventKind::SessionDesk => (Subject::Desk, of_desk(&serde_json::from_str(data).ok()?)),
        EventKind::MemberAdded | EventKind::MemberRemoved | EventKind::MemberChanged => {
            let member: Member = serde_json::from_str(data).ok()?;
            if event.kind == EventKind::MemberAdded {
                added.insert(member.user_id, event.seq);
            }
            // Who came in before the cursor has no place among these.
            let added_seq = added.get(&member.user_id).copied().unwrap_or(Seq::ZERO);
            let change = MemberChange { seq: event.seq, added_seq, member };
            (Subject::Member(change.member.user_id), of_member(kind, event.chat_id, &change, after))
        }
    })
}

fn of_message(kind: ChatKind, message: &Message, after: Seq) -> Item {
    Item { frame: ChatFrame::of_message(kind, message, after), removed: None }
}

fn of_session(session: &Session) -> Item {
    Item { frame: ChatFrame::of_session(session), removed: None }
}

fn of_desk(desk: &SessionDesk) -> Item {
    Item { frame: ChatFrame::of_desk(desk), removed: None }
}

fn of_member(kind: ChatKind, chat: ChatId, change: &MemberChange, after: Seq) -> Item {
    let MemberChange { member, .. } = change;
    let may_read = member.is_active && member.can_read;
    Item { frame: ChatFrame::of_member(kind, chat, change, after), removed: (!may_read).then_some(member.user_id) }
}

/// Who may not read the chat from this event on. One that cannot be read takes the right away.
pub fn removed(event: &Event) -> &[UserId] {
    #[derive(Deserialize)]
    struct Rights {
        is_active: bool,
        can_read: bool,
    }
    let may_read = || {
        let rights = serde_json::from_str::<Rights>(event.data.get());
        rights.is_ok_and(|rights| rights.is_active && rights.can_read)
    };
    match event.kind {
        EventKind::MemberRemoved => &event.user_ids,
        EventKind::MemberChanged if !may_read() => &event.user_ids,
        _ => &[],
    }
}
