//! The channels that are wished for, and the callers that wait for them. The wishes outlive connections: the next
//! connection subscribes to all of them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_events::names::Channel;
use tokio::sync::{Notify, oneshot};

/// Shared by the callers that wish for channels and the task that subscribes to them.
#[derive(Default)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    wished: HashSet<Channel>,
    /// Touched since they were last fulfilled.
    touched: Vec<Channel>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// The work to be done, and the callers that are told when it is.
pub(super) struct Work {
    pub(super) subscribe: Vec<Channel>,
    pub(super) unsubscribe: Vec<Channel>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Subscriptions {
    /// Wishes for channels. The receiver hears when they are in force, or gets an error when the link broke first.
    pub(super) fn add(&self, channels: &[Channel]) -> oneshot::Receiver<()> {
        let (told, wait) = oneshot::channel();
        let mut state = self.lock();
        for channel in channels {
            state.wished.insert(*channel);
            state.touched.push(*channel);
        }
        state.waiting.push(told);
        drop(state);
        self.changed.notify_one();
        wait
    }

    /// No longer wishes for channels.
    pub(super) fn remove(&self, channels: &[Channel]) {
        let mut state = self.lock();
        for channel in channels {
            state.wished.remove(channel);
            state.touched.push(*channel);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for a change. Safe to cancel.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The changes since the last call.
    pub(super) fn take_changes(&self, in_force: impl Fn(&Channel) -> bool) -> Work {
        let mut state = self.lock();
        let touched: HashSet<Channel> = std::mem::take(&mut state.touched).into_iter().collect();
        let (wished, unwished): (Vec<Channel>, Vec<Channel>) =
            touched.into_iter().partition(|channel| state.wished.contains(channel));
        Work {
            subscribe: wished.into_iter().filter(|channel| !in_force(channel)).collect(),
            unsubscribe: unwished.into_iter().filter(in_force).collect(),
            waiting: std::mem::take(&mut state.waiting),
        }
    }

    /// After a new connection, which has no subscriptions: everything is to be done again.
    pub(super) fn touch_all(&self) {
        let mut state = self.lock();
        state.touched = state.wished.iter().copied().collect();
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.subscribe.is_empty() && self.unsubscribe.is_empty() && self.waiting.is_empty()
    }

    /// It is done.
    pub(super) fn done(self) {
        for told in self.waiting {
            // A caller that gave up waiting keeps the wish all the same.
            let _gave_up = told.send(());
        }
    }
}
