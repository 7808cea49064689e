//! What arrives of a stream of frames, cut into small pieces, and whether the harm is done.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::*;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CHAT: i64 = 42;
const OTHER: i64 = 43;

fn message(chat: i64, seq: i64) -> Value {
    let data = json!({
        "id": 1000 + seq, "chat_id": chat, "seq": seq, "changed_seq": seq, "sender_type": "operator", "sender_id": 3,
        "body": "Hello", "client_id": uuid::Uuid::from_u128(7), "visibility": "public",
    });
    json!({"type": "chat.message", "session_id": chat, "seq": seq, "data": data})
}

/// What the server answers to a send: the whole message, but nothing to show.
fn ack(seq: i64) -> Value {
    let mut ack = message(CHAT, seq);
    ack["type"] = "ack".into();
    ack
}

fn state(seq: i64) -> Value {
    json!({"type": "chat.session.status", "session_id": CHAT, "seq": seq, "data": {"state_seq": seq}})
}

fn frame(frame: &Value) -> Vec<u8> {
    let text = frame.to_string();
    let length = u16::try_from(text.len()).expect("small");
    let header = match u8::try_from(length) {
        Ok(short @ ..126) => vec![0x81, short],
        _ => [&[0x81, 126][..], &length.to_be_bytes()].concat(),
    };
    [header, text.into_bytes()].concat()
}

/// A plant, and what one connection of its client is told in place of these frames: the type's end and the `seq`.
fn tell(plant: &Plant, frames: &[Value]) -> Vec<String> {
    let mut spoiler = plant.spoiler_for(PEER).expect("nothing is spoiled yet");
    let handshake = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
    let bytes: Vec<u8> = handshake.into_iter().chain(frames.iter().flat_map(frame)).collect();
    let out: Vec<u8> = bytes.chunks(3).flat_map(|piece| spoiler.spoil(piece)).collect();
    let start = out.windows(4).position(|four| four == b"\r\n\r\n").expect("the handshake is through") + 4;
    let mut rest = &out[start..];
    let mut told = Vec::new();
    while let Some((header, length)) = first_frame(rest) {
        let frame: Value = serde_json::from_slice(&rest[header..length]).expect("a frame");
        let kind = frame["type"].as_str().expect("a type").rsplit('.').next().expect("one part").to_owned();
        told.push(format!("{kind} {}", frame["seq"]));
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "bytes that are no frame");
    told
}

fn arrive(spoil: Spoil, frames: &[Value]) -> (Vec<String>, Option<i64>) {
    let plant = Plant::new(PEER, spoil);
    (tell(&plant, frames), plant.spoiled().map(|place| place.seq))
}

fn of(told: &str) -> Vec<String> {
    told.split(", ").map(str::to_owned).collect()
}

#[test]
fn one_message_is_spoiled_and_nothing_else() {
    let frames = [message(CHAT, 4), message(CHAT, 5), message(CHAT, 6)];
    assert_eq!(arrive(Spoil::Loss, &frames), (of("message 5, message 6"), Some(4)));
    assert_eq!(arrive(Spoil::Duplicate, &frames), (of("message 4, message 4, message 5, message 6"), Some(4)));
    assert_eq!(arrive(Spoil::Inversion, &frames), (of("message 5, message 4, message 6"), Some(4)));
}

#[test]
fn an_ack_is_not_the_message() {
    let frames = [ack(4), message(CHAT, 4), ack(5), message(CHAT, 5)];
    assert_eq!(arrive(Spoil::Loss, &frames), (of("ack 4, ack 5, message 5"), Some(4)));
    assert_eq!(arrive(Spoil::Duplicate, &frames), (of("ack 4, message 4, message 4, ack 5, message 5"), Some(4)));
    assert_eq!(arrive(Spoil::Inversion, &frames), (of("ack 4, ack 5, message 5, message 4"), Some(4)));
}

#[test]
fn it_waits_for_the_next_change_of_the_same_chat() {
    let ping = json!({"type": "ping"});
    let frames = [message(CHAT, 4), ping, message(OTHER, 9), message(CHAT, 3), state(5), message(CHAT, 6)];
    let (told, spoiled) = arrive(Spoil::Inversion, &frames);
    assert_eq!((told, spoiled), (of("ping null, message 9, message 3, status 5, message 4, message 6"), Some(4)));
}

#[test]
fn a_connection_that_ends_before_that_has_done_no_harm_and_the_next_one_begins_anew() {
    let plant = Plant::new(PEER, Spoil::Loss);
    assert_eq!(tell(&plant, &[state(3), message(CHAT, 4), message(OTHER, 9)]), of("status 3, message 9"));
    assert_eq!(plant.spoiled(), None);
    assert_eq!(tell(&plant, &[message(CHAT, 4), message(CHAT, 5), message(CHAT, 6)]), of("message 5, message 6"));
    assert_eq!(plant.spoiled(), Some(Place { chat: CHAT, seq: 4 }));
    assert!(plant.spoiler_for(PEER).is_none(), "one is enough");
}
