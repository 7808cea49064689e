//! Tasks without which a process would look alive and not do its work. When one of them ends, the process is to end and
//! be started anew: that is quicker, and safer, than to go on with a part of it dead.

use std::fmt;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Starts vital tasks, and says when one has ended. Clones share them.
#[derive(Debug, Clone)]
pub struct Vital(Arc<watch::Sender<Option<Lost>>>);

/// A vital task that has ended while the process should go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} has {how}: the process cannot do its work without it")]
pub struct Lost {
    name: Arc<str>,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Ended,
    Panicked,
}

impl fmt::Display for How {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ended => "ended",
            Self::Panicked => "panicked",
        })
    }
}

/// Tells of an end when it is dropped: held by a task or a thread for as long as it works.
#[derive(Debug)]
pub struct Guard {
    name: Arc<str>,
    vital: Vital,
    /// A job that comes to its end is done; only its panic is a loss.
    may_end: bool,
}

impl Default for Vital {
    fn default() -> Self {
        Self::new()
    }
}

impl Vital {
    /// Without any task.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Starts a task on the caller's runtime that must not end before the process is told to.
    pub fn spawn(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.spawn_on(&Handle::current(), name, task)
    }

    /// The same, on another runtime.
    pub fn spawn_on(
        &self,
        runtime: &Handle,
        name: &str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        runtime.spawn(self.watched(name, task))
    }

    /// The task itself, whose end is told.
    pub fn watched<F>(&self, name: &str, task: F) -> impl Future<Output = ()> + use<F>
    where
        F: Future<Output = ()>,
    {
        let guard = self.guard(name);
        async move {
            may_be_killed(&guard.name, task).await;
            drop(guard);
        }
    }

    /// Starts a job that may end, but must not panic: others rely on its results.
    pub fn spawn_job(&self, runtime: &Handle, name: &str, job: impl Future<Output = ()> + Send + 'static) {
        let guard = Guard { name: name.into(), vital: self.clone(), may_end: true };
        runtime.spawn(async move {
            job.await;
            drop(guard);
        });
    }

    /// For work that is no task of tokio's: hold it as long as the work goes on.
    #[must_use]
    pub fn guard(&self, name: &str) -> Guard {
        Guard { name: name.into(), vital: self.clone(), may_end: false }
    }

    /// Ready when a vital task has ended.
    pub async fn lost(&self) -> Lost {
        let mut lost = self.0.subscribe();
        match lost.wait_for(Option::is_some).await.map(|lost| (*lost).clone()) {
            Ok(Some(lost)) => lost,
            // The sender lives as long as this does.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let how = if thread::panicking() { How::Panicked } else { How::Ended };
        if self.may_end && how == How::Ended {
            return;
        }
        self.vital.0.send_if_modified(|lost| {
            let is_first = lost.is_none();
            if is_first {
                *lost = Some(Lost { name: self.name.clone(), how });
            }
            is_first
        });
    }
}

#[cfg(not(debug_assertions))]
async fn may_be_killed(_name: &str, task: impl Future<Output = ()>) {
    task.await;
}

/// In builds for tests the task that `VITAL__PANICS` names panics at SIGUSR1, so that a test sees the effect of its
/// end.
#[cfg(debug_assertions)]
async fn may_be_killed(name: &str, task: impl Future<Output = ()>) {
    use tokio::signal::unix::{SignalKind, signal};
    if std::env::var("VITAL__PANICS").is_ok_and(|wanted| wanted == name)
        && let Ok(mut asked) = signal(SignalKind::user_defined1())
    {
        tokio::select! {
            biased;
            _ = asked.recv() => panic!("asked to panic"),
            () = task => {}
        }
    } else {
        task.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_or_panics_is_told_of_by_its_name() {
        let vital = Vital::new();
        let _going_on = vital.spawn("clock", std::future::pending());
        let _ended = vital.spawn("hub", async {});
        assert_eq!(vital.lost().await.to_string(), "hub has ended: the process cannot do its work without it");
        let vital = Vital::new();
        let panicked = vital.spawn("relay", async { panic!("of its own") });
        assert!(panicked.await.is_err_and(|error| error.is_panic()));
        assert_eq!(vital.lost().await.to_string(), "relay has panicked: the process cannot do its work without it");
    }

    #[tokio::test]
    async fn a_job_may_end_and_must_not_panic() {
        let vital = Vital::new();
        vital.spawn_job(&Handle::current(), "sweep", async {});
        vital.spawn_job(&Handle::current(), "fill", async { panic!("of its own") });
        assert_eq!(vital.lost().await.to_string(), "fill has panicked: the process cannot do its work without it");
    }

    #[tokio::test]
    async fn a_thread_holds_a_guard() {
        let vital = Vital::new();
        let guard = vital.guard("poller");
        let ended = thread::spawn(move || drop(guard)).join();
        assert!(ended.is_ok());
        assert_eq!(vital.lost().await.how, How::Ended);
    }
}
