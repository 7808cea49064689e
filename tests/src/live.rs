//! A live connection of any transport. It comes back from where it was as docs/protocol.md says: with `after` or
//! `resume` on a WebSocket; with its cursors in a poll; on an event stream with `Last-Event-ID`, and where there are many chats with
//! `POST /chats/changes` and a read of each chat that changed.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::order::chat_of;
use crate::{EventStream, Gateway, Person, Poller, Socket};

/// Messages of a page that is read by REST: small, so that there are several.
const PAGE: usize = 50;

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Server-sent events.
    EventStream,
    /// One request after the other.
    Polling,
}

/// How far a connection of one chat had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last seq that it saw.
    pub seq: i64,
    /// The epoch that its `connected` named.
    pub epoch: i64,
}

/// An open connection.
#[derive(Debug)]
pub struct Live {
    carrier: Carrier,
    /// Its first frame.
    pub connected: Value,
    /// Came while something else was awaited.
    unread: VecDeque<Value>,
    /// By chat, the last seq that was seen.
    seen: BTreeMap<i64, i64>,
    /// By chat, how far it was read by REST: an event stream may bring that once more.
    read: BTreeMap<i64, i64>,
}

#[derive(Debug)]
enum Carrier {
    Socket(Box<Socket>),
    Stream(EventStream),
    Poller(Box<Poller>),
}

/// What a connection of many chats was told when it came back.
#[derive(Debug, Default)]
pub struct Resumed {
    /// What was missed, as frames.
    pub frames: Vec<Value>,
    /// By reason, the chats whose cursors were not honoured.
    pub refused: BTreeMap<String, Vec<i64>>,
    /// By chat, how far it came with that.
    pub reached: BTreeMap<i64, i64>,
}

impl Live {
    /// One that is told only what is new.
    pub async fn open(transport: Transport, gateway: &Gateway, person: &impl Person) -> Self {
        Self::begin(match transport {
            Transport::WebSocket => Carrier::socket(gateway, &person.proof()).await,
            Transport::EventStream => Carrier::stream(gateway, &person.proof(), None).await,
            Transport::Polling => Carrier::Poller(Box::new(Poller::new(gateway, &person.proof()))),
        })
        .await
    }

    /// One that is first told what its only chat has after a position.
    pub async fn come_back(transport: Transport, gateway: &Gateway, person: &impl Person, from: Position) -> Self {
        let Position { seq, epoch } = from;
        let (proof, id) = (person.proof(), format!("{epoch}:{seq}"));
        Self::begin(match transport {
            Transport::WebSocket => Carrier::socket(gateway, &format!("{proof}&after={seq}&epoch={epoch}")).await,
            Transport::EventStream => Carrier::stream(gateway, &proof, Some(&id)).await,
            Transport::Polling => Carrier::Poller(Box::new(Poller::new(gateway, &format!("{proof}&after={id}")))),
        })
        .await
    }

    /// One of many chats, that goes on with [`Self::resume`].
    pub async fn come_back_to_many(transport: Transport, gateway: &Gateway, person: &impl Person) -> Self {
        match transport {
            Transport::WebSocket => {
                Self::begin(Carrier::socket(gateway, &format!("{}&resume=1", person.proof())).await).await
            }
            Transport::EventStream => {
                // The last event names one chat of many.
                let mut live = Self::begin(Carrier::stream(gateway, &person.proof(), Some("1:1:1")).await).await;
                let resync = live.next_of("resync").await;
                assert_eq!((&resync["why"], &resync["chats"]), (&"several".into(), &json!([])));
                live
            }
            Transport::Polling => Self::open(transport, gateway, person).await,
        }
    }

    async fn begin(mut carrier: Carrier) -> Self {
        let connected = carrier.next().await;
        assert_eq!(connected["type"], "connected", "{connected}");
        let mut live = Self {
            carrier,
            connected: connected.clone(),
            unread: VecDeque::new(),
            seen: BTreeMap::new(),
            read: BTreeMap::new(),
        };
        live.saw(&connected);
        live
    }

    /// Where a client with one chat would come back from.
    #[must_use]
    pub fn position(&self) -> Position {
        let seq = match &self.carrier {
            Carrier::Socket(_) | Carrier::Poller(_) => *self.seen.values().next().expect("a frame of its chat"),
            Carrier::Stream(stream) => {
                let id = stream.last_id.as_ref().expect("an event with an id");
                let seq = id.strip_prefix(&format!("{}:", self.epoch())).and_then(|seq| seq.parse().ok());
                seq.unwrap_or_else(|| panic!("not a stream of one chat: {id}"))
            }
        };
        assert_eq!(
            (self.seen.len(), self.seen.values().next()),
            (1, Some(&seq)),
            "the last id is that of the last event"
        );
        Position { seq, epoch: self.epoch() }
    }

