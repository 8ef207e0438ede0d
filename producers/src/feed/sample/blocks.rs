//! The sample's blocks, in the shape of mempool.space's `block` message.
//!
//! Each UTC day has exactly 144 of them at uniformly drawn times: that is the network's Poisson process given
//! its count, so the gaps are exponential, and the height follows from day and place without counting from the
//! first block. A hash is drawn for each height, so the link to the block before needs no memory either.

use btc_records::hex;
use serde::Serialize;

use super::amounts::log_normal;
use super::pools::{self, Pool};
use super::{Domain, MINUTE_MS};
use crate::message::{Event, FeedKind, Topic};
use crate::random::Random;

const DAY_MS: i64 = 86_400_000;
const BLOCKS_A_DAY: i64 = 144;

/// The real chain on 2025-04-01 (block 890440 came at 19:27:57): the sample's heights are near the real ones.
const ANCHOR_DAY: i64 = 20_179;
const ANCHOR_HEIGHT: i64 = 890_323;

const HALVING_BLOCKS: u32 = 210_000;
const FIRST_SUBSIDY_SAT: u64 = 5_000_000_000;

/// One block in so many loses a race that it first seemed to win. The real network sees fewer; a sample of two
/// days should show it.
const STALE_ONCE_IN: u64 = 96;

/// The blocks of each minute.
#[derive(Debug)]
pub(super) struct Blocks {
    seed: u64,
    /// The day made last, since its minutes are asked for one after the other.
    day: Option<(i64, Vec<Find>)>,
}

/// A block is found.
#[derive(Clone, Copy, Debug)]
struct Find {
    time_ms: i64,
    height: i64,
    /// Whether another block of this height will be built upon.
    is_stale: bool,
}

#[derive(Serialize)]
struct BlockMessage {
    block: Block,
}

#[derive(Serialize)]
struct Block {
    id: String,
    height: u32,
    version: u32,
    timestamp: i64,
    bits: u32,
    nonce: u32,
    difficulty: u64,
    merkle_root: String,
    tx_count: u64,
    size: u64,
    weight: u64,
    previousblockhash: String,
    mediantime: i64,
    stale: bool,
    extras: Extras,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extras {
    reward: u64,
    coinbase_raw: String,
    orphans: [(); 0],
    median_fee: u64,
    total_fees: u64,
    avg_fee: u64,
    total_outputs: u64,
    total_output_amt: u64,
    coinbase_signature_ascii: String,
    pool: PoolName,
}

#[derive(Serialize)]
struct PoolName {
    id: u32,
    name: &'static str,
    slug: &'static str,
}

impl Blocks {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, day: None }
    }

    /// Adds the blocks of one minute.
    pub(super) fn add(&mut self, minute: i64, events: &mut Vec<Event>) {
        let from_ms = minute * MINUTE_MS;
        let seed = self.seed;
        let day = from_ms.div_euclid(DAY_MS);
        let finds = match &mut self.day {
            Some((known, finds)) if *known == day => finds,
            stale => &mut stale.insert((day, finds(seed, day))).1,
        };
        let first = finds.partition_point(|find| find.time_ms < from_ms);
        let found = finds[first..].iter().take_while(|find| find.time_ms < from_ms + MINUTE_MS);
        events.extend(found.filter_map(|find| event(seed, *find)));
    }
}

/// All finds of a day in the order of their times.
fn finds(seed: u64, day: i64) -> Vec<Find> {
    let mut random = Domain::BlockTimes.stream(seed, day);
    let start_ms = day * DAY_MS;
    let mut times: Vec<i64> =
        (0..BLOCKS_A_DAY).map(|_| start_ms + random.below(DAY_MS.unsigned_abs()).cast_signed()).collect();
    times.sort_unstable();
    let mut finds = Vec::with_capacity(times.len() + 4);
    let first_height = ANCHOR_HEIGHT + (day - ANCHOR_DAY) * BLOCKS_A_DAY;
    for (height, time_ms) in (first_height..).zip(times) {
        if random.once_in(STALE_ONCE_IN) {
            let ahead_ms = 500 + random.below(15_000).cast_signed();
            finds.push(Find { time_ms: (time_ms - ahead_ms).max(start_ms), height, is_stale: true });
        }
        finds.push(Find { time_ms, height, is_stale: false });
    }
    finds.sort_by_key(|find| find.time_ms);
    finds
}

