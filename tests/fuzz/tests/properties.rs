//! Every reader of what comes from outside, briefly: with noise, and with good inputs that were broken.

use std::collections::BTreeMap;

use chat_events::command::{Command, CommandFrame, UpTo};
use chat_events::frame::ClientFrame;
use chat_events::sign::{Page, PageAddress, PageTitle, SignFrame, Typing, Viewing};
use chat_events::{ChatId, Epoch, MessageBody, MessageDraft, MessageId, Seq, Sign, Visibility};
use fuzz::mutate;
use fuzz::targets::ALL;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};
use uuid::Uuid;

proptest! {
    // A failure prints its input; files beside the sources would hold nothing more.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn noise_harms_no_reader(bytes in vec(any::<u8>(), 0..600)) {
        for target in ALL {
            prop_assert_eq!((target.check)(&bytes), Ok(()), "{}", target.name);
        }
    }

    #[test]
    fn broken_input_harms_no_reader(seed in any::<u64>()) {
        let mut rng = SmallRng::seed_from_u64(seed);
        for target in ALL {
            let input = mutate::input(&mut rng, &(target.good)());
            let shown = String::from_utf8_lossy(&input);
            prop_assert_eq!((target.check)(&input), Ok(()), "{}: {:?}", target.name, shown);
        }
    }

    #[test]
    fn a_good_frame_is_read_as_it_was_written(frame in frame()) {
        let json = written(&frame).to_string();
        prop_assert_eq!(ClientFrame::parse(&json), Ok(frame), "{}", json);
    }
}

#[test]
fn good_inputs_harm_no_reader() {
    for target in ALL {
        for input in (target.good)() {
            assert_eq!((target.check)(&input), Ok(()), "{}: {:?}", target.name, String::from_utf8_lossy(&input));
        }
    }
}

fn frame() -> impl Strategy<Value = ClientFrame> {
    let chat = || any::<i64>().prop_map(ChatId);
    let message = || any::<i64>().prop_map(MessageId);
    let seq = || any::<i64>().prop_map(Seq);
    let visibility = || prop_oneof![Just(Visibility::Public), Just(Visibility::Staff)];
    let id = any::<u128>().prop_map(Uuid::from_u128);
    let body = any::<String>().prop_filter_map("shows something", |text| MessageBody::parse(text).ok());
    prop_oneof![
        any::<String>().prop_map(|access_token| ClientFrame::Init { access_token }),
        any::<String>().prop_map(|token| ClientFrame::Auth { token }),
        (btree_map(chat(), seq(), 0..9), option::of(any::<i32>().prop_map(Epoch)), any::<bool>())
            .prop_map(|(cursors, epoch, more)| ClientFrame::Resume { cursors, epoch, more }),
        (chat(), option::of(seq()), option::of(any::<i32>().prop_map(Epoch)))
            .prop_map(|(chat_id, after, epoch)| ClientFrame::Subscribe { chat_id, after, epoch }),
        chat().prop_map(|chat_id| ClientFrame::Unsubscribe { chat_id }),
        (option::of(chat()), body, id, option::of(visibility())).prop_map(|(chat_id, body, client_id, visibility)| {
            let command = Command::Message(MessageDraft { visibility, ..MessageDraft::new(body, client_id) });
            ClientFrame::Command(CommandFrame { chat_id, command })
        }),
        (option::of(chat()), message()).prop_map(|(chat_id, last_id)| ClientFrame::Command(CommandFrame {
            chat_id,
            command: Command::Ack(UpTo { last_id })
        })),
        (option::of(chat()), message()).prop_map(|(chat_id, last_id)| ClientFrame::Command(CommandFrame {
            chat_id,
            command: Command::Read(UpTo { last_id })
        })),
        (option::of(chat()), any::<bool>(), option::of(visibility())).prop_map(|(chat_id, is_typing, visibility)| {
            ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Typing(Typing { is_typing, visibility }) })
        }),
        (option::of(chat()), "https?://[a-z./?&=]{1,40}", option::of("[a-z]{1,40}")).prop_map(
            |(chat_id, url, title)| {
                let url = PageAddress::parse(url).expect("an address");
                let title = title.map(|title| PageTitle::parse(title).expect("a title"));
                ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Page(Page { url, title }) })
            }
        ),
        (option::of(chat()), any::<bool>()).prop_map(|(chat_id, is_viewing)| {
            ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Viewing(Viewing { is_viewing }) })
        }),
        Just(ClientFrame::Ping {}),
        Just(ClientFrame::Pong {}),
    ]
}

fn written(frame: &ClientFrame) -> Value {
    match frame {
        ClientFrame::Init { access_token } => json!({"type": "init", "access_token": access_token}),
        ClientFrame::Auth { token } => json!({"type": "auth", "token": token}),
        ClientFrame::Resume { cursors, epoch, more } => {
            let cursors: BTreeMap<String, Seq> = cursors.iter().map(|(chat, seq)| (chat.to_string(), *seq)).collect();
            json!({"type": "resume", "cursors": cursors, "epoch": epoch, "more": more})
        }
        ClientFrame::Subscribe { chat_id, after, epoch } => {
            json!({"type": "subscribe", "session_id": chat_id, "after": after, "epoch": epoch})
        }
        ClientFrame::Unsubscribe { chat_id } => json!({"type": "unsubscribe", "chat_id": chat_id}),
        ClientFrame::Command(CommandFrame { chat_id, command }) => {
            let command = serde_json::to_value(command).expect("as JSON");
            let (kind, fields) = command.as_object().and_then(|command| command.iter().next()).expect("one variant");
            let mut frame = fields.clone();
            frame["type"] = json!(kind);
            frame["chat_id"] = json!(chat_id);
            frame
        }
        ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Typing(Typing { is_typing, visibility }) }) => {
            json!({"type": "typing", "chat_id": chat_id, "is_typing": is_typing, "visibility": visibility})
        }
        ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Page(Page { url, title }) }) => {
            json!({"type": "page", "session_id": chat_id, "url": url, "title": title})
        }
        ClientFrame::Sign(SignFrame { chat_id, sign: Sign::Viewing(Viewing { is_viewing }) }) => {
            json!({"type": "viewing", "session_id": chat_id, "is_viewing": is_viewing})
        }
        ClientFrame::Ping {} => json!({"type": "ping"}),
        ClientFrame::Pong {} => json!({"type": "pong"}),
    }
}
