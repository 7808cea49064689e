//! Members live and in replay: whatever happens to them, a client that listened and a client that comes back see the
//! same in the end, and hear of everything that was done to them.

use std::collections::BTreeMap;

use crate::catch_up::history::batch::{self, Batch};
use crate::transport::frames::ChatFrame;
use chat_events::gateway_api::{ChatState, MemberChange, SyncPage};
use chat_events::{
    Activity, ChatId, ChatKind, Epoch, Event, EventKind, Member, Performer, PlacedActivity, SenderType, Seq, UserId,
    Visibility,
};
use chrono::{DateTime, Utc};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use serde_json::value::to_raw_value;

const CHAT: ChatId = ChatId(7);
const USERS: i64 = 3;
const CHANGES: i64 = 12;

/// The members in PostgreSQL, and all events that led to them.
#[derive(Default)]
struct Chat {
    members: BTreeMap<UserId, MemberChange>,
    events: Vec<Event>,
}

impl Chat {
    /// A history as chat-service allows it.
    fn random(random: &mut SmallRng) -> Self {
        let mut chat = Self::default();
        for seq in (1..=CHANGES).map(Seq) {
            chat.change(seq, UserId(random.random_range(1..=USERS)), random);
        }
        chat
    }

    fn change(&mut self, seq: Seq, user: UserId, random: &mut SmallRng) {
        let known = self.members.get(&user).filter(|known| known.member.is_active).cloned();
        let (kind, change) = match known {
            None => (EventKind::MemberAdded, MemberChange { seq, added_seq: seq, member: new_member(user) }),
            Some(mut change) => {
                change.seq = seq;
                let kind = if random.random_bool(0.3) {
                    change.member.is_active = false;
                    EventKind::MemberRemoved
                } else {
                    change.member.can_read = random.random_bool(0.5);
                    change.member.can_write = !change.member.can_write;
                    EventKind::MemberChanged
                };
                (kind, change)
            }
        };
        self.events.push(event(kind, seq, &change.member));
        self.members.insert(user, change);
    }

    /// The answer of `sync` to this cursor, so many rows at a time.
    fn page(&self, after: Seq, rows: usize) -> SyncPage {
        let top = Seq(CHANGES);
        let mut places: Vec<Seq> = self.members.values().map(|member| member.seq).collect();
        places.extend(self.events.iter().map(|event| event.seq));
        places.retain(|seq| *seq > after);
        places.sort_unstable();
        // A page ends behind all rows of a place.
        let last = places.get(rows - 1).copied().unwrap_or(top);
        let has_more = places.iter().any(|seq| *seq > last);
        let next = if has_more { last } else { top };
        let in_page = |seq: Seq| seq > after && seq <= next;
        let mut members: Vec<MemberChange> =
            self.members.values().filter(|member| in_page(member.seq)).cloned().collect();
        members.sort_by_key(|member| member.seq);
        let activity = self.events.iter().map(|event| event.seq).filter(|seq| in_page(*seq)).map(placed).collect();
        let chat = ChatState {
            chat_id: CHAT,
            kind: ChatKind::Group,
            title: None,
            seq: top,
            state_seq: top,
            session: None,
            marks: vec![],
        };
        SyncPage { epoch: Epoch(1), chat, messages: vec![], members, desk: None, activity, next, has_more }
    }
}

