//! One hour: the latest statement of every key group and the prices that bear on it.

use std::collections::BTreeMap;

use btc_records::{EurAmount, Satoshi};

use crate::documents::VolumeDocument;
use crate::prices::{PriceBook, PriceObservation, bearing_on_hour};
use crate::time::{Hour, rfc3339};
use crate::transactions::{Largest, MinuteVolume, Partial};

/// Everything known of one hour.
#[derive(Debug)]
pub(crate) struct HourTotal {
    hour: Hour,
    partials: BTreeMap<u16, Partial>,
    prices: PriceBook,
}

impl HourTotal {
    pub(crate) fn new(hour: Hour) -> Self {
        Self { hour, partials: BTreeMap::new(), prices: PriceBook::default() }
    }

    /// Takes a key group's statement and says whether it is newer than the one that is there.
    pub(crate) fn put_partial(&mut self, partial: &Partial) -> bool {
        let is_newer = self.partials.get(&partial.group).is_none_or(|known| known.version < partial.version);
        if is_newer {
            self.partials.insert(partial.group, partial.clone());
        }
        is_newer
    }

    /// Takes an observation of the price that bears on this hour and says whether it is new.
    pub(crate) fn put_price(&mut self, price: &PriceObservation) -> bool {
        self.prices.insert(price)
    }

    /// How much memory this takes, in rows of the store.
    pub(crate) fn rows_count(&self) -> usize {
        self.partials.len() + self.prices.len()
    }

    /// The hour's document and its version, once there is a transaction.
    ///
    /// The version counts all distinct inputs that bear on the hour, so it is the same in whatever order they came,
    /// and grows whenever the content changes.
    pub(crate) fn document(&self) -> Option<(u64, VolumeDocument)> {
        // Only a damaged store reaches the limits of 64 bits.
        let sightings =
            self.partials.values().fold(0_u64, |sum, partial| sum.saturating_add(partial.version));
        if sightings == 0 {
            return None;
        }
        let minutes = self.minutes();
        let sum =
            |volume: fn(&MinuteVolume) -> u64| minutes.values().map(volume).fold(0_u64, u64::saturating_add);
        let volume = Satoshi::from_sum(sum(|minute| minute.outputs_sat));
        let (mut volume_eur, mut priced_sat) = (EurAmount::ZERO, 0_u64);
        for (&minute, volumes) in &minutes {
            if let Some(eur) = self.prices.at(self.hour.minute(minute)) {
                let worth = EurAmount::of(Satoshi::from_sum(volumes.outputs_sat), eur);
                // Only sums that no true chain reaches do not fit; they stop growing.
                volume_eur = volume_eur.checked_add(worth).unwrap_or(volume_eur);
                priced_sat = priced_sat.saturating_add(volumes.outputs_sat);
            }
        }
        let largest = self.largest();
        let max_tx = Satoshi::from_sum(largest.map_or(0, |largest| largest.outputs_sat));
        let max_tx_eur = largest
            .and_then(|largest| self.prices.at(self.hour.minute(largest.minute)))
            .map(|eur| EurAmount::of(max_tx, eur));
        let document = VolumeDocument {
            timestamp: rfc3339(self.hour.start_s()),
            volume_sat: volume.to_sat(),
            volume_btc: volume.to_btc_chart_f64(),
            volume_eur: volume_eur.to_chart_f64(),
            volume_eur_exact: volume_eur.to_string(),
            adjusted_volume_sat: sum(|minute| minute.adjusted_sat),
            max_tx_sat: max_tx.to_sat(),
            max_tx_btc: max_tx.to_btc_chart_f64(),
            max_tx_eur: max_tx_eur.map(EurAmount::to_chart_f64),
            max_tx_eur_exact: max_tx_eur.map(|eur| eur.to_string()),
            max_tx_hash: largest.map(|largest| largest.txid.to_string()),
            tx_count: self.partials.values().fold(0, |sum, partial| sum.saturating_add(partial.tx_count)),
            priced_share: share(priced_sat, volume.to_sat()),
        };
        Some((sightings.saturating_add(self.prices.count(bearing_on_hour(self.hour))), document))
    }

