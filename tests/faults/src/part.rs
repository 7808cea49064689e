//! The parts of the system that can be hit.

use std::fmt;

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All clients together.
    Clients,
    /// The number counts from 1.
    ChatService(u8),
    /// The number counts from 1.
    Dispatcher(u8),
    /// The number counts from 1.
    Gateway(u8),
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
    /// The pub/sub.
    Redis,
}

impl Part {
    /// All that are services of Switchboard, in the order of a rolling restart: from the clients inwards.
    pub const SERVICES: [Self; 6] = [
        Self::Gateway(1),
        Self::Gateway(2),
        Self::Dispatcher(1),
        Self::Dispatcher(2),
        Self::ChatService(1),
        Self::ChatService(2),
    ];

    /// Whether it is a service of Switchboard, and so has `/readyz`.
    #[must_use]
    pub fn is_service(self) -> bool {
        Self::SERVICES.contains(&self)
    }

    /// The program that it runs.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::ChatService(_) => "chat-service",
            Self::Dispatcher(_) => "dispatcher",
            Self::Gateway(_) => "channel-gateway",
            Self::Postgres => "postgres",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChatService(number) | Self::Dispatcher(number) | Self::Gateway(number) => {
                write!(f, "{}-{number}", self.program())
            }
            _ => f.write_str(self.program()),
        }
    }
}
