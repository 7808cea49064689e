//! Attacks on WebSockets, and on whoever is about to become one.

use std::cell::Cell;
use std::pin::pin;

use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, join_all, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout_at;

use super::attacker::{Answers, Attack, Target, breathe, nothing, status, status_in, sum};
use crate::wire::{self, Incoming, first_frame};

/// Sockets of each flood.
const SOCKETS: usize = 2;
/// Bytes of a flood that are written at once.
const AT_ONCE: usize = 64 * 1024;
/// The beginning of a TLS handshake.
const TLS: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage that is longer than that";

pub(crate) static ALL: [Attack; 7] = [
    of_frames("pings", |target| flood(target, Vec::new(), wire::ping(b"")).boxed_local()),
    of_frames("text frames", |target| flood(target, Vec::new(), wire::text(r#"{"type":"ping"}"#)).boxed_local()),
    of_frames("fragments of one byte", |target| {
        flood(target, wire::fragment(0x01, b"{"), wire::fragment(0x00, b" ")).boxed_local()
    }),
    of_frames("frames byte by byte", |target| bytes(target).boxed_local()),
    of_frames("halves of frames, held", |target| halves(target).boxed_local()),
    of_frames("handshakes", |target| handshakes(target).boxed_local()),
    of_frames("garbage and TLS", |target| garbage(target).boxed_local()),
];

const fn of_frames(name: &'static str, run: fn(Target) -> LocalBoxFuture<'static, Answers>) -> Attack {
    Attack { name, environment: &[], prepare: nothing, run }
}

/// A socket, and what came with the answer to its handshake; another answer.
async fn open(target: &Target, path: &str) -> Result<(TcpStream, Vec<u8>), String> {
    let mut stream = target.connect().await?;
    stream.write_all(wire::handshake(path, target.address).as_bytes()).await.map_err(|_| "closed")?;
    let mut came = Vec::with_capacity(1024);
    loop {
        match wire::upgrade_length(&came) {
            Ok(Some(end)) => return Ok((stream, came.split_off(end))),
            Ok(None) => {}
            Err(_) => return Err(status_in(&came)),
        }
        match timeout_at(target.until, stream.read_buf(&mut came)).await {
            Err(_) => return Err("no answer".to_owned()),
            Ok(Err(_) | Ok(0)) => return Err("closed".to_owned()),
            Ok(Ok(_)) => {}
        }
    }
}

/// Of the attacker's session.
fn own(target: &Target) -> String {
    format!("/channel/ws?session={}&token={}", target.session, target.token)
}

/// On two sockets, to the end; whoever is closed comes again. `send` counts what it has written.
async fn assault(target: Target, what: &str, send: impl AsyncFn(OwnedWriteHalf, &Cell<usize>)) -> Answers {
    let written = Cell::new(0);
    let assaulting = (0..SOCKETS).map(|_| async {
        let mut answers = Answers::new();
        while !target.is_over() {
            let fate = match open(&target, &own(&target)).await {
                Ok((stream, came)) => {
                    let (reading, writing) = stream.into_split();
                    match select(pin!(closed(reading, came, &target)), pin!(send(writing, &written))).await {
                        Either::Left((fate, _)) => fate,
                        Either::Right(((), closing)) => closing.await,
                    }
                }
                Err(why) => {
                    breathe().await;
                    why
                }
            };
            *answers.entry(fate).or_default() += 1;
        }
        answers
    });
    let answers = join_all(assaulting).await;
    sum(answers.into_iter().chain([Answers::from([(format!("{what} written"), written.get())])]))
}

/// These frames, as fast as they go.
async fn flood(target: Target, first: Vec<u8>, frame: Vec<u8>) -> Answers {
    let (until, wire) = (target.until, frame.repeat(AT_ONCE / frame.len()));
    assault(target, "frames", async |mut writing, written| {
        if writing.write_all(&first).await.is_err() {
            return;
        }
        let mut bytes = 0;
        while let Ok(Ok(length @ 1..)) = timeout_at(until, writing.write(&wire[bytes % wire.len()..])).await {
            written.set(written.get() + (bytes + length) / frame.len() - bytes / frame.len());
            bytes += length;
        }
    })
    .await
}

/// A frame of which each byte is a packet.
async fn bytes(target: Target) -> Answers {
    let until = target.until;
    assault(target, "bytes", async |mut writing, written| {
        let length = 60_000;
        let mut left = if writing.write_all(&wire::head(0x81, length)).await.is_ok() { length } else { 0 };
        while left > 0 && matches!(timeout_at(until, writing.write_all(b" ")).await, Ok(Ok(()))) {
            left -= 1;
            written.set(written.get() + 1);
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Reads until the server ends the connection, and says how.
async fn closed(mut reading: OwnedReadHalf, mut unread: Vec<u8>, target: &Target) -> String {
    loop {
        let length = match timeout_at(target.until, reading.read_buf(&mut unread)).await {
            Err(_) => return "still open".to_owned(),
            Ok(Err(_)) => return "reset".to_owned(),
            Ok(Ok(length)) => length,
        };
        let mut at = 0;
        while let Some((incoming, length)) = first_frame(&unread[at..]) {
            if incoming == Incoming::Close {
                let code = unread.get(at + 2..at + 4).map_or(0, |code| u16::from_be_bytes([code[0], code[1]]));
                return format!("closed with {code}");
            }
            at += length;
        }
        unread.drain(..at);
        if length == 0 {
            return "ended".to_owned();
        }
    }
}

/// As many as come in without proof, each with all but the last byte of a frame.
async fn halves(target: Target) -> Answers {
    let half = [wire::head(0x81, 64 * 1024), vec![b' '; 64 * 1024 - 1]].concat();
    let sockets = 2000;
    target
        .many(sockets, sockets, async |target, _| {
            let (mut stream, came) = match open(&target, "/channel/ws").await {
                Ok(opened) => opened,
                Err(why) => return why,
            };
            // A server that does not take all of it has as good a half.
            let _waited = timeout_at(target.until, stream.write_all(&half)).await;
            let (reading, _writing) = stream.into_split();
            closed(reading, came, &target).await
        })
        .await
}

async fn handshakes(target: Target) -> Answers {
    let path = format!("/channel/ws?session={}&token=nonsense", target.session);
    target.many(64, 50_000, async |target, _| target.ask(wire::handshake(&path, target.address).as_bytes()).await).await
}

async fn garbage(target: Target) -> Answers {
    target
        .many(64, 50_000, async |target, number| {
            let words = if number % 2 == 0 { TLS } else { &b"\0\x01\x02\xff garbage"[..] };
            match target.connect().await {
                Ok(mut stream) => match stream.write_all(words).await {
                    Ok(()) => status(&mut stream).await,
                    Err(_) => "closed".to_owned(),
                },
                Err(why) => why,
            }
        })
        .await
}
