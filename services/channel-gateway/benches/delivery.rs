//! What the profile of a fan-out shows as the gateway's own: encoding a frame, finding a chat's listeners among many, and
//! handing a frame to each. Nothing is sent: `make bench` measures what the kernel does.
//!
//! `cargo bench --package channel-gateway`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_http::ws::OpCode;
use async_trait::async_trait;
use bus::{BusError, Envelope, Incoming, PubSub};
use bytes::Bytes;
use channel_gateway::GatewayMetrics;
use channel_gateway::Heartbeat;
use channel_gateway::inside::{
    ChatFrame, Connection, Decoder, Frame, Grant, History, Hub, HubParts, Identity, Outlet, Watch, encode,
};
use channel_gateway::{Answer, ChatService};
use chat_events::frame::CloseCode;
use chat_events::gateway_api::{
    Accounts, AccountsRequest, Changes, ChangesRequest, Clients, ClientsRequest, CommandOutcome, CommandRequest,
    OperatorsRequest, Principal, Revocations, RevocationsRequest, Sites, SyncPage, SyncRequest, Tops, TopsRequest,
};
use chat_events::names::Channel;
use chat_events::{
    ChatId, ChatKind, Epoch, ErrorBody, ErrorCode, Event, EventKind, Lane, Seq, Signal, UserId, Visibility,
};
use chrono::Utc;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use telemetry::{Health, Metrics, Vital};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};

fn main() {
    divan::main();
}

/// A message of 200 characters, as the relay publishes it.
fn event(chat: i64, seq: i64) -> Event {
    let body = "x".repeat(200);
    let data = format!(
        r#"{{"id":{seq},"chat_id":{chat},"seq":{seq},"sender_type":"user","sender_id":7,"sender_name":"Ann","body":"{body}","client_id":"6f2c1e9a-0d43-4c57-9b1f-0e8f6a5f3c21","visibility":"public","created_at":"2026-11-21T10:21:07.123456Z","edited_at":null,"is_deleted":false}}"#
    );
    Event {
        epoch: Epoch(1),
        kind: EventKind::MessageSent,
        chat_id: ChatId(chat),
        chat_kind: ChatKind::Group,
        seq: Seq(seq),
        visibility: Visibility::Public,
        site_id: None,
        assigned_user_id: None,
        user_ids: Vec::new(),
        committed_at: Utc::now(),
        traceparent: None,
        data: RawValue::from_string(data).expect("JSON"),
        activity: None,
    }
}

#[divan::bench]
fn a_frame_is_encoded_from_an_event(bencher: Bencher<'_, '_>) {
    let event = event(1, 1);
    bencher.bench(|| ChatFrame::of_event(black_box(&event)));
}

#[divan::bench(args = [100, 600, 70_000])]
fn a_text_is_framed(bencher: Bencher<'_, '_>, length: usize) {
    let text = "x".repeat(length);
    bencher.counter(divan::counter::BytesCount::of_str(&text)).bench(|| encode(OpCode::Text, text.as_bytes()));
}

#[divan::bench]
fn a_frame_of_a_client_is_read(bencher: Bencher<'_, '_>) {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let text = format!(r#"{{"type":"send","chat_id":1,"client_id":"1","body":"{}"}}"#, "x".repeat(60));
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short frame");
    let masked = text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let wire: Vec<u8> = [0x81, 128 | length].into_iter().chain(MASK).chain(masked).collect();
    let mut decoder = Decoder::new(64 * 1024);
    bencher.bench_local(move || {
        decoder.feed(black_box(&wire));
        decoder.next_message()
    });
}

/// One event after the other, each to the only listener of one among so many chats.
#[divan::bench(args = [100, 20_000], sample_count = 50)]
fn an_event_finds_its_chat_among(bencher: Bencher<'_, '_>, chats: i64) {
    Stage::new(chats, 1).run(bencher, 1000);
}

/// One event to so many listeners of a chat; an item is a delivery.
#[divan::bench(args = [1, 100, 5000], sample_count = 50)]
fn an_event_is_handed_to(bencher: Bencher<'_, '_>, listeners: i64) {
    Stage::new(1, listeners).run(bencher, 20);
}

/// A hub with its listeners, and no bus around it.
struct Stage {
    runtime: Runtime,
    incoming: mpsc::Sender<Incoming>,
    counter: Arc<Counter>,
    listeners: i64,
    script: Script,
}

/// What happens next, in a chat far from the one before.
struct Script {
    chats: i64,
    /// The last event of each chat.
    seqs: Vec<i64>,
    number: i64,
}

impl Iterator for Script {
    type Item = Incoming;

    fn next(&mut self) -> Option<Incoming> {
        self.number += 1;
        let chat = self.number * 7919 % self.chats + 1;
        let seq = &mut self.seqs[usize::try_from(chat).ok()?];
        *seq += 1;
        Some(Incoming::Event(Envelope { lane: Lane(0), event: event(chat, *seq), json: Bytes::new() }))
    }
}

/// Counts deliveries, and tells when there are enough.
#[derive(Default)]
struct Counter {
    left: AtomicUsize,
    done: Notify,
}

struct Counted(Arc<Counter>);

impl Outlet for Counted {
    fn send(&self, frame: &Frame, _at: Option<(ChatId, Seq)>) {
        black_box(frame.wire());
        if self.0.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.done.notify_one();
        }
    }

    fn close_until(&self, _code: CloseCode, _back_in: Option<Duration>) {}

    fn below(&self, _bytes: usize) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn is_closed(&self) -> bool {
        false
    }
}

