//! A connection with nobody at its other end.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_events::frame::{CloseCode, MAX_CLIENT_FRAME_BYTES};
use chat_events::{ChatId, ChatKind, Seq, Visibility};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Connection, Own};
use crate::catch_up::watch::Watch;
use crate::transport::Outlet;
use crate::transport::frames::{ChatFrame, Frame};

/// Nobody is at the other end.
struct Nowhere;

impl Outlet for Nowhere {
    fn send(&self, _: &Frame, _: Option<(ChatId, Seq)>) {}
    fn close_until(&self, _: CloseCode, _: Option<Duration>) {}
    fn below(&self, _: usize) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
    fn is_closed(&self) -> bool {
        false
    }
}

/// Keeps the sent frames.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Kept {
    fn sent(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl Outlet for Kept {
    fn send(&self, frame: &Frame, _: Option<(ChatId, Seq)>) {
        let json = String::from_utf8(frame.json().to_vec()).expect("JSON");
        self.0.lock().expect("nobody panics").push(json);
    }
    fn close_until(&self, _: CloseCode, _: Option<Duration>) {}
    fn below(&self, _: usize) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
    fn is_closed(&self) -> bool {
        false
    }
}

#[test]
fn only_chats_of_its_own_are_remembered_when_it_leaves_them() {
    let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), false);
    let (own, invited, foreign) = (ChatId(1), ChatId(2), ChatId(3));
    connection.watch(own, Watch::joining(ChatKind::Group));
    connection.is_invited(invited, Seq(1), true);
    assert!(connection.leave(own) && !connection.leave(invited) && !connection.leave(foreign));
    assert!(connection.take_invitation(invited).is_none());
    for (chat, is_remembered) in [(own, true), (invited, true), (foreign, false)] {
        connection.is_invited(chat, Seq(2), false);
        assert_eq!(connection.take_invitation(chat).is_none(), is_remembered, "{chat}");
    }
}

#[test]
fn a_few_of_the_largest_frames_fill_an_inbox_as_many_small_ones_do() {
    let full_after = |length: usize| {
        let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
        let taken = (1..).find(|_| !connection.queue("x".repeat(length)).has_room);
        assert!(!connection.has_room());
        assert!(matches!(connection.next_frame(), ControlFlow::Continue(_)));
        assert!(connection.has_room());
        taken
    };
    assert_eq!((full_after(1), full_after(MAX_CLIENT_FRAME_BYTES)), (Some(32), Some(4)));
}

#[test]
fn who_is_gone_watches_nothing_any_more() {
    let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
    assert!(connection.watch(ChatId(1), Watch::joining(ChatKind::Group)).is_some());
    connection.mark_gone();
    assert_eq!(connection.unwatch_all(), [ChatId(1)]);
    assert!(connection.watch(ChatId(1), Watch::joining(ChatKind::Group)).is_none());
    assert!(connection.unwatch_all().is_empty());
}

#[test]
fn who_is_taken_out_of_a_chat_remembers_how_far_it_was_told() {
    let chat = ChatId(1);
    let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
    assert_eq!(connection.seen(chat), Seq::ZERO);
    let mut watch = Watch::live(ChatKind::Group, Seq(4));
    let frame = ChatFrame { chat_id: chat, seq: Seq(7), visibility: Visibility::Public, frame: Frame::text("{}") };
    assert!(watch.offer(&frame));
    assert!(connection.watch(chat, watch).is_some());
    assert!(connection.is_removed(chat, Seq(7)));
    assert_eq!(connection.seen(chat), Seq(7));
    // It came back, read a part of history, and was taken out again.
    connection.saw(chat, Seq(12));
    connection.saw(chat, Seq(9));
    assert_eq!(connection.seen(chat), Seq(12));
}

#[test]
fn a_removal_from_before_the_user_came_in_again_ends_no_watch() {
    let (chat, group) = (ChatId(1), ChatKind::Group);
    let connection = Connection::new("c".to_owned(), "websocket", Arc::new(Nowhere), true);
    // It has read beyond the removal, and history said nothing of it any more.
    connection.watch(chat, Watch::live(group, Seq(30)));
    assert!(!connection.is_removed(chat, Seq(20)) && connection.is_watching(chat));
    assert!(connection.is_removed(chat, Seq(30)) && !connection.is_watching(chat));
    // It still reads, and was found to be a member above the removal.
    let generation = connection.watch(chat, Watch::joining(group)).expect("the first");
    connection.allow(chat, generation, Seq(40));
    assert!(!connection.is_removed(chat, Seq(35)) && connection.is_on(chat, generation));
    assert!(connection.is_removed(chat, Seq(41)) && !connection.is_watching(chat));
    // It was no member when that was asked, and was found to be one later.
    let generation = connection.watch(chat, Watch::joining(group)).expect("the first again");
    connection.allow(chat, generation, Seq(50));
    assert!(!connection.is_taken_off(chat, Seq(49)) && connection.is_on(chat, generation));
    assert!(connection.is_taken_off(chat, Seq(50)) && !connection.is_watching(chat));
}

#[test]
fn who_is_removed_while_it_reads_is_told_so_and_who_was_live_had_the_frame() {
    let outlet = Arc::new(Kept::default());
    let (chat, group) = (ChatId(1), ChatKind::Group);
    let connection = Connection::new("c".to_owned(), "websocket", outlet.clone(), true);
    connection.watch(chat, Watch::joining(group));
    assert!(connection.is_removed(chat, Seq(1)));
    assert!(outlet.sent().is_empty(), "nothing goes out before connected");
    connection.introduce(Own { id: 9, name: None, workspace: None });
    connection.watch(chat, Watch::live(group, Seq(1)));
    assert!(connection.is_removed(chat, Seq(2)));
    assert!(outlet.sent().is_empty());
    connection.watch(chat, Watch::joining(group));
    assert!(connection.is_removed(chat, Seq(3)));
    assert_eq!(outlet.sent(), [r#"{"type":"unsubscribed","chat_id":1}"#]);
}
