//! The readers. A target takes any bytes; it panics, or says what was wrong, only if a property does not hold.

mod rest;
mod tokens;

use bytes::BytesMut;
use channel_gateway::inside::{
    CameFrom, Decoder, END, Incoming, PollRequest, Violation, cursor_after, last_event_id, read_upgrade,
};
use chat_events::frame::ClientFrame;
use chat_events::{ChatId, ErrorBody, ErrorCode, Event, Seq};

/// What was wrong.
pub type Verdict = Result<(), String>;

/// A reader.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Its property.
    pub check: fn(&[u8]) -> Verdict,
    /// Good inputs to begin with.
    pub good: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: [Target; 13] = [
    Target { name: "client_frame", check: client_frame, good: good_frames },
    Target { name: "websocket", check: websocket, good: good_websockets },
    Target { name: "handshake", check: handshake, good: good_handshakes },
    Target { name: "session_token", check: tokens::session, good: tokens::good_sessions },
    Target { name: "resume_ticket", check: tokens::ticket, good: tokens::good_tickets },
    Target { name: "access_token", check: tokens::access, good: tokens::good_accesses },
    Target { name: "jwks", check: tokens::jwks, good: tokens::good_jwks },
    Target { name: "poll", check: poll, good: good_polls },
    Target { name: "cursor", check: cursor, good: good_cursors },
    Target { name: "rest_body", check: rest::body, good: rest::good_bodies },
    Target { name: "rest_query", check: rest::query, good: rest::good_queries },
    Target { name: "rest_path", check: rest::path, good: rest::good_paths },
    Target { name: "event", check: event, good: good_events },
];

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

/// The reader refused, and it was not its own fault.
fn of_the_client(error: &ErrorBody) -> Verdict {
    let is_short = error.message.chars().count() <= 300;
    ensure((400..500).contains(&error.code.status()) && is_short, || format!("refused with {error:?}"))
}

fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

// --- frames --------------------------------------------------------------------------------------------------

/// It is read, or refused with a code of the reader's own and few words.
fn client_frame(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    match ClientFrame::parse(&text) {
        Ok(ClientFrame::Resume { cursors, .. }) => {
            ensure(cursors.len() <= bytes.len() / 4, || format!("{} cursors", cursors.len()))
        }
        Ok(_) => Ok(()),
        Err(refused) => {
            let code = refused.error.code;
            let known = matches!(code, ErrorCode::BadRequest | ErrorCode::UnknownType | ErrorCode::Invalid);
            let is_short = refused.error.message.chars().count() <= 300;
            let id_is_short = refused.client_id.is_none_or(|id| id.chars().count() <= 64);
            ensure(known && is_short && id_is_short, || format!("refused with {:?}", refused.error))
        }
    }
}

fn good_frames() -> Vec<Vec<u8>> {
    lines(&[
        r#"{"type":"init","access_token":"a.b.c"}"#,
        r#"{"type":"auth","token":"a.b.c"}"#,
        r#"{"type":"resume","cursors":{"7":3,"12":0},"epoch":1}"#,
        r#"{"type":"subscribe","session_id":7,"after":3}"#,
        r#"{"type":"unsubscribe","chat_id":7}"#,
        r#"{"type":"message","chat_id":7,"body":"hé\u0020llo","client_id":"0190f5a2-7c1e-7c3a-9d55-2f1f3c5d7e90","visibility":"staff"}"#,
        r#"{"type":"ack","last_id":9}"#,
        r#"{"type":"read","session_id":7,"last_id":9}"#,
        r#"{"type":"typing","is_typing":true}"#,
        r#"{"type":"typing","session_id":7,"is_typing":false,"visibility":"staff"}"#,
        r#"{"type":"page","url":"https://shop.example/cart?a=b","title":"Cart"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"pong"}"#,
        r#"{"type":"dance","client_id":"a"}"#,
    ])
}

// --- WebSocket -----------------------------------------------------------------------------------------------

/// Small, so that inputs get near it.
const MAX_MESSAGE: usize = 512;
/// What is larger is passed over, up to this.
const MAX_PASSED: usize = 2048;
/// The longest header of a frame.
const MAX_HEADER: usize = 14;

/// However the bytes are cut, the same comes of them, and no more is kept than a message and a frame, or the ends of what is
/// passed over. The first byte says how they are cut.
fn websocket(bytes: &[u8]) -> Verdict {
    let Some((cut, wire)) = bytes.split_first() else { return Ok(()) };
    let whole = decode(wire, wire.len().max(1))?;
    let pieces = decode(wire, usize::from(*cut % 16) + 1)?;
    ensure(whole == pieces, || format!("whole: {whole:?}, in pieces: {pieces:?}"))
}

fn decode(wire: &[u8], piece: usize) -> Result<(Vec<Incoming>, Option<Violation>), String> {
    let (mut decoder, mut seen) = (Decoder::new(MAX_MESSAGE).passing_over(MAX_PASSED), Vec::new());
    for piece in wire.chunks(piece) {
        decoder.feed(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(incoming)) => seen.push(incoming),
                Ok(None) => break,
                Err(violation) => return Ok((seen, Some(violation))),
            }
        }
        let kept = decoder.buffered();
        ensure(kept <= 2 * MAX_MESSAGE.max(END) + MAX_HEADER, || format!("{kept} bytes are kept"))?;
    }
    Ok((seen, None))
}

