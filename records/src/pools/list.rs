//! A list of pools, and the rule of attribution.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::builtin;
use super::mempool_v2;
use super::miner::{self, MatchedBy, Miner, slug};
use crate::error::ParseError;
use crate::json;
use crate::limits::Limits;

/// Mining pools with the addresses and coinbase tags that give them away. Cheap to clone.
///
/// The rule is mempool's: pool by pool in the list's order, a pool matches if the coinbase pays to one of its
/// addresses, else if the coinbase script contains one of its tags, whatever the case of its ASCII letters.
///
/// ```
/// use btc_records::PoolList;
/// let miner = PoolList::builtin().attribute(b"\x03\xeb\x8f\x0b/F2Pool/k", &["1Unlisted"]);
/// assert_eq!((miner.name.as_str(), miner.slug.as_str()), ("F2Pool", "f2pool"));
/// ```
#[derive(Debug, Clone)]
pub struct PoolList(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    names: Vec<String>,
    /// In the list's order, so that the first match is the first pool's.
    tags: Vec<Tag>,
    pool_by_address: HashMap<String, usize>,
    pool_by_slug: HashMap<String, usize>,
}

#[derive(Debug)]
struct Tag {
    pool: usize,
    text: String,
    lower_case: Finder<'static>,
}

/// What a list says of one pool.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    pub(super) name: String,
    /// Names under which other providers know it.
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) addresses: Vec<String>,
}

/// A pool list that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolListError {
    /// Not a list of that format, or beyond the [`Limits`].
    #[error("pool list: {0}")]
    Format(#[from] ParseError),
    /// More pools, or more facts of one pool, than [`Limits`] permits.
    #[error("pool list: {count} {what}, at most {count_max} are read: is this the right file?")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// How many.
        count: usize,
        /// The limit.
        count_max: usize,
    },
    /// A pool without a name.
    #[error("pool list: pool {index} has no name: give it one")]
    Nameless {
        /// Which, counted from zero.
        index: usize,
    },
    /// A tag that would match by chance, or never.
    #[error("pool list: {pool} has the tag {tag:?}: write {bytes_min} to {bytes_max} bytes of literal text")]
    Tag {
        /// The pool's name.
        pool: String,
        /// The tag.
        tag: String,
        /// The shortest permitted.
        bytes_min: usize,
        /// The longest permitted.
        bytes_max: usize,
    },
}

impl PoolList {
    /// The project's own list, `pools.toml`: the pools of today and the larger ones of the past.
    pub fn builtin() -> Self {
        builtin::list()
    }

    /// Loads a list in the format of mempool's `pools-v2.json`: an array of `{"name", "addresses", "tags"}`,
    /// further fields ignored, with the default [`Limits`].
    ///
    /// The tags of that file are regular expressions in name but literal text in fact (`/$Mined by
    /// 7pool.com/`), so they are taken literally; a backslash before punctuation is dropped.
    pub fn from_mempool_v2(json: &[u8]) -> Result<Self, PoolListError> {
        Self::from_mempool_v2_with(json, &Limits::DEFAULT)
    }

    /// Loads a list within `limits`; see [`PoolList::from_mempool_v2`].
    pub fn from_mempool_v2_with(json: &[u8], limits: &Limits) -> Result<Self, PoolListError> {
        let text = json::text(json, limits.pool_list_bytes_max, limits.json_depth_max)?;
        Self::from_facts(mempool_v2::facts(text)?, limits)
    }

    pub(super) fn from_facts(pools: Vec<Facts>, limits: &Limits) -> Result<Self, PoolListError> {
        check_count("pools", pools.len(), limits.pools_max)?;
        let mut inner = Inner::default();
        for (index, facts) in pools.into_iter().enumerate() {
            inner.add(index, facts, limits)?;
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Number of pools.
    pub fn len(&self) -> usize {
        self.0.names.len()
    }

    /// Whether the list names nobody.
    pub fn is_empty(&self) -> bool {
        self.0.names.is_empty()
    }

    /// The miner of a block with this coinbase script and these payout addresses.
    pub fn attribute<A: AsRef<str>>(&self, coinbase_script: &[u8], payout_addresses: &[A]) -> Miner {
        let coinbase_script = miner::within_consensus(coinbase_script);
        let known = payout_addresses.iter().filter_map(|address| {
            let address = address.as_ref();
            self.0.pool_by_address.get(address).map(|&pool| (pool, address))
        });
        let by_address = known.min_by_key(|&(pool, _)| pool);
        // A tag must be of an earlier pool than the address to count, so the others need no search.
        let end = by_address.map_or(usize::MAX, |(pool, _)| pool);
        let lower_case = coinbase_script.to_ascii_lowercase();
        let mut tags = self.0.tags.iter().take_while(|tag| tag.pool < end);
        let by_tag = tags.find(|tag| tag.lower_case.find(&lower_case).is_some());
        let miner = match (by_tag, by_address) {
            (Some(tag), _) => self.pool(tag.pool, MatchedBy::Tag(tag.text.clone())),
            (None, Some((pool, address))) => self.pool(pool, MatchedBy::Address(address.to_owned())),
            (None, None) => Miner::unknown(),
        };
        miner.tagged(coinbase_script)
    }

    /// The miner whom a provider names: under this list's name if it knows the pool, under the provider's if
    /// not.
    pub(crate) fn provided(&self, name: &str) -> Miner {
        let name = json::shorten(name.trim());
        if name.is_empty() || name.eq_ignore_ascii_case(Miner::UNKNOWN) {
            return Miner::unknown();
        }
        match self.0.pool_by_slug.get(&slug(&name)) {
            Some(&pool) => self.pool(pool, MatchedBy::Provider),
            None => Miner::named(&name, MatchedBy::Provider),
        }
    }

    fn pool(&self, pool: usize, matched_by: MatchedBy) -> Miner {
        Miner::named(&self.0.names[pool], matched_by)
    }
}

impl Inner {
    fn add(&mut self, pool: usize, facts: Facts, limits: &Limits) -> Result<(), PoolListError> {
        let Facts { name, aliases, tags, addresses } = facts;
        if name.trim().is_empty() {
            return Err(PoolListError::Nameless { index: pool });
        }
        for (what, count) in
            [("aliases", aliases.len()), ("tags", tags.len()), ("addresses", addresses.len())]
        {
            check_count(&format!("{what} of {name}"), count, limits.pool_facts_max)?;
        }
        for text in tags {
            let (bytes_min, bytes_max) = (limits.tag_bytes_min, limits.tag_bytes_max);
            if !(bytes_min..=bytes_max).contains(&text.len()) {
                return Err(PoolListError::Tag {
                    pool: name,
                    tag: json::shorten(&text),
                    bytes_min,
                    bytes_max,
                });
            }
            let lower_case = Finder::new(&text.to_ascii_lowercase()).into_owned();
            self.tags.push(Tag { pool, text, lower_case });
        }
        // The first pool of a list keeps what a later one claims too.
        for address in addresses {
            self.pool_by_address.entry(address).or_insert(pool);
        }
        for name in std::iter::once(&name).chain(&aliases) {
            let slug = slug(name);
            if slug != Miner::UNKNOWN {
                self.pool_by_slug.entry(slug).or_insert(pool);
            }
        }
        self.names.push(name);
        Ok(())
    }
}

fn check_count(what: &str, count: usize, count_max: usize) -> Result<(), PoolListError> {
    if count <= count_max {
        return Ok(());
    }
    Err(PoolListError::TooMany { what: what.to_owned(), count, count_max })
}
