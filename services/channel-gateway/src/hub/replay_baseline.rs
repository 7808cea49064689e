//! The start of the news for staff, who follow sessions that they have never read. Sessions that changed lately are
//! compared when the first of the staff comes, and from then on again and again. The first event that is heard of a
//! session waits until the changes before it are known: they may have been lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_events::gateway_api::{Top, TopsRequest};
use chat_events::{ChatId, ErrorBody, Scope, Seq};

use super::parcel::Parcel;
use super::rooms::Room;
use super::upkeep::{ASK_AGAIN_AFTER, AT_ONCE};
use super::{Hub, lock};

/// How far the first comparison looks back.
const FIRST_LOOK: Duration = Duration::from_secs(120);
/// The overlap of a comparison with the one before, for changes that were committed while that ran.
const OVERLAP: Duration = Duration::from_secs(60);

/// The comparisons of sessions with PostgreSQL.
#[derive(Default)]
pub(super) struct ReplayBaseline {
    /// The last comparison. Its lock lets one task ask at a time.
    compared: tokio::sync::Mutex<Compared>,
    /// The sites that had operators all the time since: earlier changes of other sites are not news for operators who
    /// come next.
    kept: std::sync::Mutex<Option<Scope>>,
    /// Rooms whose start of the news has to be asked for.
    unknown: std::sync::Mutex<Vec<Arc<Room>>>,
}

/// A comparison of sessions.
#[derive(Default)]
struct Compared {
    /// None where there was none.
    at: Option<Instant>,
    /// The sites whose operators were here then. Earlier changes of other sites are not news for their operators.
    scope: Scope,
}

impl Compared {
    /// How far it is looked back.
    fn look_back(&self) -> u32 {
        let within = self.at.map_or(FIRST_LOOK, |at| at.elapsed() + OVERLAP);
        u32::try_from(within.as_secs()).unwrap_or(u32::MAX)
    }

    /// The same for operators of these sites, some of whom came since.
    fn look_back_for(&self, scope: &Scope) -> u32 {
        let first_look = u32::try_from(FIRST_LOOK.as_secs()).unwrap_or(u32::MAX);
        if self.holds(scope) { self.look_back() } else { self.look_back().max(first_look) }
    }

    /// Whether all of these sites were compared.
    fn holds(&self, scope: &Scope) -> bool {
        self.at.is_some() && self.scope.contains(scope)
    }
}

impl ReplayBaseline {
    async fn compared(&self) -> tokio::sync::MutexGuard<'_, Compared> {
        let mut compared = self.compared.lock().await;
        if let Some(kept) = lock(&self.kept).take() {
            compared.scope = compared.scope.common(&kept);
        }
        if compared.scope == Scope::default() {
            compared.at = None;
        }
        compared
    }

    /// Waits until nobody asks.
    pub(super) async fn settled(&self) {
        drop(self.compared.lock().await);
    }

    /// Nothing is known of sessions any more.
    pub(super) fn forget(&self) {
        self.keep(&Scope::default());
    }

    /// Operators of these sites alone are left.
    pub(super) fn keep(&self, scope: &Scope) {
        let mut kept = lock(&self.kept);
        *kept = Some(kept.as_ref().map_or_else(|| scope.clone(), |kept| kept.common(scope)));
    }
}

impl Hub {
    /// Staff came: from here on it misses nothing, since it is known where the sessions of its sites stand.
    pub(super) async fn know_sessions(self: &Arc<Self>) -> Result<(), ErrorBody> {
        let mut compared = self.baseline.compared().await;
        if compared.holds(&self.staff().scope()) {
            return Ok(());
        }
        self.compare_with_database(&mut compared).await
    }

    /// Compares the sessions that changed since this was done before with the positions that went out.
    pub(super) async fn compare_sessions(self: &Arc<Self>) -> Result<(), ErrorBody> {
        let mut compared = self.baseline.compared().await;
        self.compare_with_database(&mut compared).await
    }

    async fn compare_with_database(self: &Arc<Self>, compared: &mut Compared) -> Result<(), ErrorBody> {
        // Sites whose operators are gone are not compared from here on.
        let scope = self.staff().scope();
        let sites = scope.sites();
        if sites.as_ref().is_some_and(BTreeSet::is_empty) {
            *compared = Compared::default();
            return Ok(());
        }
        let now = Instant::now();
        let sessions_changed_within = compared.look_back_for(&scope);
        let ask = TopsRequest { sessions_changed_within, sites, ..TopsRequest::default() };
        for top in self.chat_service.tops(ask).await?.tops {
            let Some(room) = self.wanted_room(top.chat_id, top.kind, top.site_id) else { continue };
            // Changes before the staff of its site came are not news.
            let is_followed = compared.at.is_some() && compared.scope.covers(top.site_id);
            let news_after = top.since.filter(|_| is_followed).unwrap_or(top.seq);
            {
                let mut state = lock(&room.state);
                // A session's room: it stays for longer than this looks back, and with it the position that is known
                // here.
                state.is_of((top.kind, top.site_id));
                state.feed.news_after(news_after);
            }
            self.compare_top(&room, &top);
        }
        *compared = Compared { at: Some(now), scope };
        Ok(())
    }

    /// Where the news begin in a room is asked, together with other rooms of which it is not known.
    pub(super) fn ask_where_news_begin(self: &Arc<Self>, room: &Arc<Room>) {
        let mut unknown = lock(&self.baseline.unknown);
        unknown.push(room.clone());
        if unknown.len() > 1 {
            return;
        }
        self.spawn(|hub| async move {
            while let Err(error) = hub.learn_where_news_begin().await {
                tracing::warn!(%error, "it is not known where the news of sessions begin");
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
            }
        });
    }

    async fn learn_where_news_begin(self: &Arc<Self>) -> Result<(), ErrorBody> {
        let mut compared = self.baseline.compared().await;
        if compared.at.is_none() {
            self.compare_with_database(&mut compared).await?;
        }
        let news_within = compared.look_back();
        loop {
            let rooms: Vec<Arc<Room>> = lock(&self.baseline.unknown).iter().take(AT_ONCE).cloned().collect();
            let chats: Vec<ChatId> = rooms.iter().map(|room| room.chat).collect();
            let tops = self.chat_service.tops(TopsRequest { chats, news_within, ..TopsRequest::default() }).await?;
            let tops: HashMap<ChatId, Top> = tops.tops.into_iter().map(|top| (top.chat_id, top)).collect();
            for room in &rooms {
                self.begin(room, tops.get(&room.chat).map(|top| top.since.unwrap_or(top.seq)));
            }
            // Taken off only now: as long as there are any, nobody else starts to ask.
            let mut unknown = lock(&self.baseline.unknown);
            unknown.drain(..rooms.len());
            if unknown.is_empty() {
                return Ok(());
            }
        }
    }

    /// All above this position is news. None for a session that is no more.
    fn begin(self: &Arc<Self>, room: &Arc<Room>, news_after: Option<Seq>) {
        let mut state = lock(&room.state);
        let Some(news_after) = news_after else {
            state.feed = super::Feed::default();
            return;
        };
        let (ready, more) = state.feed.begin(news_after);
        for event in ready {
            self.send(room, &mut state, Parcel::of_event(&event));
        }
        if more {
            self.start_fill(room);
        }
    }
}
