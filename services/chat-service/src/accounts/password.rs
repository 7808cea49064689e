//! Passwords: argon2id, off the request's thread, as many at a time as there are cores.
//!
//! - [`queue`]: the work that waits for its turn, and the memory that workers take turns with

mod queue;

use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use rand::RngCore;
use rand::distr::{Alphanumeric, SampleString};
use subtle::ConstantTimeEq;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::Error;
use crate::http::asker::Asker;
pub(crate) use queue::Turn;
use queue::{Queue, Worker};

/// Each hashing takes 19 MiB and tens of milliseconds of one core. More at a time than this would take much memory, and with
/// this many nobody waits for long.
const MOST_AT_ONCE: usize = 8;

/// Checks passwords, and makes the hashes of new ones. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Passwords {
    queue: Arc<Queue<Work, Vec<Block>>>,
    /// Its threads do the work.
    runtime: Handle,
    /// The hash of a password that nobody knows: an unknown account takes as long as a wrong password.
    decoy: Arc<str>,
}

/// A password that is to be looked at or to be stored, and its asker.
struct Work {
    password: String,
    asker: Asker,
    purpose: Purpose,
}

/// What for, and who waits for the answer.
enum Purpose {
    /// Whether it is the one of that hash.
    Check(Option<String>, oneshot::Sender<bool>),
    /// Its hash.
    Store(oneshot::Sender<Result<String, Error>>),
}

impl queue::Job for Work {
    fn is_wanted(&self) -> bool {
        let has_hung_up = match &self.purpose {
            Purpose::Check(_, answer) => answer.is_closed(),
            Purpose::Store(answer) => answer.is_closed(),
        };
        !has_hung_up && !self.asker.is_gone()
    }
}

impl Passwords {
    /// The work is done on the blocking threads of that runtime.
    pub(crate) fn new(runtime: Handle) -> Result<Self, Error> {
        let decoy = decoy().map_err(|error| Error::Internal(error.to_string()))?;
        let at_once = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_AT_ONCE));
        Ok(Self { queue: Arc::new(Queue::new(at_once)), runtime, decoy: decoy.into() })
    }

    /// Whether it is the password; without a hash it never is, and takes as long. An error where too many wait already. It
    /// is not looked at if the asker is gone when its turn comes.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
        (asker, turn): (Asker, Turn),
    ) -> Result<bool, Error> {
        let (answer, answered) = oneshot::channel();
        self.push(turn, Work { password, asker, purpose: Purpose::Check(hash, answer) })?;
        answered.await.map_err(|_| Error::Busy("the password was not looked at; try again"))
    }

    /// A new password as it is stored. It waits for its turn like those that are checked.
    pub(crate) async fn hash(&self, password: String, (asker, turn): (Asker, Turn)) -> Result<String, Error> {
        let (answer, answered) = oneshot::channel();
        self.push(turn, Work { password, asker, purpose: Purpose::Store(answer) })?;
        answered.await.map_err(|_| Error::Busy("the password was not stored; try again"))?
    }

    fn push(&self, turn: Turn, job: Work) -> Result<(), Error> {
        if self.queue.push(turn, job).is_err() {
            return Err(Error::Busy("too many logins are being checked; try again"));
        }
        if let Some(worker) = Queue::worker(&self.queue) {
            let decoy = Arc::clone(&self.decoy);
            self.runtime.spawn_blocking(move || work(worker, &decoy));
        }
        Ok(())
    }

    /// How many wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }
}

fn work(mut worker: Worker<Work, Vec<Block>>, decoy: &str) {
    while let Some((Work { password, purpose, .. }, memory)) = worker.next() {
        // The asker may be gone by now.
        match purpose {
            Purpose::Check(hash, answer) => {
                let is_right = matches(&password, hash.as_deref().unwrap_or(decoy), memory) && hash.is_some();
                let _gone = answer.send(is_right);
            }
            Purpose::Store(answer) => {
                let stored = new_hash(&password, memory).map_err(|error| Error::Internal(error.to_string()));
                let _gone = answer.send(stored);
            }
        }
    }
}

/// The hash of a new password, with a salt of its own.
fn new_hash(password: &str, memory: &mut Vec<Block>) -> Result<String, argon2::password_hash::Error> {
    let params = Params::default();
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let (mut salt, mut output) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    rand::rng().fill_bytes(&mut salt);
    let argon2 = Argon2::new(Algorithm::default(), Version::default(), params);
    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, memory.as_mut_slice())?;
    stored(&salt, &output)
}

/// As it is stored.
fn stored(salt: &[u8], output: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: (&Params::default()).try_into()?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    };
    Ok(hash.to_string())
}

