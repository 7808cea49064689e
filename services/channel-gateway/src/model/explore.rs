//! Breadth first through every state that can be reached, so that the way to a violation is a shortest one.

use std::collections::{HashSet, VecDeque};
use std::fmt::{Debug, Display, Formatter, Result as FormatResult};
use std::hash::{DefaultHasher, Hash, Hasher};

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

/// 128 bits: two states of some hundred thousand do not meet in one by chance.
fn fingerprint(state: &impl Hash) -> (u64, u64) {
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        state.hash(&mut hasher);
        hasher.finish()
    };
    (hash(0), hash(1))
}
