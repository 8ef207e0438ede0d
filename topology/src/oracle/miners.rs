//! The miners.

use std::collections::{BTreeMap, BTreeSet};

use btc_records::BlockHash;
use chrono::DateTime;
use rust_decimal::Decimal;

use super::{chart_f64, quotient, worth};
use crate::documents::MinerDocument;
use crate::miners::BlockObservation;
use crate::prices::PriceObservation;
use crate::time::{HOUR_S, MINUTE_S};

/// All messages that bear on miners, at once.
#[derive(Debug)]
pub(crate) struct Rewards {
    blocks: BTreeSet<BlockObservation>,
    prices: BTreeSet<PriceObservation>,
    /// How many blocks deep a reorganisation is followed.
    depth_max: u32,
}

impl Rewards {
    pub(crate) fn new(depth_max: u32) -> Self {
        Self { blocks: BTreeSet::new(), prices: BTreeSet::new(), depth_max }
    }

    pub(crate) fn add_block(&mut self, block: &BlockObservation) {
        self.blocks.insert(block.clone());
    }

    pub(crate) fn add_price(&mut self, price: &PriceObservation) {
        self.prices.insert(price.clone());
    }

    /// The documents without their versions, by id.
    pub(crate) fn documents(&self) -> BTreeMap<String, MinerDocument> {
        let mut documents = BTreeMap::new();
        for (kind, format) in [("day", "%Y-%m-%d"), ("month", "%Y-%m")] {
            for block in &self.blocks {
                let period = period(block.time_s, format);
                let id = format!("{kind}:{period}:{}", block.slug);
                let first_day = if kind == "day" { period.clone() } else { format!("{period}-01") };
                documents.entry(id).or_insert_with(|| MinerDocument {
                    timestamp: format!("{first_day}T00:00:00Z"),
                    miner: block.miner.clone(),
                    ..self.document(format, period, &block.slug)
                });
            }
        }
        documents
    }

    fn told(&self, hash: BlockHash) -> impl DoubleEndedIterator<Item = &BlockObservation> {
        self.blocks.iter().filter(move |block| block.hash == hash)
    }

    fn best(&self, hash: BlockHash) -> Option<&BlockObservation> {
        let merit = |block: &&BlockObservation| {
            [block.slug != "unknown", block.reward_sat.is_some(), block.height.is_some()]
        };
        self.told(hash).rev().max_by_key(merit)
    }

    fn reward(&self, hash: BlockHash) -> u64 {
        let most = self.told(hash).filter_map(|block| block.reward_sat).max();
        self.best(hash).and_then(|best| best.reward_sat).or(most).unwrap_or(0)
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
            let (depth, tip) = self.claim(hash, self.depth_max);
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
        let best = self.hashes().into_iter().filter_map(|hash| self.best(hash));
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

fn period(time_s: i64, format: &str) -> String {
    DateTime::from_timestamp(time_s, 0).unwrap_or_default().format(format).to_string()
}