    /// Of the database that it was connected to.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.connected["data"]["epoch"].as_i64().expect("an epoch")
    }

    /// The next frame that is not a ping, nor tells what was read by REST before.
    pub async fn next(&mut self) -> Value {
        if let Some(frame) = self.unread.pop_front() {
            return frame;
        }
        loop {
            let frame = self.carrier.next().await;
            if !self.was_read(&frame) {
                self.saw(&frame);
                return frame;
            }
        }
    }

    fn was_read(&self, frame: &Value) -> bool {
        let read = chat_of(frame).and_then(|chat| self.read.get(&chat));
        read.is_some_and(|read| frame["seq"].as_i64().is_some_and(|seq| seq <= *read))
    }

    fn saw(&mut self, frame: &Value) {
        if let (Some(chat), Some(seq)) = (chat_of(frame), frame["seq"].as_i64()) {
            self.seen.insert(chat, seq);
        }
    }

    /// The next frame of that type; others are passed over.
    pub async fn next_of(&mut self, frame_type: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == frame_type {
                return frame;
            }
        }
    }

    /// Everything up to the frame of that message: what came before it in its chat is not missed any more.
    pub async fn up_to(&mut self, message: &Value) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.next().await);
            if frames.last().is_some_and(|frame| frame["data"]["id"] == message["id"]) {
                return frames;
            }
        }
    }

    /// Gets what changed in many chats after these cursors. What is new meanwhile comes behind it.
    pub async fn resume(&mut self, person: &impl Person, cursors: &BTreeMap<i64, i64>) -> Resumed {
        if let Carrier::Socket(socket) = &mut self.carrier {
            let epoch = self.connected["data"]["epoch"].clone();
            socket.send(json!({"type": "resume", "epoch": epoch, "cursors": cursors})).await;
            return self.resumed_by_frames().await;
        }
        let epoch = self.epoch();
        if let Carrier::Poller(poller) = &mut self.carrier {
            **poller = poller.clone().from(cursors.clone(), epoch);
            let mut resumed = self.resumed_by_frames().await;
            // It names cursors that rose alone, and may have come with a later answer.
            if let Carrier::Poller(poller) = &self.carrier {
                resumed.reached = poller.cursors();
                resumed.reached.retain(|chat, _| cursors.contains_key(chat));
            }
            return resumed;
        }
        self.resumed_by_rest(person, cursors).await
    }

    async fn resumed_by_frames(&mut self) -> Resumed {
        let mut resumed = Resumed::default();
        loop {
            let frame = self.next().await;
            match frame["type"].as_str() {
                Some("resumed") => {
                    resumed.reached = serde_json::from_value(frame["cursors"].clone()).expect("cursors");
                    return resumed;
                }
                Some("resync") => {
                    let why = frame["why"].as_str().expect("a reason").to_owned();
                    resumed.refused.insert(why, numbers(&frame["chats"]));
                }
                _ => resumed.frames.push(frame),
            }
        }
    }

    /// The stream stands already, so what changes after this is read comes there.
    async fn resumed_by_rest(&mut self, person: &impl Person, cursors: &BTreeMap<i64, i64>) -> Resumed {
        let changes = person.rest().post("/chats/changes", person.token(), json!({"cursors": cursors})).await.good();
        assert_eq!(changes["epoch"], self.epoch(), "{changes}");
        let mut resumed = Resumed { reached: cursors.clone(), ..Resumed::default() };
        for why in ["gone", "ahead"] {
            let chats = numbers(&changes[why]);
            resumed.reached.retain(|chat, _| !chats.contains(chat));
            if !chats.is_empty() {
                resumed.refused.insert(why.to_owned(), chats);
            }
        }
        for changed in changes["chats"].as_array().expect("chats") {
            let chat = changed["chat_id"].as_i64().expect("a chat");
            let (frames, next) = history(person, chat, cursors[&chat]).await;
            resumed.frames.extend(frames);
            resumed.reached.insert(chat, next);
        }
        self.read.clone_from(&resumed.reached);
        resumed
    }
}

impl Carrier {
    async fn socket(gateway: &Gateway, query: &str) -> Self {
        Self::Socket(Box::new(Socket::open(gateway, &format!("/channel/ws?{query}")).await))
    }

    async fn stream(gateway: &Gateway, query: &str, last_id: Option<&str>) -> Self {
        Self::Stream(EventStream::open(gateway, &format!("/channel/sse?{query}"), last_id).await)
    }

    async fn next(&mut self) -> Value {
        match self {
            Self::Socket(socket) => socket.next().await,
            Self::Stream(stream) => stream.next().await,
            Self::Poller(poller) => poller.next().await,
        }
    }
}

/// What a chat has after a cursor, read in pages, as frames; and how far that goes.
async fn history(person: &impl Person, chat: i64, after: i64) -> (Vec<Value>, i64) {
    let (mut frames, mut cursor) = (Vec::new(), after);
    loop {
        let path = format!("{}?after_seq={cursor}&limit={PAGE}", person.messages_path(chat));
        let page = person.rest().get(&path, person.token()).await.good();
        cursor = page["seq"].as_i64().expect("a cursor");
        frames.extend(page["messages"].as_array().expect("messages").iter().map(frame_of));
        if page["has_more"] == false {
            return (frames, cursor);
        }
    }
}

fn frame_of(message: &Value) -> Value {
    json!({"type": "chat.message", "chat_id": message["chat_id"], "seq": message["changed_seq"], "data": message})
}

fn numbers(list: &Value) -> Vec<i64> {
    list.as_array().expect("a list").iter().map(|number| number.as_i64().expect("a number")).collect()
}
