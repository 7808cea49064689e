//! A visitor and an operator who talk over their sockets, and how long each word takes to the other.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::subject::{OPERATOR, Subject};
use crate::percentiles::Percentiles;
use crate::visitor::{Socket, Visitor};

/// The attacker has another address.
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Words of the visitor and of the operator in a second: fewer than either may say.
const RATES: [u32; 2] = [4, 10];
/// How long the last words may take, and a login.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Neighbours {
    http: Client,
    url: String,
    talk: Arc<Talk>,
    talking: [JoinHandle<()>; 2],
}

/// All that was said.
struct Talk {
    started: Instant,
    words: Mutex<Vec<Word>>,
}

struct Word {
    said: Duration,
    took: Option<Duration>,
}

/// What was said in a while.
pub(crate) struct Heard {
    pub(crate) times: Percentiles,
    pub(crate) words: usize,
    /// Did not arrive at all.
    pub(crate) missing: usize,
}

impl Neighbours {
    /// Both come, and begin to talk.
    pub(crate) async fn meet(subject: &Subject) -> anyhow::Result<Self> {
        let http = Client::builder().local_address(FROM).timeout(PATIENCE).build()?;
        let url = subject.url();
        let visitor = Visitor::open(&http, &url).await.context("the neighbour's session")?;
        let token = access_token(&http, &url).await?;
        let talk = Arc::new(Talk { started: Instant::now(), words: Mutex::default() });
        let targets = [
            format!("/channel/ws?session={}&token={}", visitor.session, visitor.token),
            format!("/channel/ws?type=staff&access_token={token}"),
        ];
        let mut talking = Vec::new();
        for (target, rate) in targets.iter().zip(RATES) {
            let socket = Socket::open_from(FROM, subject.address, target).await?;
            talking.push(tokio::spawn(converse(socket, talk.clone(), visitor.session, rate)));
        }
        let talking = talking.try_into().map_err(|_| anyhow::anyhow!("two talk"))?;
        Ok(Self { http, url, talk, talking })
    }

    /// The time of their conversation.
    pub(crate) fn now(&self) -> Duration {
        self.talk.started.elapsed()
    }

    /// How long a login takes now; nothing if it is refused or takes too long.
    pub(crate) async fn log_in(&self) -> Option<Duration> {
        let asked = Instant::now();
        access_token(&self.http, &self.url).await.ok().map(|_| asked.elapsed())
    }

    /// They say no more; what they have said arrives, or is lost.
    pub(crate) async fn until_all_is_heard(&self) {
        let asked = self.now();
        while self.now() < asked + PATIENCE
            && self.talk.words().iter().any(|word| word.said < asked && word.took.is_none())
        {
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn heard(&self, window: &Range<Duration>) -> Heard {
        let words = self.talk.words();
        let said: Vec<&Word> = words.iter().filter(|word| window.contains(&word.said)).collect();
        let times = Percentiles::of(said.iter().filter_map(|word| word.took));
        Heard { times, words: said.len(), missing: said.iter().filter(|word| word.took.is_none()).count() }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.talking.iter().for_each(JoinHandle::abort);
    }
}

impl Talk {
    fn words(&self) -> MutexGuard<'_, Vec<Word>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says the next word, which is its number.
    fn say(&self) -> usize {
        let mut words = self.words();
        words.push(Word { said: self.started.elapsed(), took: None });
        words.len() - 1
    }

    fn hear(&self, number: usize) {
        if let Some(word) = self.words().get_mut(number) {
            word.took.get_or_insert(self.started.elapsed().saturating_sub(word.said));
        }
    }
}

/// Until its socket is gone.
async fn converse(mut socket: Socket, talk: Arc<Talk>, session: i64, rate: u32) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut own = Vec::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let number = talk.say();
                own.push(number);
                let frame = json!({
                    "type": "message", "session_id": session, "body": number.to_string(), "client_id": Uuid::new_v4(),
                });
                if socket.send(&frame).await.is_err() {
                    return;
                }
            }
            frame = socket.next_frame() => {
                let Ok(frame) = frame else { return };
                if let Some(number) = number_in(&frame).filter(|number| !own.contains(number)) {
                    talk.hear(number);
                }
            }
        }
    }
}

/// The number that a message is; nothing in other frames.
fn number_in(frame: &Value) -> Option<usize> {
    frame["data"]["body"].as_str().filter(|_| frame["type"] == "chat.message")?.parse().ok()
}

async fn access_token(http: &Client, url: &str) -> anyhow::Result<String> {
    let login = json!({"email": OPERATOR.email, "password": OPERATOR.password});
    let answer: Value =
        http.post(format!("{url}/auth/login")).json(&login).send().await?.error_for_status()?.json().await?;
    Ok(answer["access_token"].as_str().context("no access token")?.to_owned())
}
