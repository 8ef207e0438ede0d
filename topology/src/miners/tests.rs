//! Goal: the miners' documents are a function of the set of messages, and versions grow whenever a document changes.
//!
//! Method: random trees of blocks, told by several messages each that leave out parents, heights, rewards and names, are
//! given to the ledger in random order and repeatedly. After every message each document is compared with the one
//! before: one that changed must have a greater version and be among those that the ledger says were touched. In the
//! end all must equal those of an oracle that looks at the whole set at once.

use std::collections::{BTreeMap, BTreeSet};

use btc_records::BlockHash;
use chrono::DateTime;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::BlockObservation;
use super::ledger::{Account, Ledger};
use crate::documents::MinerDocument;
use crate::prices::PriceObservation;
use crate::testing::{TestIndex, chart_f64, price, quotient, worth};
use crate::time::{HOUR_S, MINUTE_S};

/// Two hours before a month begins.
const FROM_S: i64 = 1_730_419_200 - 2 * HOUR_S;
const DEPTH_MAX: u32 = 3;

#[derive(Clone, Debug)]
enum Input {
    Block(BlockObservation),
    Price(PriceObservation),
}

/// A tree of blocks: each one's parent by number, and how many messages tell of it.
fn blocks() -> impl Strategy<Value = Vec<Input>> {
    let message = (any::<[bool; 4]>(), 0_u64..3);
    let block =
        (any::<prop::sample::Index>(), 0..4 * HOUR_S, 0_usize..3, prop::collection::vec(message, 1..3));
    prop::collection::vec(block, 1..12).prop_map(|blocks| {
        let mut heights: Vec<u32> = Vec::new();
        let mut inputs = Vec::new();
        for (number, (parent, after_s, miner, messages)) in blocks.into_iter().enumerate() {
            // The parent of the first block is not known.
            let parent = (number > 0).then(|| parent.index(number));
            let height = parent.map_or(100, |parent| heights[parent] + 1);
            heights.push(height);
            for ([tells_parent, tells_height, tells_reward, tells_miner], reward) in messages {
                let miner = if tells_miner { ["Foundry USA", "AntPool", "F2Pool"][miner] } else { "unknown" };
                inputs.push(Input::Block(BlockObservation {
                    hash: hash(number),
                    prev_hash: parent.filter(|_| tells_parent).map(hash),
                    height: tells_height.then_some(height),
                    time_s: FROM_S + after_s,
                    reward_sat: tells_reward.then_some(312_500_000 + reward),
                    slug: btc_records::Miner::named(miner, btc_records::MatchedBy::Provider).slug,
                    miner: miner.to_owned(),
                }));
            }
        }
        inputs
    })
}

/// Hashes whose printed order is not the order of the blocks.
fn hash(number: usize) -> BlockHash {
    let mut bytes = [0; 32];
    bytes[31] = u8::try_from(number * 7 % 13).unwrap();
    bytes[0] = u8::try_from(number).unwrap();
    BlockHash::from_bytes(bytes)
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let prices =
        prop::collection::vec(price(FROM_S - HOUR_S..FROM_S + 5 * HOUR_S).prop_map(Input::Price), 0..8);
    (blocks(), prices).prop_map(|(blocks, prices)| [blocks, prices].concat())
}

fn all_documents(ledger: &Ledger) -> BTreeMap<Account, (u64, MinerDocument)> {
    let documents = ledger.accounts().map(|account| (account.clone(), ledger.document(account).unwrap()));
    documents.collect()
}

fn run(inputs: &[Input], order: &[prop::sample::Index]) -> TestIndex<MinerDocument> {
    let mut ledger = Ledger::new(DEPTH_MAX);
    let mut index = TestIndex::new();
    let mut before = BTreeMap::new();
    let drawn = order.iter().map(|which| &inputs[which.index(inputs.len())]);
    for input in drawn.chain(inputs) {
        let touched = match input {
            Input::Block(block) => {
                ledger.put_block(block);
                ledger.touched_by_block(block.hash)
            }
            Input::Price(price) => {
                ledger.put_price(price);
                ledger.touched_by_price(price)
            }
        };
        let after = all_documents(&ledger);
        for (account, (version, document)) in &after {
            let (version_before, before) = before.get(account).map_or((0, None), |(v, d)| (*v, Some(d)));
            assert!(*version >= version_before, "{}: {version} after {version_before}", account.id());
            if before != Some(document) {
                assert!(*version > version_before, "{} changed at version {version}", account.id());
                assert!(touched.contains(account), "{} changed untouched", account.id());
            }
        }
        for account in touched {
            let (version, document) = after[&account].clone();
            index.put(account.id(), version, document);
        }
        before = after;
    }
    index
}

/// All messages at once.
struct Truth<'a> {
    blocks: BTreeSet<&'a BlockObservation>,
    prices: BTreeSet<&'a PriceObservation>,
}

