//! The settings of the price poller.

use serde::{Deserialize, Serialize};

use super::{ConfigError, url, within};

/// The price poller. Sources are asked in the order of the list: the first `sources_active` healthy ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BpiConfig {
    /// The sources, the best first.
    pub sources: Vec<PriceSource>,
    /// How many of the healthy sources are polled at the same time; the others stand by.
    pub sources_active: usize,
    /// The time between two polls of a source that has no interval of its own.
    pub interval_ms: u64,
    /// A source whose price (and time, where it tells one) stays the same this long is frozen, and passed over.
    pub frozen_ms_max: u64,
    /// A price that deviates more than this from the median of the recent ones is absurd, and passed over
    /// unless another source confirms it.
    pub deviation_percent_max: u32,
    /// How old a price may be to count as recent.
    pub recent_ms_max: u64,
    /// The longest wait before a source that failed is asked again.
    pub probe_ms_max: u64,
}

/// One source of prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSource {
    /// Whose answers these are.
    pub provider: PriceProvider,
    /// Where to ask; the provider's own address if absent.
    #[serde(default)]
    pub url: Option<String>,
    /// The time between two polls; `bpi.interval_ms` if absent.
    #[serde(default)]
    pub interval_ms: Option<u64>,
}

impl PriceSource {
    /// The provider at its own address.
    pub fn new(provider: PriceProvider) -> Self {
        Self { provider, url: None, interval_ms: None }
    }

    /// Where to ask.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or_else(|| self.provider.default_url())
    }
}

/// The price interfaces whose answers are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceProvider {
    /// `CoinDesk`'s Bitcoin Price Index, gone since 2025; mirrors of it live on.
    CoindeskBpi,
    /// `CoinDesk`'s Data API, latest tick.
    CoindeskData,
    /// Coinbase, spot price.
    Coinbase,
    /// Kraken, ticker.
    Kraken,
    /// Bitstamp, ticker.
    Bitstamp,
    /// blockchain.info, ticker.
    BlockchainInfoTicker,
    /// mempool.space, prices.
    MempoolPrices,
}

impl PriceProvider {
    /// The name in the `source` header, which tells the parser.
    pub fn source(self) -> &'static str {
        match self {
            Self::CoindeskBpi => "coindesk-bpi",
            Self::CoindeskData => "coindesk-data",
            Self::Coinbase => "coinbase",
            Self::Kraken => "kraken",
            Self::Bitstamp => "bitstamp",
            Self::BlockchainInfoTicker => "blockchain-info-ticker",
            Self::MempoolPrices => "mempool-prices",
        }
    }

    /// The provider's own address.
    pub fn default_url(self) -> &'static str {
        match self {
            Self::CoindeskBpi => "https://api.coindesk.com/v1/bpi/currentprice/EUR.json",
            Self::CoindeskData => {
                "https://data-api.coindesk.com/index/cc/v1/latest/tick?market=cadli&instruments=BTC-EUR"
            }
            Self::Coinbase => "https://api.coinbase.com/v2/prices/BTC-EUR/spot",
            Self::Kraken => "https://api.kraken.com/0/public/Ticker?pair=XBTEUR",
            Self::Bitstamp => "https://www.bitstamp.net/api/v2/ticker/btceur/",
            Self::BlockchainInfoTicker => "https://blockchain.info/ticker",
            Self::MempoolPrices => "https://mempool.space/api/v1/prices",
        }
    }

    /// Whether an answer says when its price was observed.
    pub fn tells_time(self) -> bool {
        matches!(self, Self::CoindeskBpi | Self::CoindeskData | Self::Bitstamp | Self::MempoolPrices)
    }
}

impl Default for BpiConfig {
    fn default() -> Self {
        use PriceProvider::{Bitstamp, BlockchainInfoTicker, Coinbase, CoindeskData, Kraken, MempoolPrices};
        let order = [Kraken, Coinbase, Bitstamp, CoindeskData, BlockchainInfoTicker, MempoolPrices];
        Self {
            sources: order.map(PriceSource::new).to_vec(),
            sources_active: 1,
            interval_ms: 60_000,
            frozen_ms_max: 3_600_000,
            deviation_percent_max: 20,
            recent_ms_max: 3_600_000,
            probe_ms_max: 900_000,
        }
    }
}

impl BpiConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("bpi.sources.len", self.sources.len(), 1..=64)?;
        within("bpi.sources_active", self.sources_active, 1..=self.sources.len())?;
        within("bpi.interval_ms", self.interval_ms, 1..=86_400_000)?;
        within("bpi.frozen_ms_max", self.frozen_ms_max, 1..=604_800_000)?;
        within("bpi.deviation_percent_max", self.deviation_percent_max, 1..=1_000)?;
        within("bpi.recent_ms_max", self.recent_ms_max, 1..=604_800_000)?;
        within("bpi.probe_ms_max", self.probe_ms_max, 1..=86_400_000)?;
        for (number, source) in self.sources.iter().enumerate() {
            url(&format!("bpi.sources[{number}].url"), source.url(), &["http", "https"])?;
            if let Some(interval_ms) = source.interval_ms {
                within(&format!("bpi.sources[{number}].interval_ms"), interval_ms, 1..=86_400_000)?;
            }
        }
        Ok(())
    }
}
