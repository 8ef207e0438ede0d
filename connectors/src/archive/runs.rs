//! Sets of offsets, kept as runs.

use serde::{Deserialize, Serialize};

/// Offsets in runs `first..=last`, ascending, with a gap between any two.
///
/// A partition's committed offsets are a handful of runs however many there are, since records come in order; gaps are
/// what retention, compaction or transactions have left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Runs(Vec<(u64, u64)>);

impl Runs {
    /// The runs, ascending.
    pub(super) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Whether the offset is in the set.
    pub(super) fn contains(&self, offset: u64) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= offset);
        after > 0 && self.0[after - 1].1 >= offset
    }

    /// Adds a run. False, and nothing is changed, if any of it is in the set.
    pub(super) fn add(&mut self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|&(start, _)| start <= first);
        let clashes_before = at > 0 && self.0[at - 1].1 >= first;
        let clashes_after = self.0.get(at).is_some_and(|&(start, _)| start <= last);
        if first > last || clashes_before || clashes_after {
            return false;
        }
        let joins_before = at > 0 && self.0[at - 1].1.checked_add(1) == Some(first);
        let joins_after = self.0.get(at).is_some_and(|&(start, _)| last.checked_add(1) == Some(start));
        match (joins_before, joins_after) {
            (true, true) => self.0[at - 1].1 = self.0.remove(at).1,
            (true, false) => self.0[at - 1].1 = last,
            (false, true) => self.0[at].0 = first,
            (false, false) => self.0.insert(at, (first, last)),
        }
        true
    }

    /// How many offsets there are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether the runs are what this type promises; those that were read from a file need not be.
    pub(super) fn is_sound(&self) -> bool {
        let ascending = self.0.iter().all(|(first, last)| first <= last && *last < u64::MAX);
        ascending && self.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0)
    }
}

impl FromIterator<u64> for Runs {
    fn from_iter<I: IntoIterator<Item = u64>>(offsets: I) -> Self {
        let mut runs = Self::default();
        for offset in offsets {
            runs.add(offset, offset);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_the_set_of_what_was_added(added in prop::collection::vec((0_u64..60, 0_u64..6), 0..40)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            for (first, length) in added {
                let last = first + length;
                let is_new = (first..=last).all(|offset| !set.contains(&offset));
                prop_assert_eq!(runs.add(first, last), is_new);
                if is_new {
                    set.extend(first..=last);
                }
                prop_assert!(runs.is_sound(), "{:?}", runs);
            }
            prop_assert_eq!(runs.count(), set.len() as u64);
            for offset in 0..70 {
                prop_assert_eq!(runs.contains(offset), set.contains(&offset));
            }
        }
    }

    #[test]
    fn unsound_runs_are_told() {
        let sound = |runs: &[(u64, u64)]| Runs(runs.to_vec()).is_sound();
        assert!(sound(&[(0, 4), (6, 6)]));
        assert!(!sound(&[(4, 0)]), "backward");
        assert!(!sound(&[(0, 4), (5, 6)]), "not joined");
        assert!(!sound(&[(5, 6), (0, 3)]), "not ascending");
        assert!(!sound(&[(0, u64::MAX)]), "no offset is that large");
    }
}
