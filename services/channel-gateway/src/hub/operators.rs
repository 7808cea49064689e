//! Tells chat-service which operators are connected here, so that others can say whether anybody is there to answer: at once when
//! the first connection of one comes or its last one goes, and every 20 s, since it counts for a minute.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chat_events::UserId;
use chat_events::gateway_api::{MAX_OPERATORS, OperatorsRequest};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Hub, lock};
use crate::connection::Connection;

/// How often it is said again. Three times in the life of a lease.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// At most so often, however many come and go.
const PAUSE: Duration = Duration::from_secs(1);
/// An operator without a connection is here for so much longer: a page that is loaded again, or a poll that follows another, is no
/// coming and going.
const STAYS: Duration = Duration::from_secs(3);

/// The operators who are here, and until when those are who have no connection any more.
#[derive(Default)]
struct Here(HashMap<UserId, Option<Instant>>);

impl Here {
    /// Now these are connected, and those have come since the last look, however short they stayed.
    fn look(&mut self, connected: &BTreeSet<UserId>, came: BTreeSet<UserId>, now: Instant) {
        self.0.extend(came.into_iter().map(|user| (user, None)));
        for (user, until) in &mut self.0 {
            *until = if connected.contains(user) { None } else { Some(until.unwrap_or(now + STAYS)) };
        }
        self.0.retain(|_, until| until.is_none_or(|until| until > now));
        self.0.extend(connected.iter().map(|user| (*user, None)));
    }

    /// When the next of them is gone, if nobody comes back.
    fn next_leave(&self) -> Option<Instant> {
        self.0.values().flatten().min().copied()
    }

    fn users(&self) -> BTreeSet<UserId> {
        let mut users: BTreeSet<UserId> = self.0.keys().copied().collect();
        if let Some(beyond) = users.iter().nth(MAX_OPERATORS).copied() {
            tracing::warn!(operators = users.len(), "more operators are connected than can be told of");
            users.split_off(&beyond);
        }
        users
    }
}

impl Hub {
    /// The connection of an operator was told `connected`.
    pub fn operator_came(&self, operator: UserId) {
        lock(&self.operators_who_came).insert(operator);
        self.operators_changed.notify_one();
    }

    /// The connection of an operator has gone.
    pub(super) fn operator_left(&self) {
        self.operators_changed.notify_one();
    }

    /// Tells of the operators who are here, for ever. What is not answered is said again; meanwhile the last word counts.
    pub async fn tell_of_operators(&self, gateway: &str) {
        let (mut here, mut told, mut renew_at) = (Here::default(), BTreeSet::new(), None);
        loop {
            let wake_at = [here.next_leave(), renew_at].into_iter().flatten().min();
            match wake_at {
                // It is time, or something has changed.
                Some(wake_at) => drop(timeout_at(wake_at, self.operators_changed.notified()).await),
                None => self.operators_changed.notified().await,
            }
            let now = Instant::now();
            let came = std::mem::take(&mut *lock(&self.operators_who_came));
            here.look(&self.operators(), came, now);
            let users = here.users();
            if users == told && renew_at.is_none_or(|renew_at| now < renew_at) {
                continue;
            }
            let ask = OperatorsRequest { gateway: gateway.to_owned(), here: users.clone() };
            match self.chat_service.operators(ask).await {
                Ok(()) => {
                    renew_at = (!users.is_empty()).then(|| now + RENEW_EVERY);
                    told = users;
                }
                Err(error) => {
                    tracing::debug!(%error, "chat-service cannot be told which operators are here");
                    renew_at = Some(now + PAUSE);
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Who has been told `connected`.
    fn operators(&self) -> BTreeSet<UserId> {
        let staff = self.staff();
        let is_in = |connection: &&Arc<Connection>| connection.own().is_some();
        staff.everybody().iter().filter(is_in).filter_map(|connection| connection.user_id()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(ids: &[i64]) -> BTreeSet<UserId> {
        ids.iter().copied().map(UserId).collect()
    }

    #[tokio::test]
    async fn who_comes_back_soon_has_not_been_away() {
        let (mut here, start) = (Here::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let nobody = || users(&[]);
        here.look(&users(&[1, 2]), nobody(), start);
        assert_eq!((here.users(), here.next_leave()), (users(&[1, 2]), None));
        here.look(&users(&[2]), nobody(), at(1));
        assert_eq!((here.users(), here.next_leave()), (users(&[1, 2]), Some(at(4))));
        here.look(&users(&[2]), nobody(), at(3));
        assert_eq!(here.next_leave(), Some(at(4)), "it is not put off");
        here.look(&users(&[1, 2]), nobody(), at(3));
        assert_eq!(here.next_leave(), None);
        here.look(&nobody(), nobody(), at(5));
        here.look(&nobody(), nobody(), at(8));
        assert_eq!((here.users(), here.next_leave()), (nobody(), None));
        here.look(&nobody(), users(&[3]), at(9));
        assert_eq!(
            (here.users(), here.next_leave()),
            (users(&[3]), Some(at(12))),
            "it came and left between two looks"
        );
        here.look(&nobody(), users(&[3]), at(11));
        assert_eq!(here.next_leave(), Some(at(14)), "and once more");
    }
}
