//! The hours.

use std::collections::{BTreeMap, BTreeSet};

use btc_records::Txid;
use rust_decimal::Decimal;

use super::{chart_f64, quotient, worth};
use crate::documents::VolumeDocument;
use crate::prices::PriceObservation;
use crate::time::{HOUR_S, MINUTE_S, rfc3339};
use crate::transactions::Sighting;

/// All messages that bear on hours, at once.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    sightings: BTreeMap<Txid, BTreeSet<Sighting>>,
    prices: BTreeSet<(i64, String, Decimal)>,
}

impl Hours {
    pub(crate) fn add_sighting(&mut self, txid: Txid, sighting: Sighting) {
        self.sightings.entry(txid).or_default().insert(sighting);
    }

    pub(crate) fn add_price(&mut self, price: &PriceObservation) {
        self.prices.insert((price.time_s, price.source.clone(), price.eur.decimal()));
    }

    /// The document of every hour that has one, with its version, by its start.
    pub(crate) fn documents(&self) -> BTreeMap<String, (u64, VolumeDocument)> {
        let seen =
            self.sightings.values().flatten().map(|sighting| sighting.time_s.div_euclid(HOUR_S) * HOUR_S);
        let hours: BTreeSet<i64> = seen.collect();
        let document = |start| Some((rfc3339(start), (self.version(start)?, self.document(start))));
        hours.into_iter().filter_map(document).collect()
    }

    fn version(&self, start: i64) -> Option<u64> {
        let hour = start..start + HOUR_S;
        let bearing = self.sightings.values().filter(|set| set.iter().any(|s| hour.contains(&s.time_s)));
        let sightings: usize = bearing.map(|set| set.iter().filter(|s| s.time_s < hour.end).count()).sum();
        let near = start - HOUR_S..=hour.end + HOUR_S;
        let prices = self.prices.iter().filter(|price| near.contains(&price.0)).count();
        (sightings > 0).then_some((sightings + prices) as u64)
    }

    fn worth(&self, sighting: &Sighting) -> Option<Decimal> {
        let minute = sighting.time_s - sighting.time_s % MINUTE_S;
        let before = minute - HOUR_S..minute + MINUTE_S;
        let after = minute + MINUTE_S..=minute + MINUTE_S + HOUR_S;
        let last = self.prices.iter().rfind(|price| before.contains(&price.0));
        let price = last.or_else(|| self.prices.iter().find(|price| after.contains(&price.0)));
        Some(worth(sighting.outputs_sat, price?.2))
    }

    fn document(&self, start: i64) -> VolumeDocument {
        let effective =
            self.sightings.iter().filter_map(|(txid, set)| Some((txid.to_string(), *set.first()?)));
        let counted: Vec<_> =
            effective.filter(|(_, s)| (start..start + HOUR_S).contains(&s.time_s)).collect();
        let sum = |value: fn(&Sighting) -> u64| counted.iter().map(|(_, s)| value(s)).sum::<u64>();
        let exact: Decimal = counted.iter().filter_map(|(_, s)| self.worth(s)).sum();
        let quoted = counted.iter().filter(|(_, s)| self.worth(s).is_some());
        let quoted_sat = quoted.map(|(_, s)| s.outputs_sat).sum();
        let largest = counted.iter().min_by_key(|(txid, s)| (u64::MAX - s.outputs_sat, txid));
        let max_tx_sat = largest.map_or(0, |(_, s)| s.outputs_sat);
        let max_tx_eur = largest.and_then(|(_, s)| self.worth(s));
        let volume_sat = sum(|s| s.outputs_sat);
        VolumeDocument {
            timestamp: rfc3339(start),
            volume_sat,
            volume_btc: quotient(volume_sat, 100_000_000),
            volume_eur: chart_f64(exact),
            volume_eur_exact: exact.normalize().to_string(),
            adjusted_volume_sat: sum(|s| s.adjusted_sat),
            max_tx_sat,
            max_tx_btc: quotient(max_tx_sat, 100_000_000),
            max_tx_eur: max_tx_eur.map(chart_f64),
            max_tx_eur_exact: max_tx_eur.map(|eur| eur.normalize().to_string()),
            max_tx_hash: largest.map(|(txid, _)| txid.clone()),
            tx_count: counted.len() as u64,
            priced_share: quotient(quoted_sat, volume_sat),
        }
    }
}
