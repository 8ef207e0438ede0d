//! What is counted while a topology runs, and the plain data it is shown as.

pub(crate) mod audit;
mod autopsies;
pub(crate) mod books;
pub(crate) mod count;
pub(crate) mod floors;
pub(crate) mod histogram;
pub(crate) mod site;
pub(crate) mod snapshot;
pub(crate) mod state;