fn new_member(user_id: UserId) -> Member {
    Member {
        user_id,
        name: "Ann".into(),
        is_active: true,
        is_admin: false,
        can_read: true,
        can_write: true,
        can_pin: false,
        can_invite: false,
        can_delete_others: false,
        joined_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn event(kind: EventKind, seq: Seq, member: &Member) -> Event {
    Event {
        epoch: Epoch(1),
        kind,
        chat_id: CHAT,
        chat_kind: ChatKind::Group,
        seq,
        visibility: Visibility::Public,
        site_id: None,
        assigned_user_id: None,
        user_ids: vec![member.user_id],
        committed_at: DateTime::<Utc>::UNIX_EPOCH,
        traceparent: None,
        data: to_raw_value(member).expect("plain data"),
        activity: Some(to_raw_value(&activity(seq)).expect("plain data")),
    }
}

/// Of the change at this position, to be told from all others.
fn activity(seq: Seq) -> Activity {
    let actor = Performer { kind: SenderType::User, id: Some(1), name: Some("Ann".into()) };
    Activity {
        kind: "member.changed".into(),
        actor,
        from: None,
        to: Some(seq.0.into()),
        at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn placed(seq: Seq) -> PlacedActivity {
    PlacedActivity { seq, visibility: Visibility::Public, activity: activity(seq) }
}

/// A client as docs/protocol.md tells it to be, and the last seq of the chat that it is to hear of.
#[derive(Debug, Clone, Default, PartialEq)]
struct Client {
    members: BTreeMap<i64, Value>,
    /// The activity of each position that it heard of.
    activity: BTreeMap<Seq, Value>,
    ended_at: Option<Seq>,
}

impl Client {
    fn take(&mut self, own: UserId, frame: &ChatFrame, removed: &[UserId]) {
        if self.ended_at.is_some() {
            return;
        }
        let json: Value = serde_json::from_slice(&frame.frame.json()).expect("JSON");
        let data = &json["data"];
        let is_alone = json["type"] == "chat.activity";
        assert!(self.activity.keys().all(|seq| *seq < frame.seq), "{json} came late, or came again");
        self.activity.insert(frame.seq, if is_alone { data.clone() } else { json["activity"].clone() });
        if is_alone {
            return;
        }
        let user = data["user_id"].as_i64().expect("a user");
        assert_eq!(json["type"] == "chat.member.removed", data["is_active"] == false, "{json}");
        if data["is_active"] == true {
            self.members.insert(user, data.clone());
        } else {
            self.members.remove(&user);
        }
        if removed.contains(&own) {
            self.ended_at = Some(frame.seq);
        }
    }

    fn take_batch(&mut self, own: UserId, batch: &Batch) {
        for item in &batch.items {
            self.take(own, &item.frame, item.removed.as_slice());
        }
    }

    fn live(chat: &Chat, own: UserId, up_to: Seq) -> Self {
        let mut client = Self::default();
        for event in chat.events.iter().filter(|event| event.seq <= up_to) {
            client.take(own, &ChatFrame::of_event(event), batch::removed(event));
        }
        client
    }
}

/// A user whom no change concerns: it hears all.
const LISTENER: UserId = UserId(99);

#[test]
fn who_listened_and_who_comes_back_see_the_same_members() {
    for seed in 0..300 {
        let mut random = SmallRng::seed_from_u64(seed);
        let chat = Chat::random(&mut random);
        let live = Client::live(&chat, LISTENER, Seq(CHANGES));
        for after in (0..=CHANGES).map(Seq) {
            let rest: Vec<Event> = chat.events.iter().filter(|event| event.seq > after).cloned().collect();
            let mut by_stream = Client::live(&chat, LISTENER, after);
            if let Some(batch) = Batch::of_events(&rest, after, Seq(CHANGES)) {
                by_stream.take_batch(LISTENER, &batch);
            }
            let (mut by_pages, mut cursor) = (Client::live(&chat, LISTENER, after), after);
            while cursor < Seq(CHANGES) {
                let batch = Batch::of_page(&chat.page(cursor, random.random_range(1..=2)), cursor);
                by_pages.take_batch(LISTENER, &batch);
                cursor = batch.next;
            }
            assert_eq!(by_stream, live, "seed {seed}, a stream after {after}");
            assert_eq!(by_pages, live, "seed {seed}, pages after {after}");
        }
    }
}

#[test]
fn a_stream_and_a_page_are_told_by_the_same_frames() {
    for seed in 0..300 {
        let chat = Chat::random(&mut SmallRng::seed_from_u64(seed));
        for after in (0..CHANGES).map(Seq) {
            let rest: Vec<Event> = chat.events.iter().filter(|event| event.seq > after).cloned().collect();
            let by_stream = Batch::of_events(&rest, after, Seq(CHANGES)).expect("a whole stream");
            let by_page = Batch::of_page(&chat.page(after, 100), after);
            let frames = |batch: &Batch| -> Vec<_> {
                batch.items.iter().map(|item| (item.frame.seq, item.frame.frame.json(), item.removed)).collect()
            };
            assert_eq!(frames(&by_stream), frames(&by_page), "seed {seed}, after {after}");
            let seqs: Vec<Seq> = by_page.items.iter().map(|item| item.frame.seq).collect();
            assert_eq!(seqs, (after.0 + 1..=CHANGES).map(Seq).collect::<Vec<_>>(), "every change is told once");
        }
    }
}

#[test]
fn the_last_that_somebody_hears_is_that_it_may_not_read_any_more_live_and_in_replay() {
    for seed in 0..300 {
        let mut random = SmallRng::seed_from_u64(seed);
        let chat = Chat::random(&mut random);
        for own in (1..=USERS).map(UserId) {
            let Some(last) = chat.members.get(&own) else { continue };
            let is_out = !(last.member.is_active && last.member.can_read);
            // From the position where it was last in: a right that it lost before that was given back.
            let losses = chat.events.iter().filter(|event| batch::removed(event).contains(&own));
            let Some(lost) = losses.map(|event| event.seq).next_back().filter(|_| is_out) else { continue };
            let before = losing_stretch(&chat, own, lost);
            let rest: Vec<Event> = chat.events.iter().filter(|event| event.seq > before).cloned().collect();
            let mut live = Client::default();
            rest.iter().for_each(|event| live.take(own, &ChatFrame::of_event(event), batch::removed(event)));
            assert!(live.ended_at.is_some(), "seed {seed}");
            let mut replayed = Client::default();
            replayed.take_batch(own, &Batch::of_events(&rest, before, Seq(CHANGES)).expect("a whole stream"));
            let mut paged = Client::default();
            paged.take_batch(own, &Batch::of_page(&chat.page(before, 100), before));
            // Replay tells of the last change, which may be above the change that took the right.
            assert_eq!(replayed.ended_at, Some(last.seq), "seed {seed}");
            assert_eq!(paged.ended_at, Some(last.seq), "seed {seed}");
        }
    }
}

/// The position before which the user could still read, for the last time.
fn losing_stretch(chat: &Chat, own: UserId, lost: Seq) -> Seq {
    let mut first = lost;
    for event in chat.events.iter().rev().filter(|event| event.seq < lost && event.user_ids.contains(&own)) {
        if batch::removed(event).is_empty() {
            break;
        }
        first = event.seq;
    }
    Seq(first.0 - 1)
}

#[test]
fn replay_says_added_to_whoever_has_not_seen_a_member_come_and_changed_to_the_others() {
    let mut chat = Chat::default();
    let (came, changed) = (Seq(1), Seq(2));
    let mut member = new_member(UserId(1));
    chat.events.push(event(EventKind::MemberAdded, came, &member));
    member.can_write = false;
    chat.events.push(event(EventKind::MemberChanged, changed, &member));
    chat.members.insert(UserId(1), MemberChange { seq: changed, added_seq: came, member });
    for (after, expected) in [(Seq::ZERO, "chat.member.added"), (came, "chat.member.changed")] {
        let rest: Vec<Event> = chat.events.iter().filter(|event| event.seq > after).cloned().collect();
        let batches = [
            Batch::of_events(&rest, after, changed).expect("a whole stream"),
            Batch::of_page(&chat.page(after, 10), after),
        ];
        for batch in batches {
            let last = batch.items.last().expect("the member");
            let json: Value = serde_json::from_slice(&last.frame.frame.json()).expect("JSON");
            assert_eq!((json["type"].as_str(), last.frame.seq), (Some(expected), changed), "after {after}");
        }
    }
}
