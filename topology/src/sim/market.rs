//! What a simulated feed brings, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use btc_records::{BlockHash, Eur, MatchedBy, Miner, Txid};
use serde::Serialize;
use trombe::sim::{Chance, World};
use trombe_connectors::{Document, Message};

use super::messages::{BLOCK_REWARD_SAT, block, block_hash, nonsense, price, transaction, txid};
use super::{FEED_DUPLICATE, FEED_LATE};
use crate::documents::{MINER, VALUE, VOLUME, ValueDocument};
use crate::miners::BlockObservation;
use crate::oracle::{Hours, Rewards};
use crate::prices::PriceObservation;
use crate::time::rfc3339;
use crate::transactions::Sighting;

/// 2024-10-31T22:00:00Z: the hours that follow cross a day and a month.
pub const FROM_S: i64 = 1_730_412_000;
/// The span of the messages' own times.
const SPAN_S: u64 = 4 * 3_600;
/// How long the feed takes to bring them.
const FEED_MS: u64 = 30_000;
/// A late message comes up to this much later, on the world's clock.
const LATE_MS_MAX: u64 = 120_000;
/// So many messages in a row are duplicated, or late, together.
const CHUNK: usize = 20;
const MINERS: [&str; 3] = ["Foundry USA", "AntPool", "F2Pool"];

/// Some hours of made-up facts: ties, repetitions, two times for one transaction, missing prices, forks.
#[derive(Debug)]
pub(super) struct Market {
    /// In the order in which a feed without faults brings them.
    pub(super) messages: Vec<(&'static str, Message)>,
    hours: Hours,
    rewards: Rewards,
    values: BTreeSet<PriceObservation>,
    /// Messages that nobody understands.
    pub(super) bad_count: usize,
    height: u32,
    parents: Vec<String>,
}

/// What an oracle says of a document: its source, and its version if the oracle knows that.
pub(super) type Expected = BTreeMap<(String, String), (Option<u64>, String)>;

impl Market {
    pub(super) fn new(world: &World, reorg_depth_max: u32) -> Self {
        let mut market = Self {
            messages: Vec::new(),
            hours: Hours::default(),
            rewards: Rewards::new(reorg_depth_max),
            values: BTreeSet::new(),
            bad_count: 0,
            height: 868_000,
            parents: vec!["root".to_owned()],
        };
        let mut chance = world.chance("market");
        for number in 0..world.messages() as u64 {
            market.add(number, &mut chance);
        }
        chance.shuffle(&mut market.messages);
        market
    }

    fn add(&mut self, number: u64, chance: &mut Chance) {
        let time_s = FROM_S + chance.below(SPAN_S).cast_signed();
        let message = match chance.below(20) {
            0..4 => self.price(time_s, chance),
            4..7 => self.block(number, time_s, chance),
            7 => {
                self.bad_count += 1;
                nonsense(number, time_s)
            }
            _ => self.transaction(number, time_s, chance),
        };
        self.messages.push(message);
    }

    fn price(&mut self, time_s: i64, chance: &mut Chance) -> (&'static str, Message) {
        // The middle of the time has none.
        let time_s = if (time_s - FROM_S) / 3_600 == 1 { time_s + 7_200 } else { time_s };
        let cents = 6_000_000 + chance.below(100_000);
        let eur = format!("{}.{:02}", cents / 100, cents % 100);
        if let Ok(eur) = Eur::parse(&eur) {
            let price = PriceObservation { time_s, source: "csv".to_owned(), eur };
            self.hours.add_price(&price);
            self.rewards.add_price(&price);
            self.values.insert(price);
        }
        price(time_s, &eur)
    }

    fn transaction(&mut self, number: u64, time_s: i64, chance: &mut Chance) -> (&'static str, Message) {
        // Every fifth is an earlier one seen again, at another time.
        let number = if chance.one_in(5) { chance.below(number + 1) } else { number };
        let sat = chance.pick(&[1, 50_000, 100_000_000, 21_000_000_000]).copied().unwrap_or(1);
        if let Ok(txid) = txid(number).parse::<Txid>() {
            self.hours.add_sighting(txid, Sighting { time_s, outputs_sat: sat + 1, adjusted_sat: sat });
        }
        transaction(number, time_s, sat)
    }

    /// A block on top of the last one or, as a rival, of one of the three before it.
    fn block(&mut self, number: u64, time_s: i64, chance: &mut Chance) -> (&'static str, Message) {
        let last = self.parents.len() - 1;
        let back = if chance.one_in(4) { chance.below(4) } else { 0 };
        let parent_at = last.saturating_sub(usize::try_from(back).unwrap_or(0));
        let parent = self.parents[parent_at].clone();
        self.parents.truncate(parent_at + 1);
        let height = self.height + u32::try_from(parent_at).unwrap_or(0);
        let name = format!("b{number}");
        let miner = chance.pick(&MINERS).copied().unwrap_or(MINERS[0]);
        let hash = |name: &str| block_hash(name).parse::<BlockHash>().ok();
        if let Some(own) = hash(&name) {
            self.rewards.add_block(&BlockObservation {
                hash: own,
                prev_hash: hash(&parent),
                height: Some(height),
                time_s,
                reward_sat: Some(BLOCK_REWARD_SAT),
                slug: Miner::named(miner, MatchedBy::Provider).slug,
                miner: miner.to_owned(),
            });
        }
        self.parents.push(name.clone());
        block(&name, &parent, height, time_s, miner)
    }

    /// When the feed brings what: some of it twice, some of it late.
    pub(super) fn schedule(&self, world: &World) -> Vec<(Duration, String, Message)> {
        let mut schedule = Vec::new();
        let mut chance = world.chance("schedule");
        for chunk in self.messages.chunks(CHUNK) {
            let (mut late, mut twice) = (world.strike(FEED_LATE.name()), world.strike(FEED_DUPLICATE.name()));
            for (topic, message) in chunk {
                let delay_ms = late.as_mut().map_or(0, |late| late.below(LATE_MS_MAX));
                let at = |ms| Duration::from_millis(ms);
                schedule.push((at(chance.below(FEED_MS) + delay_ms), (*topic).to_owned(), message.clone()));
                if let Some(again) = twice.as_mut().map(|twice| twice.below(2 * FEED_MS)) {
                    schedule.push((at(again), (*topic).to_owned(), message.clone()));
                }
            }
        }
        schedule
    }

    /// The documents that an oracle can say without the topology's own code.
    pub(super) fn expected(&self) -> Expected {
        let mut expected = Expected::new();
        let mut add = |index: &str, id: String, version, source: String| {
            expected.insert((index.to_owned(), id), (version, source));
        };
        for (id, (version, document)) in self.hours.documents() {
            add(VOLUME, id, Some(version), json(&document));
        }
        for (id, document) in self.rewards.documents() {
            add(MINER, id, None, json(&document));
        }
        for PriceObservation { time_s, source, eur } in &self.values {
            let (timestamp, eur_exact) = (rfc3339(*time_s), eur.to_string());
            let id = format!("{timestamp}:{source}:{eur_exact}");
            let eur = eur.to_chart_f64();
            let value = ValueDocument { timestamp, eur, eur_exact, source: source.clone() };
            add(VALUE, id, Some(1), json(&value));
        }
        expected
    }
}

/// Whether an oracle speaks of documents of this index.
pub(super) fn is_known_to_oracle(document: &Document) -> bool {
    [VALUE, VOLUME, MINER].contains(&document.index.as_str())
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}