    /// The volumes of all key groups, by minute.
    fn minutes(&self) -> BTreeMap<u8, MinuteVolume> {
        let mut minutes: BTreeMap<u8, MinuteVolume> = BTreeMap::new();
        for volume in self.partials.values().flat_map(|partial| &partial.minutes) {
            let sum = minutes.entry(volume.minute).or_default();
            sum.outputs_sat = sum.outputs_sat.saturating_add(volume.outputs_sat);
            sum.adjusted_sat = sum.adjusted_sat.saturating_add(volume.adjusted_sat);
        }
        minutes
    }

    fn largest(&self) -> Option<&Largest> {
        let candidates = self.partials.values().filter_map(|partial| partial.largest.as_ref());
        candidates.reduce(|best, other| if other.outdoes(best) { other } else { best })
    }
}

/// The part of `all` that is `priced`, for a chart; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a share is read with a few digits")]
pub(crate) fn share(priced: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { priced as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use btc_records::{Eur, Txid};
    use proptest::prelude::*;

    use super::*;
    use crate::transactions::Sighting;

    /// Statements of a key group as it comes to know more: each contains the one before.
    fn statements(group: u16, sightings: &[(i64, u64)]) -> Vec<Partial> {
        let mut partial = Partial::empty(group, Hour::of(0));
        let steps = sightings.iter().zip(0_u8..).map(|(&(time_s, outputs_sat), number)| {
            partial.version += 1;
            partial.add(
                &Txid::from_bytes([number; 32]),
                &Sighting { time_s, outputs_sat, adjusted_sat: outputs_sat / 2 },
            );
            partial.clone()
        });
        steps.collect()
    }

    #[derive(Clone, Debug)]
    enum Input {
        Partial(Partial),
        Price(PriceObservation),
    }

    fn inputs() -> impl Strategy<Value = Vec<Input>> {
        let sightings = || prop::collection::vec((0_i64..3_600, any::<u64>()), 0..5);
        let prices = prop::collection::vec((-3_600_i64..7_200, 1_u32..5), 0..6);
        let inputs = (sightings(), sightings(), prices).prop_map(|(one, other, prices)| {
            let partials = statements(1, &one).into_iter().chain(statements(2, &other)).map(Input::Partial);
            let prices = prices.into_iter().map(|(time_s, eur)| {
                Input::Price(PriceObservation {
                    time_s,
                    source: "a".to_owned(),
                    eur: eur.to_string().parse::<Eur>().unwrap(),
                })
            });
            partials.chain(prices).collect::<Vec<_>>()
        });
        inputs.prop_shuffle()
    }

    fn take(total: &mut HourTotal, input: &Input) -> bool {
        match input {
            Input::Partial(partial) => total.put_partial(partial),
            Input::Price(price) => total.put_price(price),
        }
    }

    proptest! {
        /// Statements late, repeated and out of order: the version only grows, grows whenever the document changes, and ends where the
        /// set of inputs says.
        #[test]
        fn versions_grow_with_the_set_alone(inputs in inputs()) {
            let mut total = HourTotal::new(Hour::of(0));
            let mut before = None;
            for input in inputs.iter().chain(&inputs) {
                take(&mut total, input);
                let after = total.document();
                if let (Some((old, was)), Some((new, is))) = (&before, &after) {
                    prop_assert!(new >= old);
                    prop_assert!(new > old || is == was, "changed at version {}", new);
                }
                before = after;
            }
        }

        #[test]
        fn documents_do_not_depend_on_the_order(inputs in inputs(), seed: u64) {
            let mut other = inputs.clone();
            other.sort_by_key(|input| {
                use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
                BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, format!("{input:?}")))
            });
            let ends = [inputs, other].map(|inputs| {
                let mut total = HourTotal::new(Hour::of(0));
                for input in &inputs {
                    take(&mut total, input);
                }
                total.document()
            });
            prop_assert_eq!(&ends[0], &ends[1]);
        }
    }
}
