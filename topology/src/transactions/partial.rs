//! What one key group knows of one hour.

use btc_records::Txid;
use serde::{Deserialize, Serialize};

use super::Sighting;
use crate::time::{Hour, Minute};

/// An absolute statement: "these are all transactions of this key group in this hour". Of two statements, the one with the
/// greater version is the later and contains the other's inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Partial {
    pub(crate) group: u16,
    pub(crate) hour: Hour,
    /// Counts the sightings that bear on the hour; it grows whenever the content changes.
    pub(crate) version: u64,
    pub(crate) tx_count: u64,
    pub(crate) largest: Option<Largest>,
    /// The minutes that have transactions, in order.
    pub(crate) minutes: Vec<MinuteVolume>,
}

/// Volumes of one minute of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MinuteVolume {
    pub(crate) minute: u8,
    pub(crate) outputs_sat: u64,
    pub(crate) adjusted_sat: u64,
}

/// A transaction that moves more than the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Largest {
    pub(crate) outputs_sat: u64,
    pub(crate) txid: Txid,
    pub(crate) minute: u8,
}

impl Largest {
    /// Whether it outdoes `other`: more satoshi, or as many and the txid that is smaller as printed.
    pub(crate) fn outdoes(&self, other: &Self) -> bool {
        let printed = |txid: &Txid| txid.as_bytes().iter().rev().copied().collect::<Vec<_>>();
        self.outputs_sat > other.outputs_sat
            || (self.outputs_sat == other.outputs_sat && printed(&self.txid) < printed(&other.txid))
    }
}

impl Partial {
    /// Nothing seen yet.
    pub(crate) fn empty(group: u16, hour: Hour) -> Self {
        Self { group, hour, version: 0, tx_count: 0, largest: None, minutes: Vec::new() }
    }

    /// Counts a transaction at its effective sighting. Sums stop at 64 bits, which no true chain reaches and no
    /// order of adding changes.
    pub(crate) fn add(&mut self, txid: &Txid, sighting: &Sighting) {
        let minute = Minute::of(sighting.time_s).of_hour();
        let at = self.minutes.partition_point(|volume| volume.minute < minute);
        if self.minutes.get(at).is_none_or(|volume| volume.minute != minute) {
            self.minutes.insert(at, MinuteVolume { minute, ..MinuteVolume::default() });
        }
        let volume = &mut self.minutes[at];
        volume.outputs_sat = volume.outputs_sat.saturating_add(sighting.outputs_sat);
        volume.adjusted_sat = volume.adjusted_sat.saturating_add(sighting.adjusted_sat);
        self.tx_count += 1;
        let candidate = Largest { outputs_sat: sighting.outputs_sat, txid: *txid, minute };
        if self.largest.as_ref().is_none_or(|largest| candidate.outdoes(largest)) {
            self.largest = Some(candidate);
        }
    }
}
