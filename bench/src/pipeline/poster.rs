//! A connection that posts messages, one at a time: requests are written from a template, and of the answer only the
//! status and the length are read.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::visitor::Visitor;

pub(crate) struct Poster {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of all clients: what messages tell of their time counts from it.
    started: Instant,
}

/// Characters of a message, with its time in front.
const LENGTH: usize = 200;

impl Poster {
    pub(crate) async fn connect(address: SocketAddr, started: Instant) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 8192], started })
    }

    /// Posts one message and waits until it is stored.
    pub(crate) async fn post(&mut self, visitor: &Visitor) -> anyhow::Result<()> {
        let (session, token) = visitor.session();
        let text = format!("{:<LENGTH$}", self.started.elapsed().as_micros());
        let body = format!(r#"{{"body":"{}.","client_id":"{}"}}"#, text, Uuid::new_v4());
        let request = format!(
            "POST /chat/session/{session}/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> anyhow::Result<()> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection, or its answer is too long");
            filled += read;
            let text = std::str::from_utf8(&self.buffer[..filled]).context("an answer that is no text")?;
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            ensure!(head.starts_with("HTTP/1.1 201 "), "a message was refused: {text}");
            if rest.len() >= content_length(head)? {
                return Ok(());
            }
        }
    }
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length")).context("no length")?;
    Ok(length.parse()?)
}

#[cfg(test)]
mod tests {
    use super::content_length;

    #[test]
    fn an_answer_tells_its_length() {
        assert_eq!(content_length("HTTP/1.1 201 Created\r\nContent-Length: 12\r\ndate: now").expect("a length"), 12);
        assert!(content_length("HTTP/1.1 201 Created").is_err());
    }
}
