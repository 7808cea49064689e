//! The chats in `connected`: a page of them that fits in a frame, and where each stands for the connection. Pure.
//!
//! Whatever a page says, all changes above it must come. So a chat that is listed is live from where the page says that
//! it stands, although the tops of all chats are read after that; any other chat is live from the top that was read,
//! and is listed later still.

use std::collections::HashMap;

use chat_events::chat_list::ChatsCursor;
use chat_events::frame::{Connected, MAX_FRAME_BYTES, ServerFrame};
use chat_events::gateway_api::{ChatState, FirstPage, ListedChat, Membership};
use chat_events::{ChatId, ChatKind, Seq};
use serde::Serialize;

/// A chat, and the position that it is live from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Which.
    pub chat: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// The changes above this come.
    pub top: Seq,
}

/// Where the chats of a user stand: the chats of the page, and others that were read after it.
#[must_use]
pub(crate) fn known(page: &FirstPage, read_later: &[Membership]) -> Vec<Known> {
    let listed = page.chats.iter().map(|ListedChat { chat, .. }| (chat.chat_id, (chat.kind, chat.seq)));
    let mut known: HashMap<ChatId, (ChatKind, Seq)> =
        read_later.iter().map(|chat| (chat.chat_id, (chat.kind, chat.seq))).collect();
    known.extend(listed);
    known.into_iter().map(|(chat, (kind, top))| Known { chat, kind, top }).collect()
}

/// The frame with as many chats of the page as fit.
#[must_use]
pub(crate) fn with_page(mut data: Connected, page: FirstPage) -> ServerFrame {
    let longest = "9".repeat(ChatsCursor::MAX_LENGTH);
    data.more = Some(longest);
    let frame = ServerFrame::Connected { session_id: None, seq: None, data };
    let mut room = MAX_FRAME_BYTES.saturating_sub(frame.to_json().len());
    let fits = |listed: &&ListedChat| {
        let takes = length(&listed.chat) + ",".len();
        let fits = takes <= room;
        room = room.saturating_sub(takes);
        fits
    };
    let count = page.chats.iter().take_while(fits).count();
    let ServerFrame::Connected { session_id, seq, mut data } = frame else { return frame };
    data.more = page.cursor_behind(count).map(|cursor| cursor.to_string());
    data.chats = page.chats.into_iter().take(count).map(|listed| listed.chat).collect::<Vec<ChatState>>();
    ServerFrame::Connected { session_id, seq, data }
}

/// In bytes, as JSON.
fn length(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use chat_events::Epoch;

    use super::*;

    fn chat(id: i64, title: &str) -> ListedChat {
        let title = Some(title.to_owned());
        let (chat_id, kind, seq) = (ChatId(id), ChatKind::Group, Seq(id));
        let chat = ChatState { chat_id, kind, title, seq, state_seq: Seq(1), session: None, marks: Vec::new() };
        ListedChat { at: 1_795_859_122_000_000 - id, chat }
    }

    fn frame(chats: Vec<ListedChat>, has_more: bool) -> (usize, Connected) {
        let data = Connected {
            connection_id: "1f0c9a3e-12".to_owned(),
            role: "user".to_owned(),
            self_id: 3,
            name: Some("Olivia".to_owned()),
            epoch: Epoch(1),
            ping_interval: 30,
            chats: Vec::new(),
            more: None,
            workspace: None,
            resume_ticket: Some("r".repeat(200)),
        };
        let frame = with_page(data, FirstPage { began: 1_795_859_122_000_000, chats, has_more });
        let length = frame.to_json().len();
        let ServerFrame::Connected { data, .. } = frame else { panic!("another frame") };
        (length, data)
    }

    #[test]
    fn a_page_is_cut_where_the_next_chat_would_pass_the_largest_frame() {
        // Titles of all lengths, so that the cut falls anywhere; some letters take more than a byte, and quotes two.
        for extra in 0..300 {
            let title = |id: usize| "\u{1F600}\"x".repeat((id * 7 + extra) % 30);
            let chats: Vec<ListedChat> = (1..=600).map(|id| chat(id, &title(id.try_into().expect("few")))).collect();
            let next = |data: &Connected| length(&chats[data.chats.len()].chat) + 1;
            let (length, data) = frame(chats.clone(), true);
            assert!(length <= MAX_FRAME_BYTES, "{length} bytes");
            assert!(length + next(&data) + ChatsCursor::MAX_LENGTH > MAX_FRAME_BYTES, "{length} bytes, and more fits");
            let last = data.chats.last().expect("some");
            let expected = format!("1795859122000000.{}.{}", 1_795_859_122_000_000 - last.chat_id.0, last.chat_id);
            assert_eq!(data.more, Some(expected));
        }
    }

    #[test]
    fn there_is_a_cursor_only_where_there_are_others() {
        assert_eq!(frame(vec![chat(1, "a")], false).1.more, None);
        assert_eq!(frame(Vec::new(), false).1.more, None);
        assert!(frame(vec![chat(1, "a")], true).1.more.is_some());
        let (_, data) = frame(vec![chat(1, &"x".repeat(MAX_FRAME_BYTES))], false);
        let start = ChatsCursor::start(1_795_859_122_000_000).to_string();
        assert_eq!((data.chats.len(), data.more), (0, Some(start)), "what fits in no frame is listed by REST");
    }

    #[test]
    fn a_chat_that_is_listed_is_live_from_where_the_page_says_that_it_stands() {
        let page = FirstPage { began: 0, chats: vec![chat(5, "a")], has_more: true };
        let later = |id, seq| Membership { chat_id: ChatId(id), kind: ChatKind::Group, since: Seq(1), seq: Seq(seq) };
        let mut known = known(&page, &[later(5, 9), later(6, 4)]);
        known.sort_by_key(|known| known.chat);
        let of = |chat, top| Known { chat: ChatId(chat), kind: ChatKind::Group, top: Seq(top) };
        assert_eq!(known, [of(5, 5), of(6, 4)]);
    }
}
