//! What is measured: each a server process of its own, on a core of its own.
//!
//! - `floor`: the least that a server can do; `peer`: servers that others would build
//! - `switchboard`: the gateway with the rest of its system; [`scene`]: who is there

mod floor;
mod peer;
pub(crate) mod scene;
mod switchboard;

use std::ops::Range;
use std::path::Path;

use floor::Floor;
use peer::{Peer, PeerKind};
use scene::Scene;
use switchboard::Switchboard;
use test_support::Program;

use super::crowd::seat::Guest;

/// One of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nothing but `write`.
    Floor,
    /// The gateway of the distributed shape, with users who share a chat.
    Switchboard,
    /// The same with two pollers, on the one core.
    TwoPollers,
    /// The same with users who come back with resume tickets. Only their connects are measured.
    Returning,
    /// The same with visitors, each in a session of its own. Only their connects are measured.
    Visitors,
    /// Another server.
    Peer(PeerKind),
}

impl Kind {
    /// All, in the order of a round.
    pub(crate) const ALL: [Self; 8] = [
        Self::Floor,
        Self::Switchboard,
        Self::TwoPollers,
        Self::Returning,
        Self::Visitors,
        Self::Peer(PeerKind::Ws),
        Self::Peer(PeerKind::SocketIo),
        Self::Peer(PeerKind::FastApi),
    ];

    /// For the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare write (floor)",
            Self::Switchboard => "Switchboard",
            Self::TwoPollers => "Switchboard, two pollers",
            Self::Returning => "Switchboard, users with a ticket",
            Self::Visitors => "Switchboard, visitors",
            Self::Peer(PeerKind::Ws) => "npm ws + Redis",
            Self::Peer(PeerKind::SocketIo) => "Socket.IO + Redis",
            Self::Peer(PeerKind::FastApi) => "FastAPI + Redis",
        }
    }

    /// For the command line.
    pub(crate) fn short_name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Switchboard => "switchboard",
            Self::TwoPollers => "two-pollers",
            Self::Returning => "returning",
            Self::Visitors => "visitors",
            Self::Peer(kind) => kind.folder(),
        }
    }

    /// Whether a message goes to all of its connections.
    pub(crate) fn has_messages(self) -> bool {
        !matches!(self, Self::Returning | Self::Visitors)
    }

    /// Starts it for that many connections.
    pub(crate) async fn start(self, connections: usize) -> anyhow::Result<Subject> {
        Ok(match self {
            Self::Floor => Subject::Floor(Floor::start().await?),
            Self::Switchboard => Subject::on_stage(Scene::Group { users: connections }).await?,
            Self::TwoPollers => {
                let switchboard = Switchboard::start(Scene::Group { users: connections }, Some(2)).await?;
                Subject::Switchboard(Box::new(switchboard))
            }
            Self::Returning => Subject::on_stage(Scene::Returning { users: connections }).await?,
            Self::Visitors => Subject::on_stage(Scene::Visitors { sessions: connections }).await?,
            Self::Peer(kind) => Subject::Peer(Peer::start(kind).await?),
        })
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.short_name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.short_name()).collect();
            format!("one of {}", names.join(", "))
        })
    }
}

/// It runs.
pub(crate) enum Subject {
    Floor(Floor),
    Switchboard(Box<Switchboard>),
    Peer(Peer),
}

impl Subject {
    pub(crate) async fn on_stage(scene: Scene) -> anyhow::Result<Self> {
        Ok(Self::Switchboard(Box::new(Switchboard::start(scene, None).await?)))
    }

    /// The process that is measured.
    pub(crate) fn server(&self) -> u32 {
        match self {
            Self::Floor(floor) => floor.process.id(),
            Self::Switchboard(switchboard) => switchboard.gateway.id(),
            Self::Peer(peer) => peer.process.id(),
        }
    }

    /// The process that the server asks about whoever connects, if it asks.
    pub(crate) fn asked(&self) -> Option<u32> {
        match self {
            Self::Switchboard(switchboard) => Some(switchboard.chat_service.id()),
            Self::Floor(_) | Self::Peer(_) => None,
        }
    }

    /// Who connects, from number to number.
    pub(crate) fn guests(&self, numbers: Range<usize>) -> Vec<Guest> {
        numbers.map(|number| self.guest(number)).collect()
    }

    fn guest(&self, number: usize) -> Guest {
        match self {
            Self::Floor(floor) => floor.guest(),
            Self::Switchboard(switchboard) => switchboard.guest(number),
            Self::Peer(peer) => peer.guest(),
        }
    }

    /// Publishes a message of a chat to the gateway alone, without storing it. It has that number, if any.
    pub(crate) async fn publish_to(&mut self, chat: i64, number: u32) -> anyhow::Result<()> {
        match self {
            Self::Switchboard(switchboard) => switchboard.publish_to(chat, number).await,
            Self::Floor(_) | Self::Peer(_) => anyhow::bail!("only Switchboard has chats"),
        }
    }

    /// Has a message brought to all who are connected.
    pub(crate) async fn publish(&mut self, number: u32) -> anyhow::Result<()> {
        match self {
            Self::Floor(floor) => floor.publish(number),
            Self::Switchboard(switchboard) => switchboard.publish(number).await,
            Self::Peer(peer) => peer.publish(number).await,
        }
    }
}

/// A program that has the first core for itself, as far as the bench can see to it.
pub(crate) fn on_its_core(name: &str, program: &Path) -> Program {
    Program::at(name, "taskset".into()).arg("--cpu-list").arg("0").arg(program.to_string_lossy())
}
