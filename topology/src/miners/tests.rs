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
use crate::testing::{TestIndex, chart_f64, price};
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
    let block = (
        any::<prop::sample::Index>(),
        0..4 * HOUR_S,
        0_usize..3,
        prop::collection::vec(message, 1..3),
    );
    prop::collection::vec(block, 1..12).prop_map(|blocks| {
        let mut heights: Vec<u32> = Vec::new();
        let mut inputs = Vec::new();
        for (number, (parent, after_s, miner, messages)) in blocks.into_iter().enumerate() {
            // The parent of the first block is not known.
            let parent = (number > 0).then(|| parent.index(number));
            let height = parent.map_or(100, |parent| heights[parent] + 1);
            heights.push(height);
            for ([tells_parent, tells_height, tells_reward, tells_miner], reward) in messages {
                let miner = if tells_miner {
                    ["Foundry USA", "AntPool", "F2Pool"][miner]
                } else {
                    "unknown"
                };
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
    bytes[31] = (number * 7 % 13) as u8;
    bytes[0] = number as u8;
    BlockHash::from_bytes(bytes)
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let prices = prop::collection::vec(
        price(FROM_S - HOUR_S..FROM_S + 5 * HOUR_S).prop_map(Input::Price),
        0..8,
    );
    (blocks(), prices).prop_map(|(blocks, prices)| [blocks, prices].concat())
}

fn all_documents(ledger: &Ledger) -> BTreeMap<Account, (u64, MinerDocument)> {
    let documents = ledger
        .accounts()
        .map(|account| (account.clone(), ledger.document(account).unwrap()));
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
            assert!(
                *version >= version_before,
                "{}: {version} after {version_before}",
                account.id()
            );
            if before != Some(document) {
                assert!(
                    *version > version_before,
                    "{} changed at version {version}",
                    account.id()
                );
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

/// The documents without their versions, by the rules as they stand in the design, from the whole set at once.
fn oracle(inputs: &[Input]) -> BTreeMap<String, MinerDocument> {
    let blocks: BTreeSet<_> = inputs
        .iter()
        .filter_map(|i| if let Input::Block(b) = i { Some(b) } else { None })
        .collect();
    let prices: BTreeSet<_> = inputs
        .iter()
        .filter_map(|i| if let Input::Price(p) = i { Some(p) } else { None })
        .collect();
    let hashes: BTreeSet<_> = blocks.iter().map(|block| block.hash).collect();
    let told = |hash| blocks.iter().filter(move |block| block.hash == hash).copied();
    let best = |hash| {
        let merit = |b: &BlockObservation| {
            4 * u8::from(b.slug != "unknown")
                + 2 * u8::from(b.reward_sat.is_some())
                + u8::from(b.height.is_some())
        };
        told(hash).rev().max_by_key(|b| merit(b)).unwrap()
    };
    let wins = |hash: BlockHash| {
        let is_rival = |other: &BlockHash| {
            *other != hash
                && told(hash).any(|a| {
                    told(*other).any(|b| {
                        (a.height.is_some() && a.height == b.height)
                            || (a.prev_hash.is_some() && a.prev_hash == b.prev_hash)
                    })
                })
        };
        let own = oracle_claim(&blocks, hash, DEPTH_MAX);
        hashes.iter().filter(|other| is_rival(other)).all(|&rival| {
            let other = oracle_claim(&blocks, rival, DEPTH_MAX);
            own.0 > other.0
                || (own.0 == other.0 && (&own.1, hash.to_string()) < (&other.1, rival.to_string()))
        })
    };
    let price_at = |time_s: i64| {
        let end = time_s - time_s % MINUTE_S + MINUTE_S;
        let last = prices
            .iter()
            .rfind(|p| p.time_s < end && p.time_s >= end - MINUTE_S - HOUR_S);
        last.or_else(|| {
            prices
                .iter()
                .find(|p| p.time_s >= end && p.time_s <= end + HOUR_S)
        })
        .map(|p| p.eur.decimal())
    };
    let mut documents = BTreeMap::new();
    for (kind, format) in [("day", "%Y-%m-%d"), ("month", "%Y-%m")] {
        let period = |time_s| {
            DateTime::from_timestamp(time_s, 0)
                .unwrap()
                .format(format)
                .to_string()
        };
        let accounts: BTreeSet<_> = blocks
            .iter()
            .map(|b| (period(b.time_s), &b.slug, &b.miner))
            .collect();
        for (name, slug, miner) in accounts {
            let mine = |b: &&BlockObservation| period(b.time_s) == name && &b.slug == slug && wins(b.hash);
            let won: Vec<_> = hashes.iter().map(|&hash| best(hash)).filter(mine).collect();
            let reward = |hash| {
                best(hash)
                    .reward_sat
                    .or(told(hash).filter_map(|b| b.reward_sat).max())
                    .unwrap_or(0)
            };
            let reward_sat: u64 = won.iter().map(|b| reward(b.hash)).sum();
            let worth = |b: &&BlockObservation| {
                Some(Decimal::from(reward(b.hash)) / Decimal::from(100_000_000) * price_at(b.time_s)?)
            };
            let exact: Decimal = won.iter().filter_map(worth).sum();
            let priced: u64 = won
                .iter()
                .filter(|b| worth(b).is_some())
                .map(|b| reward(b.hash))
                .sum();
            let first_day = if kind == "day" {
                name.clone()
            } else {
                format!("{name}-01")
            };
            documents.insert(
                format!("{kind}:{name}:{slug}"),
                MinerDocument {
                    timestamp: format!("{first_day}T00:00:00Z"),
                    period: name.clone(),
                    miner: miner.clone(),
                    blocks: won.len() as u64,
                    reward_sat,
                    reward_btc: reward_sat as f64 / 1e8,
                    reward_eur: chart_f64(exact),
                    reward_eur_exact: exact.normalize().to_string(),
                    priced_share: if reward_sat == 0 {
                        0.0
                    } else {
                        priced as f64 / reward_sat as f64
                    },
                },
            );
        }
    }
    documents
}

/// How deep the blocks on top of this one go, and the smallest printed hash at that depth.
fn oracle_claim(blocks: &BTreeSet<&BlockObservation>, hash: BlockHash, depth_max: u32) -> (u32, String) {
    let children = blocks
        .iter()
        .filter(|block| depth_max > 0 && block.prev_hash == Some(hash));
    let deeper = children
        .map(|child| oracle_claim(blocks, child.hash, depth_max - 1))
        .map(|(depth, tip)| (depth + 1, tip));
    let best = deeper.min_by_key(|(depth, tip)| (u32::MAX - depth, tip.clone()));
    best.unwrap_or((0, hash.to_string()))
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
