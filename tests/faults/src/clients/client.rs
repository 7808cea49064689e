//! A client that listens for as long as the run goes on: it connects, shows what comes, and comes back with its cursors.

mod hearing;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::account::Account;
use super::link::{Ended, Link, Target};
use super::rest::{ChatsPage, History, Rest, with_jitter};
use super::screen::{CatchUp, Screen};
use super::trace::Trace;
use super::unacked::{Saying, Unacked};
use crate::record::{At, Transport, Who};
use crate::recorder::{Recorder, Viewer};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often it looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A socket says `ping` so often, so that a dead one is found.
const PING_EVERY: Duration = Duration::from_secs(2);
/// A socket that said nothing for so long is dead.
const SOCKET_SILENCE: Duration = Duration::from_secs(6);
/// A stream that said nothing for so long is dead. Its signs of life come at least every 5 s.
const STREAM_SILENCE: Duration = Duration::from_secs(13);
/// What was missed comes within this time, or the client connects anew.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(10);

/// What a client needs.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Whose client it is.
    pub account: Arc<Account>,
    /// How it listens.
    pub transport: Transport,
    /// Its place in the record.
    pub viewer: Viewer,
    /// An address of its own, by which the proxies know it.
    pub from: IpAddr,
    /// The gateways.
    pub gateways: Vec<SocketAddr>,
    /// The chat-services.
    pub rest: Rest,
    /// The record.
    pub recorder: Recorder,
    /// As the report calls it.
    pub name: String,
    /// Where its trace goes.
    pub logs: PathBuf,
}

/// What a client is told to do.
#[derive(Debug)]
pub enum Command {
    /// Write a message over its socket.
    Say(Saying),
    /// Read nothing until this is told, or dropped.
    StopReading(oneshot::Receiver<()>),
}

/// A client.
pub struct Client {
    setting: Setting,
    commands: mpsc::UnboundedReceiver<Command>,
    screen: Screen,
    /// That of the last `connected`, which the cursors on the screen are of.
    epoch: i64,
    unacked: Unacked,
    connection: Connection,
    trace: Trace,
}

/// The state of one connection.
struct Connection {
    number: u32,
    opened_at: At,
    is_open: bool,
    heard: Instant,
    pinged: Instant,
    progress: Instant,
    /// Of each chat that was subscribed to, until `subscribed` comes.
    asked: HashSet<i64>,
    /// The chats of the pages so far: only the first that lists a chat counts.
    listed: HashSet<i64>,
    fetches: JoinSet<Fetched>,
    /// Where a visitor's chat stood when it connected.
    top: i64,
    came_back: bool,
    got_news: bool,
    /// Whether several chats are resumed by one `resume` frame, not by one `subscribe` each. Drawn for each connection.
    resumes: bool,
}

enum Fetched {
    Sessions(Option<Vec<(i64, i64)>>),
    Chats(Option<ChatsPage>),
    History(i64, Option<History>),
}

impl Connection {
    fn new(came_back: bool, opened_at: At) -> Self {
        let now = Instant::now();
        Self {
            number: 0,
            opened_at,
            is_open: false,
            heard: now,
            pinged: now,
            progress: now,
            asked: HashSet::new(),
            listed: HashSet::new(),
            fetches: JoinSet::new(),
            top: 0,
            came_back,
            got_news: false,
            resumes: came_back && rand::rng().random(),
        }
    }
}

impl Client {
    /// A client that has not connected yet, and what commands it.
    #[must_use]
    pub fn new(setting: Setting) -> (Self, mpsc::UnboundedSender<Command>) {
        let (sender, commands) = mpsc::unbounded_channel();
        let catch_up = match (setting.account.who, setting.transport) {
            (Who::Visitor { .. }, _) => CatchUp::AtConnect,
            (Who::Staff { .. }, Transport::WebSocket) => CatchUp::SubscribeAsStaff,
            (_, Transport::WebSocket) => CatchUp::Subscribe,
            (_, Transport::EventStream) => CatchUp::Read,
        };
        let (screen, unacked) = (Screen::new(catch_up), Unacked::default());
        let trace = Trace::open(&setting.logs, &setting.name);
        (
            Self { setting, commands, screen, epoch: 1, unacked, connection: Connection::new(false, At::ZERO), trace },
            sender,
        )
    }