impl Stage {
    fn new(chats: i64, listeners: i64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (metrics, health) = (Metrics::new(), Health::new());
        let gateway_metrics = GatewayMetrics::new(&metrics);
        let (pubsub, chat_service): (Arc<dyn PubSub>, Arc<dyn ChatService>) = (Arc::new(Nobody), Arc::new(Nobody));
        let (hub, _invitations) = Hub::new(HubParts {
            pubsub: pubsub.clone(),
            chat_service: chat_service.clone(),
            history: Arc::new(History::new(pubsub, chat_service, gateway_metrics.clone())),
            metrics: gateway_metrics,
            heartbeat: Heartbeat::new(health.delaying_part("pipeline"), &metrics),
            runtime: runtime.handle().clone(),
            vital: Vital::new(),
            tasks: 1,
        });
        let (hub, counter) = (Arc::new(hub), Arc::<Counter>::default());
        runtime.block_on(async {
            for chat in 1..=chats {
                for listener in 1..=listeners {
                    let connection = connection(listener, &counter);
                    connection.watch(ChatId(chat), Watch::live(ChatKind::Group, Seq::ZERO));
                    hub.attach(ChatId(chat), &connection).await.expect("nobody refuses");
                }
                assert_eq!(hub.joined(ChatId(chat), ChatKind::Group, Seq::ZERO), None);
            }
        });
        let (incoming, queue) = mpsc::channel(1024);
        runtime.spawn(hub.run(vec![queue]));
        let script = Script { chats, seqs: vec![0; usize::try_from(chats).expect("few") + 1], number: 0 };
        Self { runtime, incoming, counter, listeners, script }
    }

    /// Measures so many events at a time.
    fn run(self, bencher: Bencher<'_, '_>, events: usize) {
        let Self { runtime, incoming, counter, listeners, mut script } = self;
        let deliveries = events * usize::try_from(listeners).expect("few");
        let batch = || -> Vec<_> { script.by_ref().take(events).collect() };
        bencher.counter(ItemsCount::new(deliveries)).with_inputs(batch).bench_local_values(|batch| {
            counter.left.store(deliveries, Ordering::Relaxed);
            runtime.block_on(async {
                for item in batch {
                    assert!(incoming.send(item).await.is_ok(), "the hub runs");
                }
                counter.done.notified().await;
            });
        });
    }
}

fn connection(user: i64, counter: &Arc<Counter>) -> Arc<Connection> {
    let connection = Connection::new(user.to_string(), "websocket", Arc::new(Counted(counter.clone())), true);
    let grant = Grant { expires_at: Instant::now() + Duration::from_secs(3600), token_made_at: 0, token: None };
    connection.prove(Identity { principal: Principal::User { user_id: UserId(user) }, grant });
    Arc::new(connection)
}

/// Nobody is asked for anything: no event is missing.
struct Nobody;

#[async_trait]
impl PubSub for Nobody {
    async fn subscribe(&self, _channels: &[Channel]) -> Result<(), BusError> {
        Ok(())
    }

    async fn unsubscribe(&self, _channels: &[Channel]) -> Result<(), BusError> {
        Ok(())
    }

    fn signal(&self, _signal: Signal) {}

    fn is_connected(&self) -> bool {
        true
    }

    fn renew(&self) {}
}

fn nobody<T>() -> Answer<T> {
    Err(ErrorBody::new(ErrorCode::Unavailable, "nobody is there"))
}

#[async_trait]
impl ChatService for Nobody {
    async fn accounts(&self, _ask: AccountsRequest) -> Answer<Accounts> {
        nobody()
    }

    async fn sync(&self, _ask: SyncRequest) -> Answer<SyncPage> {
        nobody()
    }

    async fn command(&self, _ask: CommandRequest) -> Answer<CommandOutcome> {
        nobody()
    }

    async fn clients(&self, _ask: ClientsRequest) -> Answer<Clients> {
        nobody()
    }

    async fn tops(&self, _ask: TopsRequest) -> Answer<Tops> {
        nobody()
    }

    async fn changes(&self, _ask: ChangesRequest) -> Answer<Changes> {
        nobody()
    }

    async fn revocations(&self, _ask: RevocationsRequest) -> Answer<Revocations> {
        nobody()
    }

    async fn sites(&self) -> Answer<Sites> {
        nobody()
    }

    async fn operators(&self, _ask: OperatorsRequest) -> Answer<()> {
        nobody()
    }
}
