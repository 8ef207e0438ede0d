//! Tuples that must not overtake one another.

use std::collections::{HashMap, VecDeque};

/// Lets one tuple of each key out at a time, in the order in which they came; the others wait here.
#[derive(Debug)]
pub(crate) struct Order<T> {
    /// Keys of which a tuple is out or about to go, with those that wait for it.
    waiting: HashMap<u64, VecDeque<(u64, T)>>,
    /// The key of every tuple that is out or about to go.
    keys: HashMap<u64, u64>,
    /// Those whose turn it is.
    ready: VecDeque<(u64, T)>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), keys: HashMap::new(), ready: VecDeque::new() }
    }
}

impl<T> Order<T> {
    /// Gives the tuple back if it may go out at once.
    pub(crate) fn admit(&mut self, key: u64, id: u64, item: T) -> Option<T> {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.push_back((id, item));
            return None;
        }
        self.waiting.insert(key, VecDeque::new());
        self.keys.insert(id, key);
        Some(item)
    }

    /// Whether no tuple that is out has a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A tuple is done, and the next one of its key may go.
    pub(crate) fn done(&mut self, id: u64) {
        let Some(key) = self.keys.remove(&id) else { return };
        match self.waiting.get_mut(&key).and_then(VecDeque::pop_front) {
            Some((next, item)) => {
                self.keys.insert(next, key);
                self.ready.push_back((next, item));
            }
            None => drop(self.waiting.remove(&key)),
        }
    }

    /// The next tuple whose turn it is.
    pub(crate) fn pop_ready(&mut self) -> Option<(u64, T)> {
        self.ready.pop_front()
    }

    /// Those that have not gone out.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.waiting.values().flatten().chain(&self.ready).map(|(id, _)| *id)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// Whatever comes and whatever is done when: of each key one tuple is out at a time, they go out in the order in which they came,
        /// and in the end all have.
        #[test]
        fn tuples_of_a_key_go_out_one_by_one_and_in_their_order(steps in prop::collection::vec((any::<bool>(), 0_u64..4, any::<prop::sample::Index>()), 1..80)) {
            let mut order = Order::default();
            let (mut came, mut went): (BTreeMap<u64, Vec<u64>>, BTreeMap<u64, Vec<u64>>) = Default::default();
            let mut out: Vec<(u64, u64)> = Vec::new();
            let mut go = |id: u64, key: u64, out: &mut Vec<(u64, u64)>| {
                went.entry(key).or_default().push(id);
                out.push((id, key));
            };
            for (id, (comes, key, which)) in (0..).zip(steps) {
                if comes {
                    came.entry(key).or_default().push(id);
                    if let Some(key) = order.admit(key, id, key) {
                        go(id, key, &mut out);
                    }
                } else if !out.is_empty() {
                    order.done(out.swap_remove(which.index(out.len())).0);
                }
                while let Some((id, key)) = order.pop_ready() {
                    go(id, key, &mut out);
                }
                let mut keys: Vec<u64> = out.iter().map(|(_, key)| *key).collect();
                keys.sort_unstable();
                prop_assert!(keys.is_sorted_by(|one, other| one < other), "two of a key are out: {:?}", out);
            }
            while let Some((id, _)) = out.pop() {
                order.done(id);
                while let Some((id, key)) = order.pop_ready() {
                    go(id, key, &mut out);
                }
            }
            prop_assert_eq!(went, came);
            prop_assert!(order.waiting.is_empty() && order.keys.is_empty(), "nothing is kept of what is done");
        }
    }
}