    /// Listens until it is dropped.
    pub async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let ended = self.connect_and_listen().await;
            self.trace.ended(self.setting.recorder.now(), &ended);
            self.note(&ended);
            if self.connection.is_open {
                wait = FIRST_WAIT;
            }
            match ended {
                Ended::TokenExpired => self.setting.account.renew(&self.setting.rest).await,
                _ => sleep(with_jitter(wait)).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn note(&self, ended: &Ended) {
        let Setting { recorder, viewer, .. } = &self.setting;
        let how = match ended {
            Ended::Broken if !self.connection.is_open => "not opened".to_owned(),
            Ended::Broken => "broken".to_owned(),
            Ended::Closed(code) => code.to_string(),
            Ended::TokenExpired => "4001".to_owned(),
            Ended::GivenUp => "given up".to_owned(),
            Ended::Final(why) => {
                recorder.refusal(*viewer, why);
                "final".to_owned()
            }
        };
        recorder.ended(*viewer, how);
    }

    async fn connect_and_listen(&mut self) -> Ended {
        let has_cursor = self.screen.cursors().values().any(|cursor| *cursor > 0);
        self.connection = Connection::new(has_cursor, self.setting.recorder.now());
        self.screen.connected();
        self.trace.opens(self.setting.recorder.now(), &format!("{:?}", self.screen.cursors()));
        match self.open().await {
            Ok(link) => self.listen(link).await,
            Err(ended) => ended,
        }
    }

    async fn open(&self) -> Result<Link, Ended> {
        let Setting { account, transport, gateways, .. } = &self.setting;
        let to = gateways[rand::rng().random_range(0..gateways.len())];
        let mut path = account.channel_path(*transport);
        let mut last_event_id = None;
        match account.who {
            Who::Visitor { session } => {
                let (epoch, cursor) = (self.epoch, self.screen.cursor(session));
                // A browser's EventSource sends the header by itself; other clients give the address.
                if *transport == Transport::EventStream && cursor > 0 && rand::rng().random() {
                    last_event_id = Some(format!("{epoch}:{cursor}"));
                } else {
                    path.push_str(&format!("&after={epoch}:{cursor}"));
                }
            }
            Who::Staff { .. } | Who::User { .. } => {
                let last = self.screen.cursors().iter().next_back();
                last_event_id = last.map(|(chat, seq)| format!("{}:{chat}:{seq}", self.epoch));
                if self.resumes() {
                    path.push_str("&resume=1");
                }
            }
        }
        let target = Target { from: self.setting.from, to, path: &path, last_event_id: last_event_id.as_deref() };
        Link::open(*transport, target).await
    }

    async fn listen(&mut self, mut link: Link) -> Ended {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Err(ended) = self.resume(&mut link).await {
            return ended;
        }
        loop {
            let going = tokio::select! {
                came = link.next() => match came {
                    Ok(frame) => self.hear(&mut link, frame).await,
                    Err(ended) => Err(ended),
                },
                Some(command) = self.commands.recv() => self.obey(&mut link, command).await,
                Some(Ok(fetched)) = self.connection.fetches.join_next() => self.fetched(&mut link, fetched).await,
                _ = tick.tick() => self.look(&mut link).await,
            };
            if let Err(ended) = going {
                return ended;
            }
        }
    }

    fn resumes(&self) -> bool {
        let is_visitor = matches!(self.setting.account.who, Who::Visitor { .. });
        self.connection.resumes && !is_visitor && self.setting.transport == Transport::WebSocket
    }

    /// All cursors in the first frame.
    async fn resume(&mut self, link: &mut Link) -> Result<(), Ended> {
        if !self.resumes() {
            return Ok(());
        }
        let mut cursors = self.screen.cursors().clone();
        cursors.keys().for_each(|chat| self.screen.resumed(*chat));
        // Who has thousands needs several frames; who has few may take as many.
        while rand::rng().random()
            && let Some((chat, seq)) = cursors.pop_first()
        {
            let cursors = json!({chat.to_string(): seq});
            link.send(&json!({"type": "resume", "cursors": cursors, "epoch": self.epoch, "more": true})).await?;
        }
        link.send(&json!({"type": "resume", "cursors": cursors, "epoch": self.epoch})).await
    }

    async fn obey(&mut self, link: &mut Link, command: Command) -> Result<(), Ended> {
        match command {
            Command::Say(saying) => {
                self.unacked.add(saying);
                if self.connection.is_open { self.write_what_is_due(link).await } else { Ok(()) }
            }
            Command::StopReading(until) => {
                let _told_or_dropped = until.await;
                let now = Instant::now();
                (self.connection.heard, self.connection.progress) = (now, now);
                Ok(())
            }
        }
    }

    async fn write_what_is_due(&mut self, link: &mut Link) -> Result<(), Ended> {
        for (letter, frame) in self.unacked.due() {
            self.setting.recorder.tries(letter);
            link.send(&frame).await?;
        }
        Ok(())
    }

    async fn look(&mut self, link: &mut Link) -> Result<(), Ended> {
        let silence = match self.setting.transport {
            Transport::WebSocket => SOCKET_SILENCE,
            Transport::EventStream => STREAM_SILENCE,
        };
        let is_waiting = !self.connection.is_open || self.screen.is_waiting();
        let is_stuck = is_waiting && self.connection.progress.elapsed() > CATCH_UP_PATIENCE;
        if self.connection.heard.elapsed() > silence || is_stuck {
            return Err(Ended::GivenUp);
        }
        if self.connection.is_open {
            self.write_what_is_due(link).await?;
        }
        if self.connection.pinged.elapsed() > PING_EVERY {
            self.connection.pinged = Instant::now();
            link.send(&json!({"type": "ping"})).await?;
        }
        Ok(())
    }
}
