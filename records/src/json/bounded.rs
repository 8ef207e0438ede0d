//! Arrays of a bounded length.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// An array of at most `COUNT_MAX` elements. A longer one is refused before it takes more memory.
#[derive(Debug)]
pub(crate) struct Bounded<T, const COUNT_MAX: usize>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>, const COUNT_MAX: usize> Deserialize<'de> for Bounded<T, COUNT_MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T, const COUNT_MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const COUNT_MAX: usize> Visitor<'de> for BoundedVisitor<T, COUNT_MAX> {
    type Value = Bounded<T, COUNT_MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {COUNT_MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == COUNT_MAX {
                return Err(A::Error::custom(format_args!("more than {COUNT_MAX} elements")));
            }
            elements.push(element);
        }
        Ok(Bounded(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_last_length_that_is_read() {
        let read = serde_json::from_str::<Bounded<u8, 3>>;
        assert_eq!(read("[1,2,3]").unwrap().0, [1, 2, 3]);
        assert!(read("[]").unwrap().0.is_empty());
        assert_eq!(read("[1,2,3,4]").unwrap_err().to_string(), "more than 3 elements at line 1 column 9");
        assert!(read("{}").is_err());
    }
}
