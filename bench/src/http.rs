//! As much of HTTP/1.1 as a client needs that posts messages, one at a time over a connection of its own, so light that the
//! service is what limits: of an answer only the status and the length are read.

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::visitor::Visitor;

pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: impl ToSocketAddrs) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(8192) })
    }

    /// Sends a request and reads the whole answer, which must say that something was stored.
    pub(crate) async fn post(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the service closed the connection");
            let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.answer[..end]).context("an answer that is no text")?;
            let is_stored = head.starts_with("HTTP/1.1 201 ");
            ensure!(is_stored, "a message was refused: {}", String::from_utf8_lossy(&self.answer));
            if self.answer.len() >= end + 4 + content_length(head)? {
                return Ok(());
            }
        }
    }
}

/// What is before the JSON of a visitor's message, which has so many bytes.
pub(crate) fn message_head(visitor: &Visitor, length: usize) -> String {
    let (session, token) = (visitor.session, &visitor.token);
    format!(
        "POST /chat/session/{session}/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length")).context("no length")?;
    Ok(length.parse()?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_tells_its_length() {
        assert_eq!(content_length("HTTP/1.1 201 Created\r\nContent-Length: 12\r\ndate: now").expect("a length"), 12);
        assert!(content_length("HTTP/1.1 201 Created").is_err());
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_end_and_a_refusal_says_why() -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut connection = Connection::open(listener.local_addr()?).await?;
        let (mut service, _) = listener.accept().await?;
        let mut request = [0; 3];
        for _ in 0..2 {
            let serving = async {
                service.read_exact(&mut request).await?;
                service.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{").await?;
                tokio::task::yield_now().await;
                service.write_all(b"}").await
            };
            let (posted, served) = tokio::join!(connection.post(b"one"), serving);
            posted.and(Ok(served?))?;
        }
        service.write_all(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nwait").await?;
        let refused = connection.post(b"one").await.expect_err("a refusal");
        assert!(refused.to_string().contains("429 Too Many Requests"), "{refused}");
        Ok(())
    }
}
