//! Breadth first through every state that can be reached, so that the way to a violation is a shortest one.

use std::collections::{HashSet, VecDeque};
use std::fmt::{Debug, Display, Formatter, Result as FormatResult};
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

/// Something that can be explored.
pub(crate) trait Model {
    /// All that the future depends on.
    type State: Clone + Debug + Hash;
    /// A step of the model.
    type Step: Copy + Debug;

    fn start(&self) -> Self::State;
    /// The steps that can be taken next.
    fn possible(&self, state: &Self::State) -> Vec<Self::Step>;
    /// Takes one of them.
    fn take(&self, state: &mut Self::State, step: Self::Step);
    /// Whether all is well, now and after everybody has done what is left to do.
    fn check(&self, state: &Self::State) -> Result<(), String>;
}

/// The result of an exploration.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) violation: Option<Violation>,
}

/// A harm, and a shortest way to it.
pub(crate) struct Violation {
    pub(crate) harm: String,
    pub(crate) way: Vec<String>,
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> FormatResult {
        write!(f, "{}, after {}", self.harm, self.way.join(", "))
    }
}

/// Goes through all states, up to the first violation.
pub(crate) fn explore<M: Model>(model: &M) -> Found {
    let mut known = HashSet::new();
    // For each state where it came from and how.
    let mut ways: Vec<Option<(usize, M::Step)>> = vec![None];
    let mut ahead = VecDeque::from([(0, model.start())]);
    known.insert(fingerprint(&ahead[0].1));
    while let Some((here, state)) = ahead.pop_front() {
        if let Err(harm) = model.check(&state) {
            let violation = Violation { harm, way: way_to(here, &ways) };
            return Found { states: ways.len(), violation: Some(violation) };
        }
        for step in model.possible(&state) {
            let mut next = state.clone();
            model.take(&mut next, step);
            if known.insert(fingerprint(&next)) {
                ways.push(Some((here, step)));
                ahead.push_back((ways.len() - 1, next));
            }
        }
    }
    Found { states: ways.len(), violation: None }
}

fn way_to<S: Debug>(mut at: usize, ways: &[Option<(usize, S)>]) -> Vec<String> {
    let mut way = Vec::new();
    while let Some((before, step)) = &ways[at] {
        way.push(format!("{step:?}"));
        at = *before;
    }
    way.reverse();
    way
}

/// Of 256 bits: two states never meet in one.
fn fingerprint(state: &impl Hash) -> [u8; 32] {
    let mut bytes = Bytes::default();
    state.hash(&mut bytes);
    Sha256::digest(&bytes.0).into()
}

/// All that is hashed, one behind the other: for so much of it SHA-256, which is compiled for speed, is faster than a hasher that
/// is not.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the bytes are read")
    }
}
