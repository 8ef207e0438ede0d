//! The books of the miners: all blocks, all prices, and the documents that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use btc_records::{BlockHash, Eur, EurAmount, Satoshi};

use super::block::BlockObservation;
use super::chain::Chain;
use super::period::Period;
use crate::documents::MinerDocument;
use crate::prices::{PriceBook, PriceObservation, bearing_on};
use crate::time::{HOUR_S, MINUTE_S, Minute, rfc3339};
use crate::volume::share;

/// Names one document: a miner's slug in a period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    period: Period,
    slug: String,
}

impl Account {
    /// The accounts that an observation books its block to.
    fn of(observation: &BlockObservation) -> [Self; 2] {
        Period::of(observation.time_s).map(|period| Self { period, slug: observation.slug.clone() })
    }

    /// The document's `_id`.
    pub(crate) fn id(&self) -> String {
        format!("{}:{}:{}", self.period.kind(), self.period.name(), self.slug)
    }

    /// The document's time.
    pub(crate) fn start_s(&self) -> i64 {
        self.period.start_s()
    }
}

/// What the prices say of one block.
#[derive(Clone, Copy, Debug, Default)]
struct Quote {
    /// The price of the block's minute.
    eur: Option<Eur>,
    /// Observations that bear on it.
    bearing_count: u64,
}

/// All blocks and prices.
#[derive(Debug)]
pub(crate) struct Ledger {
    chain: Chain,
    prices: PriceBook,
    /// The blocks that some observation books to the account, counting or not.
    accounts: BTreeMap<Account, BTreeSet<BlockHash>>,
    by_time: BTreeSet<(i64, BlockHash)>,
    quotes: BTreeMap<BlockHash, Quote>,
}

impl Ledger {
    pub(crate) fn new(reorg_depth_max: u32) -> Self {
        Self {
            chain: Chain::new(reorg_depth_max),
            prices: PriceBook::default(),
            accounts: BTreeMap::new(),
            by_time: BTreeSet::new(),
            quotes: BTreeMap::new(),
        }
    }

    /// Takes in an observation of a block and says whether it is new.
    pub(crate) fn put_block(&mut self, observation: &BlockObservation) -> bool {
        let hash = observation.hash;
        let is_new = self.chain.insert(observation.clone());
        if is_new {
            for account in Account::of(observation) {
                self.accounts.entry(account).or_default().insert(hash);
            }
            self.by_time.insert((observation.time_s, hash));
            self.quote(hash);
        }
        is_new
    }

    /// Takes in an observation of the price and says whether it is new.
    pub(crate) fn put_price(&mut self, price: &PriceObservation) -> bool {
        let is_new = self.prices.insert(price);
        if is_new {
            for hash in self.blocks_near(price.time_s) {
                self.quote(hash);
            }
        }
        is_new
    }

    /// The accounts that an observation of a block may bear on: the block's, its rivals', and those of every contested block it
    /// descends from.
    pub(crate) fn touched_by_block(&self, hash: BlockHash) -> BTreeSet<Account> {
        let mut touched: BTreeSet<_> = self.accounts_of(hash).collect();
        for ancestor in self.chain.line(hash) {
            let rivals = self.chain.rivals(ancestor);
            if !rivals.is_empty() {
                touched.extend(self.accounts_of(ancestor));
                touched.extend(rivals.iter().flat_map(|&rival| self.accounts_of(rival)));
            }
        }
        touched
    }

    /// The accounts that an observation of the price may bear on.
    pub(crate) fn touched_by_price(&self, price: &PriceObservation) -> BTreeSet<Account> {
        self.blocks_near(price.time_s).iter().flat_map(|&hash| self.accounts_of(hash)).collect()
    }

    /// Every account that any block was ever booked to.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.keys()
    }

    /// An account's document and its version.
    ///
    /// The version counts the inputs that bear on each block that was ever booked to the account, so it is the same in
    /// whatever order they came, and grows whenever the content changes.
    pub(crate) fn document(&self, account: &Account) -> Option<(u64, MinerDocument)> {
        let booked = self.accounts.get(account)?;
        let (mut version, mut blocks, mut reward, mut priced) = (0, 0, 0_u64, 0_u64);
        let mut reward_eur = EurAmount::ZERO;
        let mut miner: Option<&str> = None;
        for &hash in booked {
            let Some(block) = self.chain.get(hash) else {
                continue;
            };
            let rivals = self.chain.rivals(hash);
            let quote = self.quotes.get(&hash).copied().unwrap_or_default();
            version +=
                block.observations_count() + quote.bearing_count + self.chain.contest_count(hash, &rivals);
            let names = block.observations().filter(|o| o.slug == account.slug).map(|o| o.miner.as_str());
            miner = miner.into_iter().chain(names).min();
            let is_booked_here = block.best().is_some_and(|best| Account::of(best).contains(account));
            if !is_booked_here || !self.chain.counts(hash, &rivals) {
                continue;
            }
            blocks += 1;
            let earned = block.reward_sat();
            reward = reward.saturating_add(earned);
            if let Some(eur) = quote.eur {
                let worth = EurAmount::of(Satoshi::from_sum(earned), eur);
                reward_eur = reward_eur.checked_add(worth).unwrap_or(reward_eur);
                priced = priced.saturating_add(earned);
            }
        }
        let document = MinerDocument {
            timestamp: rfc3339(account.start_s()),
            period: account.period.name(),
            miner: miner?.to_owned(),
            blocks,
            reward_sat: reward,
            reward_btc: Satoshi::from_sum(reward).to_btc_chart_f64(),
            reward_eur: reward_eur.to_chart_f64(),
            reward_eur_exact: reward_eur.to_string(),
            priced_share: share(priced, reward),
        };
        Some((version, document))
    }

    fn accounts_of(&self, hash: BlockHash) -> impl Iterator<Item = Account> {
        self.chain.get(hash).into_iter().flat_map(|block| block.observations().flat_map(Account::of))
    }

    /// The blocks whose minute an observation of the price at `time_s` bears on.
    fn blocks_near(&self, time_s: i64) -> Vec<BlockHash> {
        let least = BlockHash::from_bytes([0; 32]);
        let from = time_s - HOUR_S - MINUTE_S;
        let until = time_s + HOUR_S + MINUTE_S;
        let near = self.by_time.range((from, least)..(until, least));
        near.filter(|(block_s, _)| bearing_on(Minute::of(*block_s)).contains(&time_s))
            .map(|&(_, hash)| hash)
            .collect()
    }

    /// Works out again what the prices say of a block.
    fn quote(&mut self, hash: BlockHash) {
        let Some(block) = self.chain.get(hash) else { return };
        let eur = block.best().and_then(|best| self.prices.at(Minute::of(best.time_s)));
        let times = block.times_s();
        let bearing_count = times.into_iter().map(|at| self.prices.count(bearing_on(Minute::of(at)))).sum();
        self.quotes.insert(hash, Quote { eur, bearing_count });
    }
}