/// Whether it is the password of a hash. The memory is used again and again: allocated for each login, it stays with the
/// allocator, once for each thread that ever had it.
fn matches(password: &str, hash: &str, memory: &mut Vec<Block>) -> bool {
    hash_again(password, hash, memory).unwrap_or(false)
}

/// None where the hash is none that can be checked.
fn hash_again(password: &str, hash: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let stored = PasswordHash::new(hash).ok()?;
    let (salt, expected) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(&stored).ok()?;
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..expected.as_bytes().len())?;
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, memory.as_mut_slice()).ok()?;
    Some(output.ct_eq(expected.as_bytes()).into())
}

/// A password as it is stored, for the command line, where nobody else waits.
pub(crate) async fn hash(password: String) -> Result<String, Error> {
    let work = tokio::task::spawn_blocking(move || hash_blocking(&password));
    work.await.map_err(|error| Error::Internal(error.to_string()))?
}

/// As good as the hash of a password that nobody knows, without the time of a hashing: a hash is as random.
fn decoy() -> Result<String, argon2::password_hash::Error> {
    let (mut salt, mut output) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    rand::rng().fill_bytes(&mut salt);
    rand::rng().fill_bytes(&mut output);
    stored(&salt, &output)
}

fn hash_blocking(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(error.to_string()))
}

/// 24 letters and digits: 142 bits.
pub(crate) fn random_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;
    use tokio::runtime::Handle;

    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_only() {
        let passwords = Passwords::new(Handle::current()).unwrap();
        let hash = hash("secret".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let is = async |password: &str, hash: Option<&String>| {
            passwords.verify(password.into(), hash.cloned(), (Asker::default(), Turn::First)).await.unwrap()
        };
        assert!(is("secret", Some(&hash)).await);
        assert!(!is("other", Some(&hash)).await);
        assert!(!is("secret", None).await);
        assert!(!is("secret", Some(&"no hash".to_owned())).await);
    }

    #[tokio::test]
    async fn a_new_password_is_stored_as_the_command_line_stores_it_and_each_time_another_way() {
        let passwords = Passwords::new(Handle::current()).unwrap();
        let store = || passwords.hash("secret".into(), (Asker::default(), Turn::Later));
        let (one, other) = (store().await.unwrap(), store().await.unwrap());
        let told = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!((told(&one), one.len()), (told(&hash_blocking("secret").unwrap()), other.len()));
        assert_ne!(one, other);
        for hash in [one, other] {
            assert!(matches("secret", &hash, &mut Vec::new()) && !matches("Secret", &hash, &mut Vec::new()));
        }
    }

    #[test]
    fn a_decoy_is_checked_like_a_hash_and_differs_from_it_in_nothing_that_is_told() {
        let told = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        let (decoy, hash) = (decoy().unwrap(), hash_blocking("secret").unwrap());
        assert_eq!((told(&decoy), decoy.len()), (told(&hash), hash.len()), "{decoy} {hash}");
        assert_eq!(hash_again("secret", &decoy, &mut Vec::new()), Some(false));
    }

    /// As the library itself checks them; also with bytes of another one left in the memory.
    #[test]
    fn hashes_of_any_parameters_are_checked() {
        let mut memory = Vec::new();
        for (algorithm, params) in [
            (Algorithm::Argon2id, Params::new(256, 3, 1, None).unwrap()),
            (Algorithm::Argon2i, Params::new(64, 1, 2, Some(16)).unwrap()),
            (Algorithm::Argon2id, Params::default()),
        ] {
            let argon2 = Argon2::new(algorithm, Version::default(), params);
            let hash = argon2.hash_password(b"secret").unwrap();
            assert!(Argon2::default().verify_password(b"secret", &hash).is_ok());
            assert!(matches("secret", &hash.to_string(), &mut memory));
            assert!(!matches("Secret", &hash.to_string(), &mut memory));
        }
    }

    #[tokio::test]
    async fn of_more_than_may_wait_the_last_are_told_to_come_again() {
        let passwords = Passwords::new(Handle::current()).unwrap();
        let ask = |_| passwords.verify("secret".into(), None, (Asker::default(), Turn::Later));
        let answers = futures_util::future::join_all((0..200).map(ask)).await;
        let busy = answers.iter().filter(|answer| matches!(answer, Err(Error::Busy(_)))).count();
        assert!((1..200).contains(&busy), "{busy} of 200");
        assert!(answers.iter().all(|answer| matches!(answer, Ok(false) | Err(Error::Busy(_)))));
        assert_eq!(passwords.waiting(), 0);
    }
}
