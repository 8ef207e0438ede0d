//! Goal: the miners' documents are a function of the set of messages, and versions grow whenever a document changes.
//!
//! Method: random trees of blocks, told by several messages each that leave out parents, heights, rewards and names, are
//! given to the ledger in random order and repeatedly. After every message each document is compared with the one
//! before: one that changed must have a greater version and be among those that the ledger says were touched. In the
//! end all must equal those of an oracle that looks at the whole set at once.

use std::collections::BTreeMap;

use btc_records::BlockHash;
use proptest::prelude::*;

use super::BlockObservation;
use super::ledger::{Account, Ledger};
use crate::documents::MinerDocument;
use crate::oracle;
use crate::prices::PriceObservation;
use crate::testing::{TestIndex, price};
use crate::time::HOUR_S;

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

/// The documents without their versions, by the rules as they stand in the design.
fn oracle(inputs: &[Input]) -> BTreeMap<String, MinerDocument> {
    let mut truth = oracle::Rewards::new(DEPTH_MAX);
    for input in inputs {
        match input {
            Input::Block(block) => truth.add_block(block),
            Input::Price(price) => truth.add_price(price),
        }
    }
    truth.documents()
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
