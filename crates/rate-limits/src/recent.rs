//! A map that has room for so many entries and no more: what was used longest ago gives way.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used is in the young one, and when that is full it becomes the old one, whose entries that
/// nobody has used since are forgotten. So an entry outlives at least as many others as a generation has room for.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    room: usize,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// With room for so many entries in each generation.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), room: room.max(1) }
    }

    /// The entry of a key, made if it is not there.
    pub fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key).unwrap_or_else(make);
            if self.young.len() >= self.room {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key.clone(), value);
        }
        self.young.get_mut(key).expect("it is there, or was put there")
    }

    /// The entry of a key, if there is one; it counts as used.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if self.young.contains_key(key) {
            return self.young.get_mut(key);
        }
        let value = self.old.remove(key)?;
        Some(self.entry(key, || value))
    }

    /// Forgets what is not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        for generation in [&mut self.young, &mut self.old] {
            generation.retain(|_, value| keep(value));
            generation.shrink_to_fit();
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_there_is_never_more_than_there_is_room_for() {
        let mut recent = Recent::new(10);
        *recent.entry(&0, || 0) = 7;
        for key in 1..1000 {
            let _made = recent.entry(&key, || 0);
            assert_eq!(recent.get(&0), Some(&mut 7), "after {key} others");
            assert!(recent.len() <= 20, "{}", recent.len());
        }
        assert_eq!(recent.get(&500), None);
    }

    #[test]
    fn what_is_not_to_be_kept_is_forgotten_in_both_generations() {
        let mut recent = Recent::new(2);
        for key in 0..4 {
            *recent.entry(&key, || 0) = key;
        }
        recent.retain(|value| *value == 1 || *value == 3);
        assert_eq!(recent.len(), 2);
        assert_eq!(recent.get(&1), Some(&mut 1));
        assert_eq!(recent.get(&0), None);
        recent.retain(|_| false);
        assert!(recent.is_empty());
    }
}
