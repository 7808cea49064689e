//! Attacks by HTTP.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use uuid::Uuid;

use super::attacker::{Answers, Attack, Target, breathe, fates, nothing, sum};
use super::subject::{Account, OPERATOR, STRANGER};

/// Descriptors of the attacker: below what it may have.
const HELD: usize = 4000;
/// Pages that are not read, and connections with requests whose answers are not read.
const PAGES: usize = 60;
const PIPES: usize = 120;
/// Requests of one of these connections.
const PIPELINED: usize = 4000;

pub(crate) static ALL: [Attack; 9] = [
    Attack {
        name: "event streams, opened and closed",
        // It is about streams that are gone, not about how many one token may open.
        environment: &[("CHANNEL__HANDSHAKES_PER_SECOND", "0")],
        prepare: nothing,
        run: |target| streams(target).boxed_local(),
    },
    Attack {
        name: "bodies of one byte",
        environment: &[],
        prepare: nothing,
        run: |target| halves(target).boxed_local(),
    },
    Attack {
        name: "pages that are not read",
        environment: &[],
        prepare: |target| long_messages(target).boxed_local(),
        run: |target| pages(target).boxed_local(),
    },
    Attack {
        name: "pipelined requests, answers not read",
        environment: &[],
        prepare: |target| long_messages(target).boxed_local(),
        run: |target| pipelines(target).boxed_local(),
    },
    Attack { name: "logins", environment: &[], prepare: nothing, run: |target| logins(target).boxed_local() },
    Attack {
        name: "wrong passwords of one account",
        environment: &[],
        prepare: nothing,
        run: |target| wrong_passwords(target).boxed_local(),
    },
    Attack {
        name: "logins that are abandoned",
        environment: &[],
        prepare: nothing,
        run: |target| abandoned_logins(target).boxed_local(),
    },
    Attack { name: "sessions", environment: &[], prepare: nothing, run: |target| sessions(target).boxed_local() },
    Attack { name: "odd methods", environment: &[], prepare: nothing, run: |target| methods(target).boxed_local() },
];

fn get(target: &Target, path: &str) -> Vec<u8> {
    let Target { address, token, .. } = target;
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

fn post(target: &Target, path: &str, body: &str) -> Vec<u8> {
    let (Target { address, token, .. }, length) = (target, body.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn login(target: &Target, account: Account) -> Vec<u8> {
    post(target, "/auth/login", &json!({"email": account.email, "password": account.password}).to_string())
}

async fn streams(target: Target) -> Answers {
    let path = format!("/channel/sse?session={}&token={}", target.session, target.token);
    target.many(64, 2 * HELD, async |target, _| target.ask(&get(&target, &path)).await).await
}

/// Keeps what it has opened to the end.
async fn hold(target: &Target, connections: usize, open: impl AsyncFn() -> Result<TcpStream, String>) -> Answers {
    let mut held = Vec::new();
    let mut answers = Answers::new();
    while held.len() < connections && !target.is_over() {
        match open().await {
            Ok(stream) => held.push(stream),
            Err(why) => {
                *answers.entry(why).or_default() += 1;
                breathe().await;
            }
        }
    }
    target.until_the_end().await;
    sum([answers, fates(held)])
}

async fn halves(target: Target) -> Answers {
    let head = format!(
        "POST /chat/session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        target.address
    );
    hold(&target, HELD, async || {
        let mut stream = target.connect().await?;
        stream.write_all(head.as_bytes()).await.map_err(|_| "closed")?;
        Ok(stream)
    })
    .await
}

/// As many of the longest messages as a visitor may write at once.
async fn long_messages(target: Target) -> Answers {
    let path = format!("/chat/session/{}/messages", target.session);
    let answers = target.many(1, 20, async |target, _| {
        let message = json!({"body": "😀".repeat(10_000), "client_id": Uuid::new_v4()}).to_string();
        format!("long message: {}", target.ask(&post(&target, &path, &message)).await)
    });
    answers.await
}

async fn pages(target: Target) -> Answers {
    let page = get(&target, &format!("/chat/session/{}/messages?limit=200", target.session));
    hold(&target, PAGES, async || {
        let mut stream = target.connect_deaf().await?;
        stream.write_all(&page).await.map_err(|_| "closed")?;
        Ok(stream)
    })
    .await
}

async fn pipelines(target: Target) -> Answers {
    let request = get(&target, &format!("/chat/session/{}/messages?limit=1", target.session));
    let writing = (0..PIPES).map(|_| async {
        let Ok(mut stream) = target.connect_deaf().await else { return (0, None) };
        let mut written = 0;
        // A server that reads no more lets the writer wait.
        while written < PIPELINED && matches!(timeout_at(target.until, stream.write_all(&request)).await, Ok(Ok(()))) {
            written += 1;
        }
        (written, Some(stream))
    });
    let (written, held): (Vec<usize>, Vec<Option<TcpStream>>) = join_all(writing).await.into_iter().unzip();
    target.until_the_end().await;
    let requests = Answers::from([("requests written".to_owned(), written.into_iter().sum())]);
    sum([requests, fates(held.into_iter().flatten().collect())])
}

async fn logins(target: Target) -> Answers {
    target.many(50, 2000, async |target, _| target.ask(&login(&target, STRANGER)).await).await
}

async fn wrong_passwords(target: Target) -> Answers {
    let wrong = Account { password: "incorrect horse battery", ..OPERATOR };
    target.many(16, 120, async |target, _| target.ask(&login(&target, wrong)).await).await
}

async fn abandoned_logins(target: Target) -> Answers {
    target
        .many(64, 1500, async |target, _| match target.connect().await {
            Ok(mut stream) => match stream.write_all(&login(&target, STRANGER)).await {
                Ok(()) => "abandoned".to_owned(),
                Err(_) => "closed".to_owned(),
            },
            Err(why) => why,
        })
        .await
}

async fn sessions(target: Target) -> Answers {
    let most_at_once = 32;
    let opening = (0..most_at_once).map(|_| async {
        let request = post(&target, "/chat/session", r#"{"name":"Mallory"}"#);
        let mut answers = Answers::new();
        while !target.is_over() && answers.values().sum::<usize>() < 20_000 / most_at_once {
            let answer = target.ask(&request).await;
            let is_refused = answer != "201";
            *answers.entry(answer).or_default() += 1;
            if is_refused {
                breathe().await;
            }
        }
        answers
    });
    sum(join_all(opening).await)
}

async fn methods(target: Target) -> Answers {
    let odd = "X".repeat(4000);
    let answers = target
        .many(16, 1000, async |target, number| {
            let request = format!("M{number}{odd} /chat/session HTTP/1.1\r\nHost: {}\r\n\r\n", target.address);
            target.ask(request.as_bytes()).await
        })
        .await;
    sum([answers, Answers::from([("KiB of /metrics".to_owned(), metrics_size(&target).await)])])
}

async fn metrics_size(target: &Target) -> usize {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap_or_default();
    match client.get(format!("http://{}/metrics", target.address)).send().await {
        Ok(answer) => answer.bytes().await.map_or(0, |body| body.len() / 1024),
        Err(_) => 0,
    }
}
