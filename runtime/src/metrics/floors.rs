//! From where each source would be read again.

use std::collections::HashMap;

use crate::flow::flight::unpoisoned;
use crate::sync::Mutex;

/// By spout and partition, the offset below which nothing is ever given again. They only grow.
#[derive(Debug, Default)]
pub(crate) struct Floors(Mutex<HashMap<(usize, u32), u64>>);

impl Floors {
    pub(crate) fn raise(&self, spout: usize, partition: u32, offset: u64) {
        let mut floors = unpoisoned(&self.0);
        let floor = floors.entry((spout, partition)).or_default();
        *floor = offset.max(*floor);
    }

    pub(crate) fn of(&self, spout: usize, partition: u32) -> u64 {
        unpoisoned(&self.0).get(&(spout, partition)).copied().unwrap_or(0)
    }
}
