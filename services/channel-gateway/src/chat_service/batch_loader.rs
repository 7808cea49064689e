//! Batches small questions. A question that comes while a batch is out goes with the next batch; only when a batch is
//! full, or the answer takes its time, another one goes out beside it.

use std::time::Duration;

use chat_events::{ErrorBody, ErrorCode};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use telemetry::Vital;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::chat_service::Answer;

/// Batches that are out at a time.
const OUT_AT_MOST: usize = 4;
/// How long later questions wait for the answer to an earlier batch.
const PATIENCE: Duration = Duration::from_millis(50);

type Waiting<K, A> = (K, oneshot::Sender<Answer<A>>);

/// The call about many keys at once: an answer to each, in their order.
type Ask<K, A> = Box<dyn Fn(Vec<K>) -> BoxFuture<'static, Answer<Vec<Answer<A>>>> + Send>;

/// The batches of one kind of question.
pub(crate) struct BatchLoader<K, A> {
    waiting: mpsc::UnboundedSender<Waiting<K, A>>,
}

impl<K: Send + 'static, A: Send + 'static> BatchLoader<K, A> {
    /// Asks about so many at a time from a vital task, which ends when this is dropped.
    pub(crate) fn new(
        vital: &Vital,
        name: &str,
        at_once: usize,
        ask: impl Fn(Vec<K>) -> BoxFuture<'static, Answer<Vec<Answer<A>>>> + Send + 'static,
    ) -> Self {
        let (waiting, queue) = mpsc::unbounded_channel();
        vital.spawn(name, serve(queue, at_once, Box::new(ask)));
        Self { waiting }
    }

    /// The answer about one key. The question is put after this call: the answer is not older.
    pub(crate) async fn ask(&self, about: K) -> Answer<A> {
        let gone = || ErrorBody::new(ErrorCode::Unavailable, "the gateway is going down");
        let (tell, told) = oneshot::channel();
        self.waiting.send((about, tell)).map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }
}

async fn serve<K: Send, A: Send>(mut queue: mpsc::UnboundedReceiver<Waiting<K, A>>, at_once: usize, ask: Ask<K, A>) {
    let (mut waiting, mut out) = (Vec::new(), FuturesUnordered::new());
    let mut patient_until = Instant::now();
    loop {
        let (is_full, has_room) = (waiting.len() >= at_once, out.len() < OUT_AT_MOST);
        if !waiting.is_empty() && (out.is_empty() || has_room && (is_full || Instant::now() >= patient_until)) {
            out.push(put(&ask, std::mem::take(&mut waiting)));
            patient_until = Instant::now() + PATIENCE;
        }
        let more = at_once - waiting.len();
        let others_wait = !waiting.is_empty();
        tokio::select! {
            came = queue.recv_many(&mut waiting, more), if more > 0 => {
                if came == 0 {
                    return;
                }
            }
            Some(()) = out.next() => {}
            () = sleep_until(patient_until), if others_wait && has_room => {}
        }
    }
}

fn put<K, A>(ask: &Ask<K, A>, waiting: Vec<Waiting<K, A>>) -> impl Future<Output = ()> + use<K, A> {
    let (about, tell): (Vec<K>, Vec<_>) = waiting.into_iter().unzip();
    let asked = ask(about);
    async move {
        match asked.await {
            // A caller that has gone meanwhile needs no answer.
            Ok(answers) => tell.into_iter().zip(answers).for_each(|(tell, answer)| drop(tell.send(answer))),
            Err(error) => tell.into_iter().for_each(|tell| drop(tell.send(Err(error.clone())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers only while it has permits, and remembers its questions.
    struct Clerk {
        asked: Mutex<Vec<Vec<u32>>>,
        permits: Semaphore,
    }

    impl Clerk {
        fn new(permits: usize) -> Arc<Self> {
            Arc::new(Self { asked: Mutex::default(), permits: Semaphore::new(permits) })
        }

        fn questions(self: &Arc<Self>) -> BatchLoader<u32, u32> {
            let clerk = self.clone();
            BatchLoader::new(&Vital::new(), "test", 4, move |numbers| {
                let clerk = clerk.clone();
                Box::pin(async move {
                    clerk.asked.lock().unwrap_or_else(PoisonError::into_inner).push(numbers.clone());
                    clerk.permits.acquire().await.expect("never closed").forget();
                    if numbers.contains(&13) {
                        return Err(ErrorBody::new(ErrorCode::Unavailable, "no answer"));
                    }
                    let answer = |number: &u32| match number % 2 {
                        0 => Ok(number * 10),
                        _ => Err(ErrorBody::new(ErrorCode::Forbidden, number.to_string())),
                    };
                    Ok(numbers.iter().map(answer).collect())
                })
            })
        }

        fn sizes(&self) -> Vec<usize> {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).collect()
        }
    }

    fn in_short(answer: &Answer<u32>) -> Result<u32, ErrorCode> {
        answer.as_ref().copied().map_err(|error| error.code)
    }

    #[tokio::test]
    async fn each_is_told_its_own_answer_and_a_refusal_is_for_one_alone() {
        let clerk = Clerk::new(100);
        let questions = clerk.questions();
        let answers = join_all([2, 3, 4].map(|number| questions.ask(number))).await;
        let told: Vec<_> = answers.iter().map(in_short).collect();
        assert_eq!(told, [Ok(20), Err(ErrorCode::Forbidden), Ok(40)]);
        assert_eq!(clerk.sizes(), [3]);
    }

    #[tokio::test]
    async fn without_an_answer_all_of_a_question_hear_so_and_the_next_is_put_anew() {
        let clerk = Clerk::new(100);
        let questions = clerk.questions();
        let answers = join_all([2, 13].map(|number| questions.ask(number))).await;
        assert!(answers.iter().all(|answer| in_short(answer) == Err(ErrorCode::Unavailable)));
        assert_eq!(in_short(&questions.ask(2).await), Ok(20));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_a_question_is_out_goes_with_the_next_and_none_holds_up_all() {
        let clerk = Clerk::new(0);
        let questions = Arc::new(clerk.questions());
        let ask = |number| {
            let questions = questions.clone();
            tokio::spawn(async move { questions.ask(number).await })
        };
        let first = ask(2);
        while clerk.sizes().is_empty() {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (2..5).map(|n| ask(n * 2)).collect();
        // Time is only let pass when nothing else can happen: nobody is asked about them before the first has taken long.
        tokio::time::sleep(PATIENCE / 2).await;
        assert_eq!(clerk.sizes(), [1]);
        tokio::time::sleep(PATIENCE).await;
        assert_eq!(clerk.sizes(), [1, 3]);
        // As many as fit in one do not wait for it.
        let more: Vec<_> = (10..14).map(|n| ask(n * 2)).collect();
        tokio::time::sleep(PATIENCE / 10).await;
        assert_eq!(clerk.sizes(), [1, 3, 4]);
        clerk.permits.add_permits(3);
        for answer in join_all([first].into_iter().chain(others).chain(more)).await {
            assert!(answer.expect("no panic").is_ok());
        }
    }
}
