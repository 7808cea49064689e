//! A hub with connections that write down their frames, and nothing around it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bus::{BusError, Envelope, Inlets, PubSub};
use bytes::Bytes;
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
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use telemetry::{Health, Metrics, Vital};
use tokio::runtime::Handle;

use super::{Hub, Parts};
use crate::auth::credentials::{Grant, Identity};
use crate::catch_up::history::History;
use crate::catch_up::watch::Watch;
use crate::chat_service::{Answer, ChatService};
use crate::connection::Connection;
use crate::ops::heartbeat::Heartbeat;
use crate::ops::metrics::GatewayMetrics;
use crate::transport::Outlet;
use crate::transport::frames::Frame;

const LARGE: ChatId = ChatId(1);
const SMALL: ChatId = ChatId(2);
const GROUP: ChatKind = ChatKind::Group;

/// There is no bus, and nobody to ask.
struct Nobody;

#[async_trait]
impl PubSub for Nobody {
    async fn subscribe(&self, _: &[Channel]) -> Result<(), BusError> {
        Ok(())
    }
    async fn unsubscribe(&self, _: &[Channel]) -> Result<(), BusError> {
        Ok(())
    }
    fn signal(&self, _: Signal) {}
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
    async fn accounts(&self, _: AccountsRequest) -> Answer<Accounts> {
        nobody()
    }
    async fn sync(&self, _: SyncRequest) -> Answer<SyncPage> {
        nobody()
    }
    async fn command(&self, _: CommandRequest) -> Answer<CommandOutcome> {
        nobody()
    }
    async fn clients(&self, _: ClientsRequest) -> Answer<Clients> {
        nobody()
    }
    async fn tops(&self, _: TopsRequest) -> Answer<Tops> {
        nobody()
    }
    async fn changes(&self, _: ChangesRequest) -> Answer<Changes> {
        nobody()
    }
    async fn revocations(&self, _: RevocationsRequest) -> Answer<Revocations> {
        nobody()
    }
    async fn sites(&self) -> Answer<Sites> {
        nobody()
    }
    async fn operators(&self, _: OperatorsRequest) -> Answer<()> {
        nobody()
    }
}

/// The frames that were sent, in order: the user, the chat, the position.
type Sent = Arc<Mutex<Vec<(i64, ChatId, Seq)>>>;

struct Written {
    user: i64,
    sent: Sent,
}

impl Outlet for Written {
    fn send(&self, _: &Frame, at: Option<(ChatId, Seq)>) {
        if let Some((chat, seq)) = at {
            self.sent.lock().expect("nobody panics").push((self.user, chat, seq));
        }
    }
    fn close_until(&self, _: CloseCode, _: Option<Duration>) {}
    fn below(&self, _: usize) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
    fn is_closed(&self) -> bool {
        false
    }
}

struct Stage {
    hub: Arc<Hub>,
    inlets: Inlets,
    sent: Sent,
}

impl Stage {
    /// A hub with so many tasks.
    fn new(tasks: usize) -> Self {
        let (metrics, health) = (Metrics::new(), Health::new());
        let counts = GatewayMetrics::new(&metrics);
        let (hub, _invitations) = Hub::new(Parts {
            pubsub: Arc::new(Nobody),
            chat_service: Arc::new(Nobody),
            history: Arc::new(History::new(Arc::new(Nobody), Arc::new(Nobody), counts.clone())),
            metrics: counts,
            heartbeat: Heartbeat::new(health.delaying_part("pipeline"), &metrics),
            runtime: Handle::current(),
            vital: Vital::new(),
            tasks,
        });
        let hub = Arc::new(hub);
        let (inlets, incoming) = Inlets::new(tasks);
        tokio::spawn(hub.clone().run(incoming));
        Self { hub, inlets, sent: Sent::default() }
    }

    /// A user who has read a chat up to here and listens.
    async fn listens(&self, user: i64, chats: &[ChatId], read: Seq) -> Arc<Connection> {
        let outlet = Arc::new(Written { user, sent: self.sent.clone() });
        let connection = Connection::new(user.to_string(), "websocket", outlet, true);
        let grant = Grant { expires_at: Instant::now() + Duration::from_secs(3600), token_made_at: 0, token: None };
        connection.prove(Identity { principal: Principal::User { user_id: UserId(user) }, grant });
        let connection = Arc::new(connection);
        for chat in chats {
            connection.watch(*chat, Watch::live(GROUP, read));
            self.hub.attach(*chat, &connection).await.expect("nobody refuses");
            assert_eq!(self.hub.joined(*chat, GROUP, read), None);
        }
        connection
    }

