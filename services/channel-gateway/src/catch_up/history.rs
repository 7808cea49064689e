//! Reads the changes of a chat after a position: from the chat's stream where that is whole, else from chat-service.
//!
//! Readers of the same part at the same time share one read, encoded once. Whether they may see it is decided
//! elsewhere: [`crate::catch_up::join`] asks chat-service first, and looks for removals in the part that was read.

pub(crate) mod batch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::PubSub;
use chat_events::gateway_api::SyncRequest;
use chat_events::{ChatId, Epoch, ErrorBody, ErrorCode, Seq};
use tokio::sync::{OnceCell, Semaphore};

use crate::chat_service::ChatService;
use crate::ops::metrics::{GatewayMetrics, HistorySource};
use batch::Batch;

/// Messages read per page from chat-service.
const PAGE: u16 = 200;

/// A stream is asked for at most so many events; a longer part is read in pages.
const WINDOW: i64 = 512;

/// Pages read from chat-service at a time.
const READS_AT_ONCE: usize = 32;

type SharedRead = Arc<OnceCell<Result<Arc<Batch>, ErrorBody>>>;

/// The history of all chats, as a gateway reads it.
pub struct History {
    pubsub: Arc<dyn PubSub>,
    chat_service: Arc<dyn ChatService>,
    metrics: GatewayMetrics,
    epoch: AtomicI32,
    shared_reads: Mutex<HashMap<(ChatId, Seq), SharedRead>>,
    permits: Semaphore,
}

impl History {
    /// Streams are read only when the epoch is known.
    pub fn new(pubsub: Arc<dyn PubSub>, chat_service: Arc<dyn ChatService>, metrics: GatewayMetrics) -> Self {
        Self {
            pubsub,
            chat_service,
            metrics,
            epoch: AtomicI32::new(0),
            shared_reads: Mutex::default(),
            permits: Semaphore::new(READS_AT_ONCE),
        }
    }

    /// chat-service's database is of this epoch.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
    }

    /// Whether chat-service's database is of this epoch.
    pub fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch.load(Ordering::Acquire) == epoch.0
    }

    /// The changes of a chat after a position. The chat is known to have come at least to `reaching`; an answer that
    /// another caller asked for may end before that.
    pub async fn read(&self, chat: ChatId, after: Seq, reaching: Seq) -> Result<Arc<Batch>, ErrorBody> {
        let key = (chat, after);
        let reading = self.shared_reads().entry(key).or_default().clone();
        let read = reading.get_or_init(|| async { self.read_alone(chat, after, reaching).await.map(Arc::new) });
        let read = read.await.clone();
        let mut shared_reads = self.shared_reads();
        if shared_reads.get(&key).is_some_and(|current| Arc::ptr_eq(current, &reading)) {
            shared_reads.remove(&key);
        }
        read
    }

    fn shared_reads(&self) -> MutexGuard<'_, HashMap<(ChatId, Seq), SharedRead>> {
        self.shared_reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_alone(&self, chat: ChatId, after: Seq, reaching: Seq) -> Result<Batch, ErrorBody> {
        if let Some(batch) = self.read_stream(chat, after, reaching).await {
            self.metrics.history_read(HistorySource::Stream);
            return Ok(batch);
        }
        let closed = |_| ErrorBody::new(ErrorCode::Unavailable, "the gateway is going down");
        let _permit = self.permits.acquire().await.map_err(closed)?;
        let ask = SyncRequest { principal: None, chat_id: chat, after, limit: PAGE };
        let page = self.chat_service.sync(ask).await?;
        self.metrics.history_read(HistorySource::Sync);
        Ok(Batch::of_page(&page, after))
    }

    async fn read_stream(&self, chat: ChatId, after: Seq, reaching: Seq) -> Option<Batch> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if epoch == 0 || reaching <= after || reaching.0 - after.0 > WINDOW {
            return None;
        }
        match self.pubsub.recent(Epoch(epoch), chat, after, WINDOW as usize).await {
            Ok(events) => Batch::of_events(&events?, after, reaching),
            Err(error) => {
                tracing::debug!(%error, "a stream cannot be read");
                None
            }
        }
    }
}
