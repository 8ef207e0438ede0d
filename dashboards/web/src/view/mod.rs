//! Documents and snapshots as HTML. Everything goes through `maud`, which escapes what is not markup.

mod controls;
mod dag;
mod figure;
mod hero;
mod lag;
mod largest;
mod layout;
mod miners;
mod notice;
mod price;
mod producers;
mod shell;
mod tile;
mod topology;
mod volume;

use maud::{Markup, html};

pub(crate) use self::shell::{Page, Theme, page};
use crate::{Status, fragment::Fragments, market::Market};

/// The parts of the market page that depend on documents.
pub(crate) fn market(market: &Market) -> Fragments {
    let mut fragments = Fragments::default();
    fragments.add("hero", hero::hero(market));
    fragments.add("controls", controls::controls(market.view));
    fragments.add("price", price::price(market));
    fragments.add("volume", volume::volume(market));
    fragments.add("largest", largest::largest(market));
    fragments.add("miners", miners::miners(market));
    fragments
}

/// The part that tells of the process's state, on either page.
pub(crate) fn notice(status: &Status) -> Fragments {
    let mut fragments = Fragments::default();
    fragments.add("notice", notice::notice(status));
    fragments
}

/// The part that tells that the index does not answer.
pub(crate) fn index_away(why: &str) -> Fragments {
    let mut fragments = Fragments::default();
    fragments.add("notice", notice::index_away(why));
    fragments
}

/// The parts of the topology page.
pub(crate) fn topology(status: &Status) -> Fragments {
    let mut fragments = Fragments::default();
    topology::add(&mut fragments, status);
    fragments
}

/// The market page's arrangement.
pub(crate) fn market_body(fragments: &Fragments) -> Markup {
    html! {
        (part(fragments, "notice", ""))
        (part(fragments, "hero", ""))
        (part(fragments, "controls", "sticky"))
        (part(fragments, "price", ""))
        (part(fragments, "volume", ""))
        (part(fragments, "largest", ""))
        (part(fragments, "miners", ""))
    }
}

/// The topology page's arrangement.
pub(crate) fn topology_body(fragments: &Fragments) -> Markup {
    html! {
        (part(fragments, "notice", ""))
        (part(fragments, "summary", ""))
        (part(fragments, "graph", ""))
        (part(fragments, "components", ""))
        (part(fragments, "edges", ""))
        (part(fragments, "lag", ""))
        (part(fragments, "failures", ""))
        (part(fragments, "producer", ""))
    }
}

fn part(fragments: &Fragments, name: &str, class: &str) -> Markup {
    html! { div id=(name) class={ "fragment " (class) } { (fragments.html(name)) } }
}