/// The documents without their versions, by the rules as they stand in the design.
fn oracle(inputs: &[Input]) -> BTreeMap<String, MinerDocument> {
    let mut truth = Truth { blocks: BTreeSet::new(), prices: BTreeSet::new() };
    for input in inputs {
        match input {
            Input::Block(block) => _ = truth.blocks.insert(block),
            Input::Price(price) => _ = truth.prices.insert(price),
        }
    }
    let mut documents = BTreeMap::new();
    for (kind, format) in [("day", "%Y-%m-%d"), ("month", "%Y-%m")] {
        for block in &truth.blocks {
            let period = period(block.time_s, format);
            let id = format!("{kind}:{period}:{}", block.slug);
            let first_day = if kind == "day" { period.clone() } else { format!("{period}-01") };
            documents.entry(id).or_insert_with(|| MinerDocument {
                timestamp: format!("{first_day}T00:00:00Z"),
                miner: block.miner.clone(),
                ..truth.document(format, period, &block.slug)
            });
        }
    }
    documents
}

fn period(time_s: i64, format: &str) -> String {
    DateTime::from_timestamp(time_s, 0).unwrap().format(format).to_string()
}

impl<'a> Truth<'a> {
    fn told(&self, hash: BlockHash) -> impl DoubleEndedIterator<Item = &'a BlockObservation> {
        self.blocks.iter().copied().filter(move |block| block.hash == hash)
    }

    fn best(&self, hash: BlockHash) -> &'a BlockObservation {
        let merit = |block: &&BlockObservation| {
            [block.slug != "unknown", block.reward_sat.is_some(), block.height.is_some()]
        };
        self.told(hash).rev().max_by_key(merit).unwrap()
    }

    fn reward(&self, hash: BlockHash) -> u64 {
        let most = self.told(hash).filter_map(|block| block.reward_sat).max();
        self.best(hash).reward_sat.or(most).unwrap_or(0)
    }

    fn hashes(&self) -> BTreeSet<BlockHash> {
        self.blocks.iter().map(|block| block.hash).collect()
    }

    fn are_rivals(&self, one: BlockHash, other: BlockHash) -> bool {
        let meet = |a: &BlockObservation, b: &BlockObservation| {
            (a.height.is_some() && a.height == b.height)
                || (a.prev_hash.is_some() && a.prev_hash == b.prev_hash)
        };
        one != other && self.told(one).any(|a| self.told(other).any(|b| meet(a, b)))
    }

    fn wins(&self, hash: BlockHash) -> bool {
        let rank = |hash: BlockHash| {
            let (depth, tip) = self.claim(hash, DEPTH_MAX);
            (u32::MAX - depth, tip, hash.to_string())
        };
        let rivals = self.hashes().into_iter().filter(|&other| self.are_rivals(hash, other));
        rivals.into_iter().all(|rival| rank(hash) < rank(rival))
    }

    /// How deep the blocks on top of this one go, and the smallest printed hash at that depth.
    fn claim(&self, hash: BlockHash, depth_max: u32) -> (u32, String) {
        let children = self.blocks.iter().filter(|block| depth_max > 0 && block.prev_hash == Some(hash));
        let claims = children.map(|child| self.claim(child.hash, depth_max - 1));
        let best = claims.min_by_key(|(depth, tip)| (u32::MAX - depth, tip.clone()));
        best.map_or((0, hash.to_string()), |(depth, tip)| (depth + 1, tip))
    }

    fn worth(&self, block: &BlockObservation) -> Option<Decimal> {
        let end = block.time_s - block.time_s % MINUTE_S + MINUTE_S;
        let before = end - MINUTE_S - HOUR_S..end;
        let last = self.prices.iter().rfind(|price| before.contains(&price.time_s));
        let first = || self.prices.iter().find(|price| (end..=end + HOUR_S).contains(&price.time_s));
        Some(worth(self.reward(block.hash), last.or_else(first)?.eur.decimal()))
    }

    fn document(&self, format: &str, name: String, slug: &str) -> MinerDocument {
        let best = self.hashes().into_iter().map(|hash| self.best(hash));
        let booked = best.filter(|block| period(block.time_s, format) == name && block.slug == slug);
        let won: Vec<_> = booked.filter(|block| self.wins(block.hash)).collect();
        let reward_sat = won.iter().map(|block| self.reward(block.hash)).sum();
        let exact: Decimal = won.iter().filter_map(|block| self.worth(block)).sum();
        let quoted = won.iter().filter(|block| self.worth(block).is_some());
        let quoted_sat = quoted.map(|block| self.reward(block.hash)).sum();
        MinerDocument {
            timestamp: String::new(),
            period: name,
            miner: String::new(),
            blocks: won.len() as u64,
            reward_sat,
            reward_btc: quotient(reward_sat, 100_000_000),
            reward_eur: chart_f64(exact),
            reward_eur_exact: exact.normalize().to_string(),
            priced_share: quotient(quoted_sat, reward_sat),
        }
    }
}

proptest! {
    #[test]
    fn documents_are_a_function_of_the_set_of_messages(
        inputs in inputs(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let index = run(&inputs, &order);
        prop_assert_eq!(&index, &run(&inputs, &[]), "another order");
        let documents: BTreeMap<_, _> = index.0.into_iter().map(|(id, (_, document))| (id, document)).collect();
        prop_assert_eq!(documents, oracle(&inputs));
    }
}
