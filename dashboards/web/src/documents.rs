//! The documents that the page reads, as far as it needs them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use trombe_connectors::StoredDocument;

pub(crate) const VALUE: &str = "btc-value";
pub(crate) const VOLUME: &str = "btc-volume";
pub(crate) const MINER: &str = "btc-miner";

/// A price observation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Value {
    #[serde(rename = "@timestamp")]
    pub(crate) at: DateTime<Utc>,
    #[serde(rename = "eur_exact", with = "rust_decimal::serde::str")]
    pub(crate) eur: Decimal,
    #[serde(default)]
    pub(crate) source: String,
}

/// An hour's volume.
#[expect(clippy::struct_field_names, reason = "these are the names in the document")]
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Volume {
    #[serde(rename = "@timestamp")]
    pub(crate) at: DateTime<Utc>,
    pub(crate) volume_sat: u64,
    #[serde(rename = "volume_eur_exact", with = "rust_decimal::serde::str")]
    pub(crate) volume_eur: Decimal,
    #[serde(default)]
    pub(crate) adjusted_volume_sat: u64,
    #[serde(default)]
    pub(crate) max_tx_sat: u64,
    #[serde(default, rename = "max_tx_eur_exact", with = "rust_decimal::serde::str_option")]
    pub(crate) max_tx_eur: Option<Decimal>,
    #[serde(default)]
    pub(crate) max_tx_hash: String,
    #[serde(default)]
    pub(crate) tx_count: u64,
    #[serde(default)]
    pub(crate) priced_share: f64,
}

/// What a miner earned in a period.
#[expect(clippy::struct_field_names, reason = "these are the names in the document")]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Miner {
    pub(crate) period: String,
    pub(crate) miner: String,
    pub(crate) blocks: u64,
    pub(crate) reward_sat: u64,
    #[serde(rename = "reward_eur_exact", with = "rust_decimal::serde::str")]
    pub(crate) reward_eur: Decimal,
    #[serde(default)]
    pub(crate) priced_share: f64,
}

impl Miner {
    /// The reward in EUR; `None` if no part of it had a price.
    pub(crate) fn priced_eur(&self) -> Option<Decimal> {
        (self.reward_sat == 0 || !self.reward_eur.is_zero()).then_some(self.reward_eur)
    }
}

/// Understands a document; one that is not of this shape is left out rather than taking the page down.
pub(crate) fn understand<T: DeserializeOwned>(document: &StoredDocument) -> Option<T> {
    serde_json::from_str(&document.source)
        .inspect_err(
            |error| tracing::debug!(id = document.id, %error, "a document is not of the expected shape"),
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_contract() {
        let document = |source: &str| StoredDocument { id: "x".into(), version: 1, source: source.into() };
        let volume: Volume = understand(&document(
            r#"{"@timestamp":"2024-10-19T14:00:00Z","volume_sat":21,"volume_btc":0.00000021,"volume_eur":0.01,
                "volume_eur_exact":"0.0123","adjusted_volume_sat":7,"max_tx_sat":5,"max_tx_btc":5e-8,"max_tx_eur":null,
                "max_tx_eur_exact":null,"max_tx_hash":"ab","tx_count":3,"priced_share":0.5}"#,
        ))
        .unwrap();
        assert_eq!((volume.volume_sat, volume.volume_eur.to_string().as_str()), (21, "0.0123"));
        assert_eq!(volume.max_tx_eur, None);
        assert!(understand::<Value>(&document(r#"{"@timestamp":"2024-10-19T14:00:00Z"}"#)).is_none());
        assert!(understand::<Value>(&document("not JSON")).is_none());
    }
}
