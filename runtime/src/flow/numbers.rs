//! Lists of numbers that mostly count up by one.

use std::ops::Range;

/// A list of numbers. A run of consecutive ones has no list, and so nothing to write for one core and to read for another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers<N> {
    /// The run begins here; the same as `next` where there is none.
    first: N,
    /// What the next number would be.
    next: N,
    /// All numbers, once they are not consecutive any more; then there is no run.
    list: Vec<N>,
}

/// Counts round: after the greatest comes zero.
pub(crate) trait Number: Copy + Default + Eq {
    fn plus(self, count: usize) -> Self;
    fn minus(self, other: Self) -> usize;
}

macro_rules! number {
    ($type:ty) => {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the step of a task emits far fewer than 2^32 tuples"
        )]
        impl Number for $type {
            #[inline]
            fn plus(self, count: usize) -> Self {
                self.wrapping_add(count as Self)
            }

            #[inline]
            fn minus(self, other: Self) -> usize {
                self.wrapping_sub(other) as usize
            }
        }
    };
}

number!(u32);
number!(u64);

impl<N: Number> Numbers<N> {
    /// Adds a number and says at which place.
    #[inline]
    pub(crate) fn push(&mut self, number: N) -> usize {
        let place = self.len();
        if !self.list.is_empty() {
            self.list.push(number);
        } else if number == self.next {
            self.next = number.plus(1);
        } else {
            self.begin(number);
        }
        place
    }

    /// Begins a run, or a list after one.
    #[cold]
    fn begin(&mut self, number: N) {
        if self.is_empty() {
            (self.first, self.next) = (number, number.plus(1));
        } else {
            self.list.extend((0..self.len()).map(|at| self.first.plus(at)));
            self.list.push(number);
            self.next = self.first;
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<N> {
        (at < self.len()).then(|| self.at(at))
    }

    /// The number at a place that there is.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> N {
        debug_assert!(at < self.len(), "place {at} of {}", self.len());
        self.list.get(at).copied().unwrap_or(self.first.plus(at))
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = N> {
        self.range(0..self.len())
    }

    /// Those at some places, which there are.
    #[inline]
    pub(crate) fn range(&self, places: Range<usize>) -> impl ExactSizeIterator<Item = N> {
        places.map(|at| self.at(at))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.next.minus(self.first) + self.list.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the room of the list.
    pub(crate) fn clear(&mut self) {
        (self.first, self.next) = Default::default();
        self.list.clear();
    }
}

impl<N: Number> FromIterator<N> for Numbers<N> {
    fn from_iter<I: IntoIterator<Item = N>>(numbers: I) -> Self {
        let mut all = Self::default();
        for number in numbers {
            all.push(number);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again_whether_or_not_they_are_consecutive() {
        for listed in [
            vec![],
            vec![9],
            vec![u64::MAX],
            vec![5, 6, 7],
            vec![5, 6, 9, 10],
            vec![5, 5, 6],
            vec![3, 2, 1],
            vec![u64::MAX, 0],
        ] {
            let mut numbers = Numbers::<u64>::from_iter([1, 3]);
            numbers.clear();
            for (place, number) in listed.iter().enumerate() {
                assert_eq!(numbers.push(*number), place);
            }
            assert_eq!(numbers.iter().collect::<Vec<_>>(), listed);
            assert_eq!((0..=listed.len()).map_while(|at| numbers.get(at)).collect::<Vec<_>>(), listed);
            for end in 0..=listed.len() {
                for start in 0..=end {
                    assert_eq!(numbers.range(start..end).collect::<Vec<_>>(), listed[start..end]);
                }
            }
        }
    }

    #[test]
    fn only_what_is_not_consecutive_is_listed() {
        assert_eq!(Numbers::from_iter([7_u32, 8, 9]).list.capacity(), 0);
        assert_eq!(Numbers::from_iter([7_u32, 8, 8]).list, [7, 8, 8]);
        assert_eq!(Numbers::from_iter([u32::MAX; 2]).list, [u32::MAX; 2]);
        assert_eq!(Numbers::from_iter([u32::MAX, 0, 1]).iter().collect::<Vec<_>>(), [u32::MAX, 0, 1]);
    }
}
