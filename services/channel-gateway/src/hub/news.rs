//! What is news for staff, who follow sessions that they have never read. Sessions that changed lately are compared when
//! the first of the staff comes, and from then on again and again. Where an event is the first that is heard of a
//! session, it waits until it is known what came before it: that may have been lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_events::gateway_api::{Top, TopsRequest};
use chat_events::{ChatId, ErrorBody, Seq};

use super::upkeep::{ASK_AGAIN_AFTER, AT_ONCE};
use super::{Hub, Room, lock};

/// How far the first comparison looks back.
const FIRST_LOOK: Duration = Duration::from_secs(120);
/// What later ones look back beyond the one before, for what was committed while it ran.
const OVERLAP: Duration = Duration::from_secs(60);

/// What is known of it.
#[derive(Default)]
pub(super) struct News {
    /// When sessions were compared the last time; none where staff came since. Whoever has it is the only one who asks.
    compared_at: tokio::sync::Mutex<Option<Instant>>,
    /// The last of the staff has gone since: what happens now is past for who comes next.
    was_alone: AtomicBool,
    /// Of these it has to be asked where the news begin.
    unknown: std::sync::Mutex<Vec<Arc<Room>>>,
}

/// How far it is looked back.
fn look_back(compared_at: Option<Instant>) -> u32 {
    let within = compared_at.map_or(FIRST_LOOK, |at| at.elapsed() + OVERLAP);
    u32::try_from(within.as_secs()).unwrap_or(u32::MAX)
}

impl News {
    async fn compared_at(&self) -> tokio::sync::MutexGuard<'_, Option<Instant>> {
        let mut compared_at = self.compared_at.lock().await;
        if self.was_alone.swap(false, Ordering::AcqRel) {
            *compared_at = None;
        }
        compared_at
    }

    /// Waits until nobody asks.
    pub(super) async fn settled(&self) {
        drop(self.compared_at.lock().await);
    }

    /// Nobody of the staff is here any more, or nothing is known of sessions any more.
    pub(super) fn forget(&self) {
        self.was_alone.store(true, Ordering::Release);
    }
}

impl Hub {
    /// Staff came: from here on it misses nothing, since it is known where sessions stand.
    pub(super) async fn know_sessions(self: &Arc<Self>) -> Result<(), ErrorBody> {
        let mut compared_at = self.news.compared_at().await;
        match *compared_at {
            Some(_) => Ok(()),
            None => self.compare_with_database(&mut compared_at).await,
        }
    }

    /// Compares the sessions that changed since this was done before with what went out.
    pub(super) async fn compare_sessions(self: &Arc<Self>) -> Result<(), ErrorBody> {
        let mut compared_at = self.news.compared_at().await;
        self.compare_with_database(&mut compared_at).await
    }

    async fn compare_with_database(self: &Arc<Self>, compared_at: &mut Option<Instant>) -> Result<(), ErrorBody> {
        if self.staff().is_empty() {
            *compared_at = None;
            return Ok(());
        }
        let now = Instant::now();
        let sessions_changed_within = look_back(*compared_at);
        let tops = self.chat_service.tops(TopsRequest { sessions_changed_within, ..TopsRequest::default() }).await?;
        for top in tops.tops {
            let Some(room) = self.wanted_room(top.chat_id, top.kind) else { continue };
            // What changed before the staff came is not news.
            let news_after = top.since.filter(|_| compared_at.is_some()).unwrap_or(top.seq);
            {
                let mut state = lock(&room.state);
                // A session's room: it stays for longer than this looks back, and with it what is known here.
                state.kind = Some(top.kind);
                state.feed.news_after(news_after);
            }
            self.compare_top(&room, &top);
        }
        *compared_at = Some(now);
        Ok(())
    }

    /// Where the news begin in a room is asked, together with other rooms of which it is not known.
    pub(super) fn ask_where_news_begin(self: &Arc<Self>, room: &Arc<Room>) {
        let mut unknown = lock(&self.news.unknown);
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
        let mut compared_at = self.news.compared_at().await;
        if compared_at.is_none() {
            self.compare_with_database(&mut compared_at).await?;
        }
        let news_within = look_back(*compared_at);
        loop {
            let rooms: Vec<Arc<Room>> = lock(&self.news.unknown).iter().take(AT_ONCE).cloned().collect();
            let chats: Vec<ChatId> = rooms.iter().map(|room| room.chat).collect();
            let tops = self.chat_service.tops(TopsRequest { chats, news_within, ..TopsRequest::default() }).await?;
            let tops: HashMap<ChatId, Top> = tops.tops.into_iter().map(|top| (top.chat_id, top)).collect();
            for room in &rooms {
                self.begin(room, tops.get(&room.chat).map(|top| top.since.unwrap_or(top.seq)));
            }
            // Taken off only now: as long as there are any, nobody else starts to ask.
            let mut unknown = lock(&self.news.unknown);
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
            self.send_out(&mut state, &event);
        }
        if more {
            self.start_fill(room);
        }
    }
}
