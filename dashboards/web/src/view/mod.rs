//! Documents and snapshots as HTML. Everything goes through `maud`, which escapes what is not markup.

use maud::html;

use crate::{fragment::Fragments, market::Market};

/// The parts of the market page that depend on documents.
pub(crate) fn market(market: &Market) -> Fragments {
    let mut fragments = Fragments::default();
    fragments.add("hero", html! { p { (market.bars().len()) } });
    fragments
}
