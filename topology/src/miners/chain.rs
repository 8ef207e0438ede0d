//! Which blocks are on the best chain, as far as it is known.
//!
//! Blocks arrive singly, in any order, with gaps, and often without their parent or without their height. So nothing is
//! asked of the whole chain: a block counts unless a *rival*, a block at the same height or on the same parent, has
//! descendants that reach higher.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use btc_records::BlockHash;

use super::block::{Block, BlockObservation};

/// A hash in the order of its printed form, in which ties are broken.
type Printed = [u8; 32];

fn printed(hash: BlockHash) -> Printed {
    let mut bytes = *hash.as_bytes();
    bytes.reverse();
    bytes
}

/// All blocks, by hash, by height and by parent.
#[derive(Debug)]
pub(super) struct Chain {
    /// How many blocks deep a reorganisation is followed.
    depth_max: u32,
    blocks: HashMap<BlockHash, Block>,
    by_height: BTreeMap<u32, BTreeSet<BlockHash>>,
    by_parent: HashMap<BlockHash, BTreeSet<BlockHash>>,
}

/// How strong a block's claim is.
#[derive(Debug)]
struct Claim {
    /// How far the longest line of its descendants reaches.
    depth: u32,
    /// The smallest hash at the end of such a line; the block's own if it has no descendants.
    tip: Printed,
    descendants_count: u64,
}

impl Chain {
    pub(super) fn new(depth_max: u32) -> Self {
        Self { depth_max, blocks: HashMap::new(), by_height: BTreeMap::new(), by_parent: HashMap::new() }
    }

    /// Adds an observation and says whether it is new.
    pub(super) fn insert(&mut self, observation: BlockObservation) -> bool {
        let hash = observation.hash;
        if let Some(height) = observation.height {
            self.by_height.entry(height).or_default().insert(hash);
        }
        if let Some(parent) = observation.prev_hash {
            self.by_parent.entry(parent).or_default().insert(hash);
        }
        self.blocks.entry(hash).or_default().insert(observation)
    }

    pub(super) fn get(&self, hash: BlockHash) -> Option<&Block> {
        self.blocks.get(&hash)
    }

    /// The blocks that cannot be on the best chain together with this one. Any observation's height or parent makes a rival,
    /// so that a further observation never ends a rivalry.
    pub(super) fn rivals(&self, hash: BlockHash) -> BTreeSet<BlockHash> {
        let Some(block) = self.blocks.get(&hash) else {
            return BTreeSet::new();
        };
        let at_height = block.heights().filter_map(|height| self.by_height.get(&height));
        let on_parent = block.prev_hashes().filter_map(|parent| self.by_parent.get(&parent));
        at_height.chain(on_parent).flatten().copied().filter(|&rival| rival != hash).collect()
    }

    /// Whether the block is on the best chain: no rival has a better claim.
    pub(super) fn counts(&self, hash: BlockHash, rivals: &BTreeSet<BlockHash>) -> bool {
        let rank = |hash| {
            let claim = self.claim(hash);
            (std::cmp::Reverse(claim.depth), claim.tip, printed(hash))
        };
        rivals.is_empty() || {
            let own = rank(hash);
            rivals.iter().all(|&rival| own < rank(rival))
        }
    }

    /// The number of inputs that bear on whether the block counts. It grows whenever the answer changes.
    pub(super) fn contest_count(&self, hash: BlockHash, rivals: &BTreeSet<BlockHash>) -> u64 {
        if rivals.is_empty() {
            return 0;
        }
        let inputs = |&hash: &BlockHash| {
            self.blocks.get(&hash).map_or(0, Block::observations_count) + self.claim(hash).descendants_count
        };
        inputs(&hash) + rivals.iter().map(inputs).sum::<u64>()
    }

    /// The known ancestors of a block within the depth, with itself.
    pub(super) fn line(&self, hash: BlockHash) -> BTreeSet<BlockHash> {
        let parents =
            |hash: &BlockHash| self.blocks.get(hash).into_iter().flat_map(Block::prev_hashes).collect();
        self.levels(hash, parents).into_iter().flatten().collect()
    }

    fn claim(&self, hash: BlockHash) -> Claim {
        let children = |hash: &BlockHash| self.by_parent.get(hash).into_iter().flatten().copied().collect();
        let levels = self.levels(hash, children);
        let depth = levels.len().saturating_sub(1);
        Claim {
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
            tip: levels.last().into_iter().flatten().copied().map(printed).min().unwrap_or(printed(hash)),
            descendants_count: levels.iter().skip(1).map(|level| level.len() as u64).sum(),
        }
    }

    /// The blocks reached from `hash` by `next`, step by step, each once, up to the depth. It ends also if false messages
    /// tell of a circle.
    fn levels(
        &self,
        hash: BlockHash,
        next: impl Fn(&BlockHash) -> Vec<BlockHash>,
    ) -> Vec<BTreeSet<BlockHash>> {
        let mut seen = BTreeSet::from([hash]);
        let mut levels = vec![BTreeSet::from([hash])];
        for _ in 0..self.depth_max {
            let from = levels.last().into_iter().flatten();
            let level: BTreeSet<_> = from.flat_map(&next).filter(|&hash| seen.insert(hash)).collect();
            if level.is_empty() {
                break;
            }
            levels.push(level);
        }
        levels
    }
}