/// A frame as a client sends it, with a mask of zeros.
fn client_wire(fin: bool, opcode: u8, payload: &[u8]) -> BytesMut {
    let mut wire = BytesMut::from(&[u8::from(fin) << 7 | opcode][..]);
    match payload.len() {
        short @ 0..126 => wire.extend_from_slice(&[0x80 | short as u8]),
        long => {
            wire.extend_from_slice(&[0x80 | 126]);
            wire.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    wire.extend_from_slice(&[0; 4]);
    wire.extend_from_slice(payload);
    wire
}

fn good_websockets() -> Vec<Vec<u8>> {
    let frames = [
        vec![client_wire(true, 1, "приве́т".as_bytes())],
        vec![client_wire(true, 2, &[7; 200])],
        vec![client_wire(false, 1, b"a\xd0"), client_wire(true, 9, b"!"), client_wire(true, 0, b"\xbfb")],
        vec![client_wire(false, 2, &[1; 300]), client_wire(false, 0, &[2; 200]), client_wire(true, 0, &[3; 12])],
        vec![client_wire(true, 10, b""), client_wire(true, 8, &[3, 232, b'b', b'y', b'e'])],
        vec![client_wire(true, 8, b"")],
        vec![client_wire(true, 1, &[b'a'; 1500]), client_wire(true, 1, b"next")],
        vec![
            client_wire(false, 1, &[b'a'; 400]),
            client_wire(false, 0, &[b'b'; 300]),
            client_wire(true, 0, &[b'c'; 900]),
        ],
        vec![client_wire(false, 1, b""), client_wire(false, 0, b""), client_wire(true, 0, b"")],
    ];
    let with_cut = |(cut, frames): (usize, Vec<BytesMut>)| {
        let mut bytes = vec![cut as u8];
        frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
        bytes
    };
    frames.into_iter().enumerate().map(with_cut).collect()
}

// --- handshakes ----------------------------------------------------------------------------------------------

/// What is taken for a handshake asks for a channel, and ends where its headers end: not one byte earlier or later.
fn handshake(bytes: &[u8]) -> Verdict {
    let Some((request, length)) = read_upgrade(bytes) else { return Ok(()) };
    let is_for_a_channel = matches!(request.path(), "/ws" | "/channel/ws");
    let hosts = request.head().headers().get_all("host").count();
    ensure(is_for_a_channel && request.head().upgrade() && hosts == 1, || format!("{} was let in", request.path()))?;
    let taken = bytes.get(..length).ok_or("more was taken than there was")?;
    let alone = read_upgrade(taken).map(|(_, length)| length);
    ensure(alone == Some(length), || format!("of the same {length} bytes alone {alone:?} were taken"))?;
    ensure(read_upgrade(&taken[..length - 1]).is_none(), || "one byte less was enough".into())
}

fn good_handshakes() -> Vec<Vec<u8>> {
    let headers = "Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let begin = ["/channel/ws?session=7&token=t", "/ws?token=a.b.c&resume=1", "/ws", "/channel/ws?after=7#x"];
    begin.map(|target| format!("GET {target} HTTP/1.1\r\n{headers}frame").into_bytes()).into()
}

// --- polls ---------------------------------------------------------------------------------------------------

/// It waits 25 seconds at most, and a client comes back from its own chat or is told what is wrong.
fn poll(bytes: &[u8]) -> Verdict {
    let poll = match PollRequest::read(bytes) {
        Ok(poll) => poll,
        Err(error) => return of_the_client(&error),
    };
    ensure(poll.wait().as_secs_f64() <= 25.0, || format!("it waits {:?}", poll.wait()))?;
    match poll.position(ChatId(7)) {
        Ok(position) => ensure(position.is_none_or(|at| at.seq >= Seq::ZERO), || format!("{position:?}")),
        Err(error) => of_the_client(&error),
    }
}

fn good_polls() -> Vec<Vec<u8>> {
    lines(&[
        "",
        "{}",
        r#"{"session_id":7,"cursors":{"7":3},"epoch":1,"wait":25}"#,
        r#"{"after":3,"epoch":2,"wait":0.5}"#,
        r#"{"type":"staff","cursors":{"7":3,"12":0},"wait":0}"#,
    ])
}

// --- cursors -------------------------------------------------------------------------------------------------

/// A cursor is a position, or tells nothing of one chat; what is read is written the same. A query says no more than an id.
fn cursor(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    match (last_event_id(&text, None), cursor_after(Some(&text), None)) {
        (CameFrom::Several, Err(error)) => of_the_client(&error),
        (CameFrom::One(position), Ok(Some(given))) => {
            let again = last_event_id(&position.to_string(), None);
            let is_same = again == CameFrom::One(position) && given == position;
            ensure(position.seq >= Seq::ZERO && is_same, || format!("{position} was read as {again:?}"))
        }
        (id, given) => Err(format!("an id is {id:?}, and in a query {given:?}")),
    }
}

fn good_cursors() -> Vec<Vec<u8>> {
    lines(&["0", "17", "9223372036854775807", "1:53", "2:7:3", "-1"])
}

// --- events --------------------------------------------------------------------------------------------------

/// What Redis or RabbitMQ may hold: an event is read and written the same, or refused.
fn event(bytes: &[u8]) -> Verdict {
    let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return Ok(()) };
    let json = serde_json::to_vec(&event).map_err(|why| why.to_string())?;
    let again: Event = serde_json::from_slice(&json).map_err(|why| format!("not read again: {why}"))?;
    ensure(serde_json::to_vec(&again).ok() == Some(json), || "written otherwise".into())
}

fn good_events() -> Vec<Vec<u8>> {
    lines(&[
        r#"{"epoch":1,"kind":"chat.message.sent","chat_id":1,"chat_kind":"session","seq":2,"visibility":"public","committed_at":"2026-01-01T00:00:00Z","data":{"id":1}}"#,
        r#"{"epoch":1,"kind":"chat.member.added","chat_id":1,"chat_kind":"group","seq":9,"user_ids":[1,2],"committed_at":"2026-01-01T00:00:00.5Z","traceparent":"00-1-2-01","data":[]}"#,
    ])
}
