//! A fresh prefix of Redis keys and channels for one test.

use redis::aio::MultiplexedConnection;

use crate::{names, servers, wait};

/// A prefix of one test. Its keys are deleted with it.
#[derive(Debug)]
pub struct RedisPrefix {
    url: String,
    prefix: String,
}

/// A new prefix on `TEST_REDIS_URL`.
#[must_use]
pub fn fresh_prefix() -> RedisPrefix {
    RedisPrefix { url: servers::variable("TEST_REDIS_URL"), prefix: format!("{}:", names::fresh()) }
}

impl RedisPrefix {
    /// The server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What every key and channel of the test begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url).await.unwrap_or_else(|why| panic!("the test's Redis does not answer: {why}"))
    }

    /// Deletes every key of the test, as an emptied Redis would have done.
    pub async fn delete_keys(&self) {
        delete_keys(&mut self.connect().await, &self.prefix).await.expect("Redis answers");
    }
}

impl Drop for RedisPrefix {
    fn drop(&mut self) {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        wait::finish(async move {
            if let Ok(mut connection) = connect(&url).await {
                // What stays has a time to live.
                let _expires_by_itself = delete_keys(&mut connection, &prefix).await;
            }
        });
    }
}

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url)?.get_multiplexed_async_connection().await
}

async fn delete_keys(connection: &mut MultiplexedConnection, prefix: &str) -> redis::RedisResult<()> {
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(1000);
        let (next, keys): (u64, Vec<String>) = scan.query_async(connection).await?;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).query_async::<()>(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