    async fn comes(&self, chat: ChatId, seq: i64, kind: EventKind, users: &[i64]) {
        let event = Event {
            epoch: Epoch(1),
            kind,
            chat_id: chat,
            chat_kind: GROUP,
            seq: Seq(seq),
            visibility: Visibility::Public,
            site_id: None,
            assigned_user_id: None,
            user_ids: users.iter().map(|id| UserId(*id)).collect(),
            committed_at: Utc::now(),
            traceparent: None,
            data: RawValue::from_string("{}".to_owned()).expect("JSON"),
            activity: None,
        };
        let event = Envelope { lane: Lane(0), event, json: Bytes::new() };
        assert!(self.inlets.try_send(bus::Incoming::Event(event)), "there is room");
    }

    async fn message(&self, chat: ChatId, seq: i64) {
        self.comes(chat, seq, EventKind::MessageSent, &[]).await;
    }

    fn sent(&self) -> Vec<(i64, ChatId, Seq)> {
        self.sent.lock().expect("nobody panics").clone()
    }

    /// Lets the hub go on until so much was sent.
    async fn until(&self, count: usize) -> Vec<(i64, ChatId, Seq)> {
        let wait = async {
            while self.sent().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the hub goes on");
        self.sent()
    }
}

fn of_chat(sent: &[(i64, ChatId, Seq)], chat: ChatId) -> Vec<(i64, Seq)> {
    sent.iter().filter(|(_, of, _)| *of == chat).map(|(user, _, seq)| (*user, *seq)).collect()
}

#[tokio::test]
async fn a_small_chat_does_not_wait_for_a_delivery_to_thousands() {
    let stage = Stage::new(1);
    for user in 0..1000 {
        stage.listens(user, &[LARGE], Seq::ZERO).await;
    }
    stage.listens(5000, &[SMALL], Seq::ZERO).await;
    stage.message(LARGE, 1).await;
    stage.message(LARGE, 2).await;
    stage.until(1).await;
    stage.message(SMALL, 1).await;
    let sent = stage.until(2001).await;
    let small = sent.iter().position(|(_, chat, _)| *chat == SMALL).expect("it came");
    assert!(small < 300, "it came after {small} others");
    let large = of_chat(&sent, LARGE);
    for user in 0..1000 {
        let own: Vec<i64> = large.iter().filter(|(of, _)| *of == user).map(|(_, seq)| seq.0).collect();
        assert_eq!(own, [1, 2], "to {user}, once and in order");
    }
}

#[tokio::test]
async fn who_comes_goes_or_is_removed_between_two_portions_gets_what_it_should() {
    let stage = Stage::new(1);
    let mut connections = Vec::new();
    for user in 0..500 {
        connections.push(stage.listens(user, &[LARGE], Seq::ZERO).await);
    }
    stage.message(LARGE, 1).await;
    stage.until(1).await;
    let served = |sent: &[(i64, ChatId, Seq)], user: i64| sent.iter().any(|(of, ..)| *of == user);
    let unserved = (0..500).rfind(|user| !served(&stage.sent(), *user)).expect("a portion is not all");
    // One leaves, its transport is gone; one comes and has read the change that is on its way; one is removed by the
    // next change.
    let gone = &connections[usize::try_from(unserved).expect("few")];
    gone.mark_gone();
    gone.unwatch_all();
    stage.hub.detach(LARGE, gone);
    stage.listens(900, &[LARGE], Seq(1)).await;
    stage.comes(LARGE, 2, EventKind::MemberRemoved, &[3]).await;
    stage.message(LARGE, 3).await;
    let sent = of_chat(&stage.until(499 + 500 + 499).await, LARGE);
    let own = |user: i64| -> Vec<i64> { sent.iter().filter(|(of, _)| *of == user).map(|(_, seq)| seq.0).collect() };
    for user in (0..500).filter(|user| *user != unserved && *user != 3) {
        assert_eq!(own(user), [1, 2, 3], "to {user}");
    }
    assert_eq!((own(unserved), own(900), own(3)), (vec![], vec![2, 3], vec![1, 2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_socket_in_chats_of_several_tasks_gets_each_chat_in_order() {
    let stage = Stage::new(4);
    let chats: Vec<ChatId> = (1..=12).map(ChatId).collect();
    for user in 0..100 {
        stage.listens(user, &chats, Seq::ZERO).await;
    }
    for seq in 1..=20 {
        for chat in &chats {
            stage.message(*chat, seq).await;
        }
    }
    let sent = stage.until(100 * 12 * 20).await;
    assert_eq!(sent.len(), 100 * 12 * 20, "each once");
    for chat in &chats {
        let of_chat = of_chat(&sent, *chat);
        for user in 0..100 {
            let own: Vec<i64> = of_chat.iter().filter(|(of, _)| *of == user).map(|(_, seq)| seq.0).collect();
            assert_eq!(own, (1..=20).collect::<Vec<_>>());
        }
    }
}
