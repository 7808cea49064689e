//! lapin's tasks. It starts some for each connection. The tasks of a connection that ended in the middle of something,
//! such as its handshake, may wait for ever for an answer of that connection: here they end with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_rs::traits::Executor;
use async_rs::util::{RuntimeParts, Task, TaskImpl};
use async_rs::{Runtime, Tokio};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The present runtime, for one connection.
pub(super) fn runtime(end: CancellationToken) -> Runtime<RuntimeParts<Tasks, Tokio>> {
    Runtime::new(RuntimeParts::new(Tasks { runtime: Handle::current(), end }, Tokio::current()))
}

/// Starts tasks that end when they are told to.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    runtime: Handle,
    end: CancellationToken,
}

impl Executor for Tasks {
    type Task<T: Send + 'static> = Started<T>;

    fn block_on<T, F: Future<Output = T>>(&self, work: F) -> T {
        self.runtime.block_on(work)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        let (told, output) = oneshot::channel();
        let end = self.end.clone();
        self.runtime.spawn(async move {
            if let Some(output) = end.run_until_cancelled(work).await {
                // Nobody waits for most of them.
                let _nobody = told.send(output);
            }
        });
        Started(output).into()
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        let (told, output) = oneshot::channel();
        self.runtime.spawn_blocking(move || {
            let _nobody = told.send(work());
        });
        Started(output).into()
    }
}

/// The output of a task; nothing if it was ended.
#[derive(Debug)]
pub(super) struct Started<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Future for Started<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(output)) => Poll::Ready(output),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: Send + 'static> TaskImpl for Started<T> {}
