//! Dead letters: tuples that a spout has given up, with the reason.

use super::bolt::StreamId;
use crate::failure::Autopsy;

/// A tuple that was given up: it was rejected, or has failed `attempts_max` times. See [`Stream::dead_letters`](crate::Stream::dead_letters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<T> {
    /// What the spout had emitted.
    pub item: T,
    /// The autopsy of the last attempt.
    pub autopsy: Autopsy,
}

/// The name of the stream that every spout has and few topologies read.
pub(crate) const DEAD_LETTERS: &str = "dead-letters";

pub(crate) const fn dead_letters<T>() -> StreamId<DeadLetter<T>> {
    StreamId::new(DEAD_LETTERS)
}
