//! A piece of a chat's history, encoded: each message, member, the session and its desk once, in the order of their
//! last change, each with the activity of that change; the activities of the changes before it as frames of their own.

use std::collections::{BTreeMap, HashMap};

use chat_events::gateway_api::{MemberChange, SyncPage};
use chat_events::{
    Activity, ChatId, ChatKind, Event, EventKind, Member, Message, MessageId, PlacedActivity, Seq, Session,
    SessionDesk, SiteId, UserId, Visibility,
};
use serde::Deserialize;

use crate::transport::frames::ChatFrame;

/// The changes of a chat after a position.
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
    /// The user who may not read the chat from here on.
    pub removed: Option<UserId>,
}

/// The subject of an entry. Only the last entry about a subject is of use: it holds the whole of it.
#[derive(PartialEq, Eq, Hash)]
enum Subject {
    Message(MessageId),
    Session,
    Desk,
    Member(UserId),
}

impl Batch {
    /// The page that `sync` answered to this cursor.
    pub fn of_page(page: &SyncPage, after: Seq) -> Self {
        let (kind, chat) = (page.chat.kind, page.chat.chat_id);
        let in_page = |session: &&Session| session.state_seq > after && session.state_seq <= page.next;
        let mut alone: BTreeMap<Seq, &PlacedActivity> =
            page.activity.iter().map(|placed| (placed.seq, placed)).collect();
        let mut at = |seq: Seq| alone.remove(&seq);
        let messages = page.messages.iter();
        let mut items: Vec<Item> =
            messages.map(|message| of_message(kind, message, after, at(message.changed_seq))).collect();
        let session = page.chat.session.as_ref().filter(in_page);
        items.extend(session.map(|session| of_session(session, at(session.state_seq))));
        items.extend(page.desk.as_ref().map(|desk| of_desk(desk, at(desk.desk_seq))));
        items.extend(page.members.iter().map(|change| of_member((kind, chat), change, after, at(change.seq))));
        items.extend(alone.into_values().map(|placed| of_activity((kind, chat), placed)));
        items.sort_by_key(|item| item.frame.seq);
        let site = page.chat.session.as_ref().map(|session| session.site_id);
        Self { kind, site, items, next: page.next, top: page.chat.seq, has_more: page.has_more }
    }

    /// The events of a stream after this cursor. None unless the stream has every seq from there on, up to `reaching`:
    /// Redis may have lost any part of it.
    pub fn of_events(events: &[Event], after: Seq, reaching: Seq) -> Option<Self> {
        let last = events.last()?;
        if !is_whole(events, after, reaching) {
            return None;
        }
        let mut last_of: HashMap<Subject, (Item, Option<PlacedActivity>)> = HashMap::new();
        let mut added: HashMap<UserId, Seq> = HashMap::new();
        let mut items = Vec::new();
        for event in events {
            let activity = activity_of(event)?;
            let (subject, item) = of_event(event, activity.as_ref(), &mut added, after)?;
            if let Some((_, Some(before))) = last_of.insert(subject, (item, activity)) {
                items.push(of_activity((event.chat_kind, event.chat_id), &before));
            }
        }
        items.extend(last_of.into_values().map(|(item, _)| item));
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

/// The activity of an event, if it has one. None for one that this version cannot read: then history is read elsewhere.
fn activity_of(event: &Event) -> Option<Option<PlacedActivity>> {
    let Some(json) = &event.activity else { return Some(None) };
    let activity: Activity = serde_json::from_str(json.get()).ok()?;
    Some(Some(PlacedActivity { seq: event.seq, visibility: event.visibility, activity }))
}

/// None for an event that this version does not know: then history is read elsewhere. Notes where each member was
/// added.
fn of_event(
    event: &Event,
    activity: Option<&PlacedActivity>,
    added: &mut HashMap<UserId, Seq>,
    after: Seq,
) -> Option<(Subject, Item)> {
    let (kind, data) = (event.chat_kind, event.data.get());
    Some(match event.kind {
        EventKind::MessageSent
        | EventKind::MessageEdited
        | EventKind::MessageDeleted
        | EventKind::MessagePinned
        | EventKind::MessageReacted => {
            let message: Message = serde_json::from_str(data).ok()?;
            let mut item = of_message(kind, &message, after, activity);
            if event.visibility == Visibility::Staff {
                item.frame.visibility = Visibility::Staff;
            }
            (Subject::Message(message.id), item)
        }
        EventKind::SessionCreated | EventKind::SessionAssigned | EventKind::SessionStatus => {
            let session: Session = serde_json::from_str(data).ok()?;
            (Subject::Session, of_session(&session, activity))
        }
        EventKind::SessionDesk => (Subject::Desk, of_desk(&serde_json::from_str(data).ok()?, activity)),
        EventKind::MemberAdded | EventKind::MemberRemoved | EventKind::MemberChanged => {
            let member: Member = serde_json::from_str(data).ok()?;
            if event.kind == EventKind::MemberAdded {
                added.insert(member.user_id, event.seq);
            }
            // No event among these tells where a member was added who was there before the cursor.
            let added_seq = added.get(&member.user_id).copied().unwrap_or(Seq::ZERO);
            let change = MemberChange { seq: event.seq, added_seq, member };
            let item = of_member((kind, event.chat_id), &change, after, activity);
            (Subject::Member(change.member.user_id), item)
        }
    })
}

fn of_message(kind: ChatKind, message: &Message, after: Seq, activity: Option<&PlacedActivity>) -> Item {
    Item { frame: ChatFrame::of_message(kind, message, after, activity), removed: None }
}

fn of_session(session: &Session, activity: Option<&PlacedActivity>) -> Item {
    Item { frame: ChatFrame::of_session(session, activity), removed: None }
}

fn of_desk(desk: &SessionDesk, activity: Option<&PlacedActivity>) -> Item {
    Item { frame: ChatFrame::of_desk(desk, activity), removed: None }
}

/// Nobody is removed by it: rights are told by the frame of a member's last change.
fn of_activity(chat: (ChatKind, ChatId), placed: &PlacedActivity) -> Item {
    Item { frame: ChatFrame::of_activity(chat, placed), removed: None }
}

fn of_member(chat: (ChatKind, ChatId), change: &MemberChange, after: Seq, activity: Option<&PlacedActivity>) -> Item {
    let MemberChange { member, .. } = change;
    let may_read = member.is_active && member.can_read;
    let frame = ChatFrame::of_member(chat, change, after, activity);
    Item { frame, removed: (!may_read).then_some(member.user_id) }
}

/// The users who may not read the chat from this event on. An unreadable event takes the right away.
pub(crate) fn removed(event: &Event) -> &[UserId] {
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
