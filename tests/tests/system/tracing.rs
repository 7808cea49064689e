//! One trace from the POST to the socket.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use system_tests::{Shape, System};
use test_support::wait_until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TRACE: [u8; 16] =
    [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Takes spans as an OTLP collector would.
struct Collector {
    endpoint: String,
    exports: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let exports = Arc::new(Mutex::new(Vec::new()));
        let taken = exports.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, taken.clone()));
            }
        });
        Self { endpoint, exports }
    }

    /// Which of these words stand in exports with spans of the trace. An export is of one service, and names it.
    fn words_of_trace(&self, words: &[&'static str]) -> BTreeSet<&'static str> {
        let exports = self.exports.lock().expect("no panic");
        let of_trace = || exports.iter().filter(|export| holds(export, &TRACE));
        words.iter().copied().filter(|word| of_trace().any(|export| holds(export, word.as_bytes()))).collect()
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Requests of one connection, one after the other.
async fn take(mut stream: TcpStream, exports: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut unread = Vec::new();
    loop {
        while let Some(length) = whole_request(&unread) {
            exports.lock().expect("no panic").push(unread.drain(..length).collect());
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut unread).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
    }
}

/// The length of the first request, if all of it is there.
fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = head + body.unwrap_or(0);
    (bytes.len() >= length).then_some(length)
}

async fn a_message_is_one_trace_from_post_to_socket(shape: Shape, words: &[&'static str]) {
    let collector = Collector::start().await;
    let export = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let system = System::start_with(shape, &export).await;
    let visitor = system.visitor("Ann").await;
    let mut socket = visitor.socket(system.gateway(1)).await;
    socket.connected().await;
    visitor.send_traced("Where am I?", TRACEPARENT).await;
    assert_eq!(socket.next_of("chat.message").await["data"]["body"], "Where am I?");
    let what = format!("{words:?} in one trace");
    wait_until(&what, async || (collector.words_of_trace(words).len() == words.len()).then_some(())).await;
}

#[tokio::test]
async fn a_message_is_one_trace_standalone() {
    a_message_is_one_trace_from_post_to_socket(Shape::Standalone, &["POST /chat/", "publish", "hub.deliver"]).await;
}

#[tokio::test]
async fn a_message_is_one_trace_distributed() {
    let words = ["chat-service", "POST /chat/", "dispatcher", "channel-gateway", "hub.deliver"];
    a_message_is_one_trace_from_post_to_socket(Shape::Distributed, &words).await;
}
