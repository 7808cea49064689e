//! Passwords: argon2id, off the request's thread, a few at a time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use rand::distr::{Alphanumeric, SampleString};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Each hashing takes 19 MiB and tens of milliseconds of one core.
const AT_ONCE: usize = 2;

/// Checks passwords. Clones share the limit.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    /// The hash of a password that nobody knows: an unknown account takes as long as a wrong password.
    decoy: Arc<str>,
}

impl Passwords {
    /// Hashes once, for the decoy.
    pub(crate) fn new() -> Result<Self, Error> {
        let decoy = hash_blocking(&random_password())?;
        Ok(Self { slots: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.into() })
    }

    /// Whether it is the password; without a hash it never is, and takes as long.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let decoy = Arc::clone(&self.decoy);
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|error| Error::Internal(error.to_string()))?;
        let work = tokio::task::spawn_blocking(move || {
            let _held_while_hashing = slot;
            let known = hash.is_some();
            verify_blocking(&password, hash.as_deref().unwrap_or(&decoy)) && known
        });
        work.await.map_err(|error| Error::Internal(error.to_string()))
    }
}

/// A password as it is stored.
pub(crate) async fn hash(password: String) -> Result<String, Error> {
    let work = tokio::task::spawn_blocking(move || hash_blocking(&password));
    work.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn hash_blocking(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(error.to_string()))
}

fn verify_blocking(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// 24 letters and digits: 142 bits.
pub(crate) fn random_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_only() {
        let passwords = Passwords::new().unwrap();
        let hash = hash("secret".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.verify("secret".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("other".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("secret".into(), None).await.unwrap());
    }
}