/// The message; `None` before the first block of the chain.
fn event(seed: u64, find: Find) -> Option<Event> {
    let height = u32::try_from(find.height).ok().filter(|height| *height > 0)?;
    let id = hash(seed, find.height, find.is_stale);
    // Both blocks of a race extend the one that was built upon.
    let previous = hash(seed, find.height - 1, false);
    let mut random = Domain::Block.stream(seed, find.height * 2 + i64::from(find.is_stale));
    let message = BlockMessage { block: block(&mut random, height, find.time_ms, id.clone(), previous) };
    let value = serde_json::to_vec(&message).expect("plain strings and numbers always serialise");
    Some(Event::new(Topic::Blocks, "mempool-space", FeedKind::Sample, id, value, find.time_ms))
}

fn block(random: &mut Random, height: u32, time_ms: i64, id: String, previousblockhash: String) -> Block {
    let pool = pools::draw(random);
    let timestamp = time_ms.div_euclid(1_000);
    let tx_count = 1 + log_normal(random, 11 * 16 + 10, 6);
    let total_fees = log_normal(random, 22 * 16 + 10, 14);
    let subsidy_sat = FIRST_SUBSIDY_SAT.checked_shr(height / HALVING_BLOCKS).unwrap_or(0);
    let total_output_amt = log_normal(random, 38 * 16 + 8, 11);
    let size = 1_200_000 + random.below(600_000);
    let (coinbase_raw, coinbase_signature_ascii) = coinbase(random, height, pool);
    let mut merkle_root = [0; 32];
    random.fill(&mut merkle_root);
    Block {
        id,
        height,
        version: 0x2000_0000,
        timestamp,
        bits: 386_038_124,
        nonce: u32::try_from(random.next() >> 32).unwrap_or(0),
        difficulty: 113_757_508_810_854,
        merkle_root: hex::encode(merkle_root),
        tx_count,
        size,
        weight: 3_990_000 + random.below(9_000),
        previousblockhash,
        mediantime: timestamp - 3_000,
        stale: false,
        extras: Extras {
            reward: subsidy_sat + total_fees,
            coinbase_raw,
            orphans: [],
            median_fee: 2 + random.below(20),
            total_fees,
            avg_fee: total_fees / tx_count,
            total_outputs: tx_count * 3,
            total_output_amt,
            coinbase_signature_ascii,
            pool: PoolName { id: pool.id, name: pool.name, slug: pool.slug },
        },
    }
}

/// The coinbase script in hexadecimal and as far as it is readable: the height (BIP 34), the pool's tag, noise.
fn coinbase(random: &mut Random, height: u32, pool: &Pool) -> (String, String) {
    let mut script = vec![3];
    script.extend_from_slice(&height.to_le_bytes()[..3]);
    script.extend_from_slice(pool.tag.as_bytes());
    let mut noise = [0; 8];
    random.fill(&mut noise);
    script.extend_from_slice(&noise.map(|byte| byte | 0x80));
    (hex::encode(&script), pool.tag.to_owned())
}

/// A block hash: 32 bytes, of which proof of work has made the first ten zero.
fn hash(seed: u64, height: i64, is_stale: bool) -> String {
    let domain = if is_stale { Domain::StaleHash } else { Domain::BlockHash };
    let mut bytes = [0; 32];
    domain.stream(seed, height).fill(&mut bytes[10..]);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_144_blocks_and_the_next_day_goes_on_with_the_height() {
        let (today, tomorrow) = (finds(1, ANCHOR_DAY), finds(1, ANCHOR_DAY + 1));
        let kept = |finds: &[Find]| {
            finds.iter().filter(|find| !find.is_stale).map(|find| find.height).collect::<Vec<_>>()
        };
        assert_eq!(kept(&today), (890_323..890_467).collect::<Vec<_>>());
        assert_eq!(kept(&tomorrow)[0], 890_467);
    }

    #[test]
    fn the_subsidy_halves() {
        let reward = |height| {
            let block = block(&mut Random::new(1), height, 0, String::new(), String::new());
            block.extras.reward - block.extras.total_fees
        };
        assert_eq!(reward(209_999), 5_000_000_000);
        assert_eq!(reward(890_440), 312_500_000);
        assert_eq!(reward(u32::MAX), 0);
    }
}
