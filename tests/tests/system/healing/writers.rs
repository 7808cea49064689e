//! People who write all the while, by REST and by socket, and send again what was not taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use system_tests::{Chain, Rest, Socket, Visitor};
use test_support::wait::in_time;
use test_support::wait_until;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Between two messages of one writer, and before it tries again.
const PAUSE: Duration = Duration::from_millis(40);
/// Who has no answer by then sends again.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Messages of each writer before anything is taken away.
const AT_FIRST: usize = 5;
/// Who write by REST; one more writes by socket, which is the way through the gateway.
const BY_REST: usize = 3;

/// All who write. Each message is in flight until it is known to be stored.
pub(super) struct Writers {
    is_over: Arc<AtomicBool>,
    writers: Vec<Writer>,
}

struct Writer {
    stored: Arc<AtomicUsize>,
    task: JoinHandle<Vec<String>>,
}

impl Writers {
    /// Lets them write.
    pub(super) async fn begin(chain: &Chain, visitor: &Visitor) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut socket = visitor.socket(chain.gateway()).await;
        socket.connected().await;
        let mut ways: Vec<Way> = (0..BY_REST).map(|_| Way::Rest(chain.rest().clone(), visitor.clone())).collect();
        ways.push(Way::Socket(Box::new(socket)));
        let begin = |(number, way)| Writer::begin(number, way, is_over.clone());
        let writers = ways.into_iter().enumerate().map(begin).collect();
        Self { is_over, writers }
    }

    /// Until each has written some.
    pub(super) async fn until_all_write(&self) {
        wait_until("all writers to write", async || {
            let all = self.writers.iter().all(|writer| writer.stored.load(Ordering::Acquire) >= AT_FIRST);
            all.then_some(())
        })
        .await;
    }

    /// Each finishes what it writes; the texts of all messages that were stored.
    pub(super) async fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Release);
        let stored = join_all(self.writers.into_iter().map(|writer| writer.task)).await;
        stored.into_iter().flat_map(|texts| texts.expect("a writer that does not give up")).collect()
    }
}

impl Writer {
    fn begin(number: usize, mut way: Way, is_over: Arc<AtomicBool>) -> Self {
        let stored = Arc::new(AtomicUsize::new(0));
        let count = stored.clone();
        let task = tokio::spawn(async move {
            let mut texts = Vec::new();
            while !is_over.load(Ordering::Acquire) {
                let text = format!("writer {number}, message {}", texts.len());
                in_time("a message to be taken", way.write_until_stored(&text)).await;
                texts.push(text);
                count.fetch_add(1, Ordering::Release);
            }
            texts
        });
        Self { stored, task }
    }
}

/// How one writes.
enum Way {
    Rest(Rest, Visitor),
    Socket(Box<Socket>),
}

impl Way {
    async fn write_until_stored(&mut self, body: &str) {
        let client_id = Uuid::new_v4();
        loop {
            let is_stored = self.write(body, client_id).await;
            tokio::time::sleep(PAUSE).await;
            if is_stored {
                return;
            }
        }
    }

    /// Whether the message is known to be stored.
    async fn write(&mut self, body: &str, client_id: Uuid) -> bool {
        let message = json!({"body": body, "client_id": client_id});
        match self {
            Self::Rest(rest, visitor) => {
                let path = format!("/chat/session/{}/messages", visitor.session);
                let request = rest.request(Method::POST, &path).bearer_auth(&visitor.token).json(&message);
                request.timeout(ANSWER_WITHIN).send().await.is_ok_and(|answer| answer.status().is_success())
            }
            Self::Socket(socket) => {
                let mut frame = message;
                frame["type"] = "message".into();
                socket.send(frame).await;
                loop {
                    let answer = socket.next().await;
                    if answer["client_id"] == client_id.to_string() {
                        return answer["type"] == "ack";
                    }
                }
            }
        }
    }
}
