//! What is known of one block, from one message or several.

use std::collections::BTreeSet;

use btc_records::{BlockHash, BlockRecord, Satoshi};
use serde::{Deserialize, Serialize};

/// The slug of blocks that nobody could be named for.
const UNKNOWN: &str = "unknown";

/// What one message says of a block. The order makes the choice between several deterministic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct BlockObservation {
    pub(crate) hash: BlockHash,
    pub(crate) prev_hash: Option<BlockHash>,
    pub(crate) height: Option<u32>,
    pub(crate) time_s: i64,
    pub(crate) reward_sat: Option<u64>,
    pub(crate) slug: String,
    pub(crate) miner: String,
}

impl From<&BlockRecord> for BlockObservation {
    fn from(record: &BlockRecord) -> Self {
        Self {
            hash: record.hash,
            prev_hash: record.prev_hash,
            height: record.height,
            time_s: record.time.timestamp(),
            reward_sat: record.reward.map(Satoshi::to_sat),
            slug: record.miner.slug.clone(),
            miner: record.miner.name.clone(),
        }
    }
}

impl BlockObservation {
    /// How much it tells of what the dashboard shows; the greater, the better.
    fn merit(&self) -> (bool, bool, bool) {
        (self.slug != UNKNOWN, self.reward_sat.is_some(), self.height.is_some())
    }
}

/// All distinct observations of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    observations: BTreeSet<BlockObservation>,
}

impl Block {
    /// Adds an observation and says whether it is new.
    pub(super) fn insert(&mut self, observation: BlockObservation) -> bool {
        self.observations.insert(observation)
    }

    pub(super) fn observations(&self) -> impl Iterator<Item = &BlockObservation> {
        self.observations.iter()
    }

    pub(super) fn observations_count(&self) -> u64 {
        self.observations.len() as u64
    }

    /// The observation that says when the block was found and by whom: the one that tells most; of several, the smallest.
    pub(super) fn best(&self) -> Option<&BlockObservation> {
        self.observations
            .iter()
            .min_by_key(|observation| (std::cmp::Reverse(observation.merit()), *observation))
    }

    /// What the miner earned: as the best observation tells it, or else the most that any other tells.
    pub(super) fn reward_sat(&self) -> u64 {
        let told = self.best().and_then(|best| best.reward_sat);
        told.or_else(|| self.observations.iter().filter_map(|other| other.reward_sat).max()).unwrap_or(0)
    }

    /// Every time that some observation tells. In truth there is one, since the hash covers it.
    pub(super) fn times_s(&self) -> BTreeSet<i64> {
        self.observations.iter().map(|observation| observation.time_s).collect()
    }

    /// Every height that some observation tells.
    pub(super) fn heights(&self) -> impl Iterator<Item = u32> {
        self.observations.iter().filter_map(|observation| observation.height)
    }

    /// Every previous block that some observation tells.
    pub(super) fn prev_hashes(&self) -> impl Iterator<Item = BlockHash> {
        self.observations.iter().filter_map(|observation| observation.prev_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(slug: &str, reward_sat: Option<u64>, height: Option<u32>) -> BlockObservation {
        let hash = BlockHash::from_bytes([1; 32]);
        let (slug, miner) = (slug.to_owned(), slug.to_owned());
        BlockObservation { hash, prev_hash: None, height, time_s: 0, reward_sat, slug, miner }
    }

    #[test]
    fn the_observation_that_tells_most_wins_and_the_others_fill_its_gaps() {
        let mut block = Block::default();
        assert!(block.insert(observation("unknown", Some(7), Some(3))));
        assert!(block.insert(observation("foundry", None, None)));
        assert!(!block.insert(observation("foundry", None, None)));
        assert_eq!(block.best().unwrap().slug, "foundry");
        assert_eq!(block.reward_sat(), 7);
        assert_eq!(block.heights().collect::<Vec<_>>(), [3]);
        block.insert(observation("antpool", Some(5), None));
        assert_eq!((block.best().unwrap().slug.as_str(), block.reward_sat()), ("antpool", 5));
    }
}
