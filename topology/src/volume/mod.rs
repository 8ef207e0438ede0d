//! Volume by hour: what the key groups state of an hour, put together and priced.

mod bolt;
mod hours;
#[cfg(test)]
mod tests;
mod total;

pub(crate) use bolt::{Volume, VolumeInput};
pub(crate) use total::{HourTotal, share};
