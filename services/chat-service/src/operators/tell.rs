//! Tells others of operators that have come, gone or said something: what was told last is compared with what is. So an operator
//! whose gateway died is told of too, once its lease is over.

use std::time::Duration;

use async_trait::async_trait;
use bus::SignalSink;
use diesel_async::AsyncPgConnection;
use jobs::{Handler, Job, JobError, Next};

use super::state::take_news;

/// In one go.
const AT_ONCE: i64 = 500;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3);

/// Does it.
pub(crate) struct TellOfOperators {
    pub(crate) signals: SignalSink,
}

#[async_trait]
impl Handler for TellOfOperators {
    fn kind(&self) -> &'static str {
        "operators.tell"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, _: &Job) -> Result<Next, JobError> {
        let news = take_news(conn, None, AT_ONCE).await?;
        let has_more = i64::try_from(news.len()).unwrap_or(i64::MAX) == AT_ONCE;
        // Sending waits for nothing. If this is not committed, it is told once more.
        news.into_iter().for_each(|signal| self.signals.send(signal));
        Ok(Next::Again(if has_more { Duration::ZERO } else { EVERY }))
    }
}
