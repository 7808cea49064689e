//! Keeps the public keys of the token issuers: fetched at start, every five minutes, and when an unknown key is met.

use std::sync::Arc;
use std::time::{Duration, Instant};

use channel_auth::JwtVerifier;
use telemetry::Part;
use tokio::sync::Mutex;

/// Between two fetches when all is well.
const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// Unknown keys do not make us ask more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// Nor than this, where the last answer was none.
const AFTER_A_FAILURE: Duration = Duration::from_millis(500);

/// An issuer and where its keys are.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The `iss` of its tokens.
    pub name: String,
    /// Its JWKS.
    pub url: String,
}

/// Fetches keys.
#[derive(Clone)]
pub struct KeyRefresh(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    issuers: Vec<Issuer>,
    verifier: Arc<JwtVerifier>,
    part: Part,
    last: Mutex<Option<Fetch>>,
}

#[derive(Clone, Copy)]
struct Fetch {
    at: Instant,
    succeeded: bool,
}

impl KeyRefresh {
    /// Of these issuers, for this verifier.
    pub fn new(issuers: Vec<Issuer>, verifier: Arc<JwtVerifier>, part: Part) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self(Arc::new(Inner { http, issuers, verifier, part, last: Mutex::new(None) })))
    }

    /// Keeps the keys fresh, for ever.
    pub async fn run(self) {
        let mut wait = Duration::from_millis(100);
        loop {
            let fetched = self.fetch().await;
            wait = if fetched { REFRESH_EVERY } else { (wait * 2).min(Duration::from_secs(2)) };
            tokio::time::sleep(wait).await;
            if fetched {
                wait = Duration::from_millis(100);
            }
        }
    }

    /// Fetches now, unless that was done a moment ago; callers that come meanwhile wait for the same fetch. Returns
    /// whether the keys are all there: if not, a token that is not known may be a good one.
    pub async fn now(&self) -> bool {
        let mut last = self.0.last.lock().await;
        let wait = |fetch: Fetch| if fetch.succeeded { AT_MOST_EVERY } else { AFTER_A_FAILURE };
        if let Some(fetch) = *last
            && fetch.at.elapsed() < wait(fetch)
        {
            return fetch.succeeded;
        }
        let succeeded = self.fetch().await;
        *last = Some(Fetch { at: Instant::now(), succeeded });
        succeeded
    }

    async fn fetch(&self) -> bool {
        for issuer in &self.0.issuers {
            if let Err(why) = self.fetch_one(issuer).await {
                // Keys that we have stay good: only a gateway without any is not able.
                if !self.0.verifier.has_keys() {
                    self.0.part.down(why);
                }
                return false;
            }
        }
        self.0.part.up();
        true
    }

    async fn fetch_one(&self, issuer: &Issuer) -> Result<(), String> {
        let answer = self.0.http.get(&issuer.url).send().await.and_then(reqwest::Response::error_for_status);
        let keys = match answer {
            Ok(answer) => answer.json().await.map_err(|why| why.to_string())?,
            Err(why) => return Err(format!("the keys of {} cannot be fetched: {}", issuer.name, why.without_url())),
        };
        self.0.verifier.set_keys(&issuer.name, &keys).map_err(|why| why.to_string())
    }
}
