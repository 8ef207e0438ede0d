//! The settings of the websocket holder.

use serde::{Deserialize, Serialize};

use super::{ConfigError, url, within};

/// The holder of the websockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockchainConfig {
    /// The websockets to hold, all at the same time. What two of them tell twice is counted once downstream.
    pub sources: Vec<ChainSource>,
    /// How long a connection may take to be made, TLS and the websocket's handshake included.
    pub connect_ms_max: u64,
    /// The time between two pings.
    pub ping_ms: u64,
    /// A connection on which nothing arrives for this long (pongs included) is given up.
    pub silence_ms_max: u64,
    /// A connection that held this long makes the next wait the first one again.
    pub stable_ms: u64,
    /// The largest message taken.
    pub message_bytes_max: usize,
    /// The most blocks that are fetched after one gap; older ones are given up and counted.
    pub backfill_blocks_max: u32,
    /// How often one request of the backfill is tried.
    pub backfill_attempts_max: u32,
    /// Errands (backfills, coinbases) that may wait for a source's HTTP interface.
    pub errands_max: usize,
}

/// One websocket and the HTTP interface beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSource {
    /// Whose messages these are.
    pub provider: ChainProvider,
    /// The websocket's address; the provider's own if absent.
    #[serde(default)]
    pub websocket_url: Option<String>,
    /// The HTTP interface's address; the provider's own if absent.
    #[serde(default)]
    pub rest_url: Option<String>,
    /// Whether to subscribe to unconfirmed transactions; only blockchain.info sends all of them.
    #[serde(default)]
    pub transactions: bool,
    /// Whether to subscribe to blocks.
    #[serde(default = "yes")]
    pub blocks: bool,
    /// Blocks fetched at the first connection, for those found while this program did not run.
    #[serde(default)]
    pub backfill_start_blocks: u32,
}

fn yes() -> bool {
    true
}

impl ChainSource {
    /// The provider at its own addresses, with what it is good for.
    pub fn new(provider: ChainProvider) -> Self {
        let (transactions, backfill_start_blocks) = match provider {
            ChainProvider::BlockchainInfo => (true, 0),
            ChainProvider::MempoolSpace => (false, 144),
        };
        Self {
            provider,
            websocket_url: None,
            rest_url: None,
            transactions,
            blocks: true,
            backfill_start_blocks,
        }
    }

    /// The websocket's address.
    pub fn websocket_url(&self) -> &str {
        self.websocket_url.as_deref().unwrap_or(match self.provider {
            ChainProvider::BlockchainInfo => "wss://ws.blockchain.info/inv",
            ChainProvider::MempoolSpace => "wss://mempool.space/api/v1/ws",
        })
    }

    /// The HTTP interface's address, without a slash at its end.
    pub fn rest_url(&self) -> &str {
        let url = self.rest_url.as_deref().unwrap_or(match self.provider {
            ChainProvider::BlockchainInfo => "https://blockchain.info",
            ChainProvider::MempoolSpace => "https://mempool.space",
        });
        url.trim_end_matches('/')
    }
}

/// The chain feeds that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainProvider {
    /// blockchain.info: transactions and blocks; the blocks lack reward and miner, which are fetched after.
    BlockchainInfo,
    /// mempool.space: blocks with reward and miner.
    MempoolSpace,
}

impl ChainProvider {
    /// The name in the `source` header, which tells the parser.
    pub fn source(self) -> &'static str {
        match self {
            Self::BlockchainInfo => "blockchain-info",
            Self::MempoolSpace => "mempool-space",
        }
    }
}

impl Default for BlockchainConfig {
    fn default() -> Self {
        Self {
            sources: vec![
                ChainSource::new(ChainProvider::BlockchainInfo),
                ChainSource::new(ChainProvider::MempoolSpace),
            ],
            connect_ms_max: 15_000,
            ping_ms: 30_000,
            silence_ms_max: 90_000,
            stable_ms: 60_000,
            message_bytes_max: 16 << 20,
            backfill_blocks_max: 1_008,
            backfill_attempts_max: 8,
            errands_max: 64,
        }
    }
}

impl BlockchainConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("blockchain.sources.len", self.sources.len(), 1..=16)?;
        within("blockchain.connect_ms_max", self.connect_ms_max, 1..=600_000)?;
        within("blockchain.ping_ms", self.ping_ms, 1..=600_000)?;
        within("blockchain.silence_ms_max", self.silence_ms_max, 1..=3_600_000)?;
        within("blockchain.stable_ms", self.stable_ms, 1..=3_600_000)?;
        within("blockchain.message_bytes_max", self.message_bytes_max, 1_024..=1 << 30)?;
        within("blockchain.backfill_blocks_max", self.backfill_blocks_max, 0..=100_000)?;
        within("blockchain.backfill_attempts_max", self.backfill_attempts_max, 1..=1_000)?;
        within("blockchain.errands_max", self.errands_max, 1..=10_000)?;
        for (number, source) in self.sources.iter().enumerate() {
            let key = |name: &str| format!("blockchain.sources[{number}].{name}");
            url(&key("websocket_url"), source.websocket_url(), &["ws", "wss"])?;
            url(&key("rest_url"), source.rest_url(), &["http", "https"])?;
            within(
                &key("backfill_start_blocks"),
                source.backfill_start_blocks,
                0..=self.backfill_blocks_max,
            )?;
            if !source.transactions && !source.blocks {
                return Err(ConfigError::new(key("blocks"), "false", "true where transactions is false"));
            }
        }
        Ok(())
    }
}
