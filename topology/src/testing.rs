//! What the property tests share: an index that checks versions, and values from small ranges, so that ties and
//! repetitions are frequent.

use std::collections::BTreeMap;

use btc_records::Eur;
use proptest::prelude::*;

use crate::prices::PriceObservation;

/// An index that takes the greater version, as Elasticsearch does, and refuses what must never happen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TestIndex<D>(pub(crate) BTreeMap<String, (u64, D)>);

impl<D: PartialEq + std::fmt::Debug> TestIndex<D> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Stores a document. One version must never stand for two contents.
    pub(crate) fn put(&mut self, id: String, version: u64, document: D) {
        match self.0.get(&id) {
            Some((known, other)) if *known == version => {
                assert_eq!(other, &document, "{id} at version {version}");
            }
            Some((known, _)) if *known > version => {}
            _ => {
                self.0.insert(id, (version, document));
            }
        }
    }
}

/// A price of a few whole EUR.
pub(crate) fn eur() -> impl Strategy<Value = Eur> {
    prop_oneof![Just("1"), Just("2.5"), Just("60000.00000001")].prop_map(|text| Eur::parse(text).unwrap())
}

/// An observation of the price somewhere in `times`.
pub(crate) fn price(times: std::ops::Range<i64>) -> impl Strategy<Value = PriceObservation> {
    (times, "[ab]", eur()).prop_map(|(time_s, source, eur)| PriceObservation { time_s, source, eur })
}
