//! The least that a WebSocket server can do: one thread, one epoll, and one `write` of ready bytes to each socket. It
//! checks no token, keeps no queue and knows no chat. What a real server costs above this is what it does for its users.
//!
//! It prints the address where it listens. A client that asks for `/control` sends what all others are to get: the length
//! in four bytes, big end first, then the bytes of a frame.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use anyhow::{Context, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);
/// To the key of RFC 6455, section 1.3, which the load generator always sends: nothing is computed here.
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const CONTROL: &[u8] = b"GET /control ";
/// The first byte of a close frame.
const CLOSE: u8 = 0x88;

fn main() -> anyhow::Result<()> {
    Floor::bind()?.run()
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    clients: Slab<Client>,
    control: Option<usize>,
    /// What came from the control connection and is no whole frame yet.
    commands: VecDeque<u8>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    has_asked: bool,
}

impl Floor {
    fn bind() -> anyhow::Result<Self> {
        let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        println!(r#"{{"message":"listening","addr":"{}"}}"#, listener.local_addr()?);
        let (clients, commands) = (Slab::new(), VecDeque::new());
        Ok(Self { poll, listener, clients, control: None, commands, buffer: vec![0; 64 * 1024] })
    }

    fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(key) => self.read(key)?,
                }
            }
        }
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    let entry = self.clients.vacant_entry();
                    self.poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
                    entry.insert(Client { stream, has_asked: false });
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) => return Err(why.into()),
            }
        }
    }

    fn read(&mut self, key: usize) -> anyhow::Result<()> {
        while let Some(client) = self.clients.get_mut(key) {
            match client.stream.read(&mut self.buffer) {
                Ok(0) => drop(self.clients.try_remove(key)),
                Ok(length) => self.take(key, length)?,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Its client is gone.
                Err(_) => drop(self.clients.try_remove(key)),
            }
        }
        Ok(())
    }

    fn take(&mut self, key: usize, length: usize) -> anyhow::Result<()> {
        let bytes = &self.buffer[..length];
        if self.control == Some(key) {
            self.commands.extend(bytes);
            return self.obey();
        }
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        if bytes.starts_with(CONTROL) {
            self.control = Some(key);
        } else if !client.has_asked {
            client.has_asked = true;
            client.stream.write_all(ANSWER)?;
        } else if bytes.first() == Some(&CLOSE) {
            self.clients.try_remove(key);
        }
        Ok(())
    }

    fn obey(&mut self) -> anyhow::Result<()> {
        while let Some(&[a, b, c, d]) = self.commands.make_contiguous().first_chunk() {
            let length = usize::try_from(u32::from_be_bytes([a, b, c, d]))?;
            if self.commands.len() < 4 + length {
                break;
            }
            let frame: Vec<u8> = self.commands.drain(..4 + length).skip(4).collect();
            self.fan_out(&frame)?;
        }
        Ok(())
    }

    fn fan_out(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        let control = self.control;
        for (key, client) in &mut self.clients {
            if Some(key) == control || !client.has_asked {
                continue;
            }
            let written = client.stream.write(frame).context("a socket that is read takes every frame")?;
            if written < frame.len() {
                bail!("a socket took {written} of {} bytes", frame.len());
            }
        }
        Ok(())
    }
}
