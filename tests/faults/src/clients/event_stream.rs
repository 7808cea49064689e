//! A server-sent event stream, read as the HTML standard says.

use reqwest::{Client, Response};
use serde_json::Value;

use super::link::{Ended, Target};

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    unread: Vec<u8>,
}

/// What the lines up to an empty one say.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// A comment: the server lives.
    Life,
    Frame(String),
    Close(String),
}

impl EventStream {
    pub(crate) async fn open(target: Target<'_>) -> Result<Self, Ended> {
        // A client of its own, as each browser is one; connections are not shared.
        let client = Client::builder().local_address(target.from).pool_max_idle_per_host(0).build();
        let request = client.map_err(|_| Ended::Broken)?.get(format!("http://{}{}", target.to, target.path));
        let request = match target.last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let response = request.send().await.map_err(|_| Ended::Broken)?;
        let status = response.status();
        if !status.is_success() {
            let body = response.text().await.unwrap_or_default();
            return Err(Ended::refused(status.as_u16(), &body));
        }
        Ok(Self { response, unread: Vec::new() })
    }

    /// The JSON of the next frame; none for a sign of life. What was read is kept when this is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Ended> {
        loop {
            if let Some(block) = self.take_block() {
                return match read_block(&block) {
                    Event::Life => Ok(None),
                    Event::Frame(json) => Ok(Some(json)),
                    Event::Close(json) => Err(close(&json)),
                };
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.unread.extend_from_slice(&bytes),
                Ok(None) | Err(_) => return Err(Ended::Broken),
            }
        }
    }

    fn take_block(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|two| two == b"\n\n")?;
        let rest = self.unread.split_off(end + 2);
        let block = std::mem::replace(&mut self.unread, rest);
        Some(String::from_utf8_lossy(&block).into_owned())
    }
}

fn read_block(block: &str) -> Event {
    let data: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
    let is_close = block.lines().any(|line| line.strip_prefix("event:").is_some_and(|name| name.trim() == "close"));
    match (data.is_empty(), is_close) {
        (true, _) => Event::Life,
        (false, true) => Event::Close(data.join("\n")),
        (false, false) => Event::Frame(data.join("\n")),
    }
}

fn close(json: &str) -> Ended {
    let close: Value = serde_json::from_str(json).unwrap_or_default();
    let code = close["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or_default();
    Ended::closed(code, close["reason"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_frames_closes_or_signs_of_life() {
        assert_eq!(read_block("id: 7:4\ndata: {\"type\":\"x\"}\n\n"), Event::Frame("{\"type\":\"x\"}".into()));
        assert_eq!(read_block(": ping\n\n"), Event::Life);
        assert_eq!(read_block("event: close\ndata: {\"code\":4004}\n\n"), Event::Close("{\"code\":4004}".into()));
        assert_eq!(close("{\"code\":4004,\"reason\":\"restart\"}"), Ended::Closed(4004));
    }
}
