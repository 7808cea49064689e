//! Identifiers are 64-bit integers; a `Seq` is a position in one chat; a lane is a chat's place in the relay.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A chat of any kind. For a support session this is also the `session_id`.
    ChatId
);
id!(
    /// One message, unique over all chats.
    MessageId
);
id!(
    /// An operator or a user.
    UserId
);
id!(
    /// A web site whose visitors open sessions.
    SiteId
);
id!(
    /// The version of what is not of a chat. It only rises; 0 is before all.
    #[derive(Default)]
    WorkspaceVersion
);

id!(
    /// A visitor of a web site.
    ClientId
);
id!(
    /// A position in one chat: every durable change takes the next one. The first change has 1; 0 is before all.
    Seq
);

impl SiteId {
    /// The default site, which is there from the start.
    #[must_use]
    pub fn first() -> Self {
        Self(1)
    }
}

impl Default for Seq {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Seq {
    /// Before the first change of a chat.
    pub const ZERO: Self = Self(0);

    /// The position that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The database epoch: changed at a restore or a lossy failover, so that cursors of another history are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Epoch(pub i32);

impl Epoch {
    /// That of a database that was never restored. A cursor that names no epoch can be of no other.
    pub const FIRST: Self = Self(1);
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A slice of the chats whose events are relayed in order by one holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub i16);

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How many lanes there are: 1 to 256, fixed for the life of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i16")]
pub struct LaneCount(u8);

/// The lane count is not between 1 and 256.
#[derive(Debug, thiserror::Error)]
#[error("the number of lanes must be a number from 1 to 256")]
pub struct LaneCountError;

impl LaneCount {
    /// Checks the range.
    pub fn new(count: i32) -> Result<Self, LaneCountError> {
        u8::try_from(i64::from(count) - 1).map(Self).map_err(|_| LaneCountError)
    }

    /// As a number.
    #[must_use]
    pub fn get(self) -> i16 {
        i16::from(self.0) + 1
    }

    /// The lane of a chat. Ids are handed out one by one, so the remainder spreads them evenly.
    #[must_use]
    pub fn lane_of(self, chat: ChatId) -> Lane {
        Lane(i16::try_from(chat.0.rem_euclid(i64::from(self.get()))).expect("a remainder by at most 256"))
    }

    /// All lanes.
    pub fn lanes(self) -> impl Iterator<Item = Lane> {
        (0..self.get()).map(Lane)
    }
}

impl TryFrom<i32> for LaneCount {
    type Error = LaneCountError;
    fn try_from(count: i32) -> Result<Self, Self::Error> {
        Self::new(count)
    }
}

impl From<LaneCount> for i16 {
    fn from(count: LaneCount) -> Self {
        count.get()
    }
}

impl std::str::FromStr for LaneCount {
    type Err = LaneCountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map_err(|_| LaneCountError).and_then(Self::new)
    }
}

impl std::fmt::Display for LaneCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chat_has_a_lane_below_the_count() {
        let four = LaneCount::new(4).expect("in range");
        assert_eq!(four.lane_of(ChatId(7)), Lane(3));
        assert_eq!(four.lanes().count(), 4);
        assert_eq!(LaneCount::new(256).expect("in range").get(), 256);
        assert!(LaneCount::new(0).is_err() && LaneCount::new(257).is_err());
    }
}
