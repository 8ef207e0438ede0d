//! What surrounds either page.

use maud::{DOCTYPE, Markup, html};

use super::{market_body, topology_body};
use crate::{fragment::Fragments, query::View, routes::assets};

/// Which colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system prefers.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            "system" => Some(Self::System),
            _ => None,
        }
    }

    fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// Which page, looked at how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Market(View),
    Topology,
}

impl Page {
    fn title(self) -> &'static str {
        match self {
            Self::Market(_) => "Bitcoin dashboard",
            Self::Topology => "Topology \u{b7} Bitcoin dashboard",
        }
    }

    /// Where its changes come from.
    fn events(self) -> String {
        match self {
            Self::Market(view) => format!("/events{}", view.query()),
            Self::Topology => "/events?page=topology".to_owned(),
        }
    }
}

/// A whole page.
pub(crate) fn page(page: Page, fragments: &Fragments, feed_label: &str, theme: Theme) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme.attribute()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title()) }
                link rel="icon" href=(assets::ICON.path()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE.path());
                script src=(assets::SCRIPT.path()) defer {}
            }
            body data-events=(page.events()) data-held=(fragments.held().to_id()) {
                a.skip href="#main" { "Skip to content" }
                (banner(page, feed_label))
                main #main tabindex="-1" {
                    @match page {
                        Page::Market(_) => (market_body(fragments)),
                        Page::Topology => (topology_body(fragments)),
                    }
                }
                (closing())
                p #announcement .unseen aria-live="polite" {}
            }
        }
    }
}

fn banner(page: Page, feed_label: &str) -> Markup {
    let is_market = matches!(page, Page::Market(_));
    html! {
        header.banner {
            a.brand href="/" { (mark()) span { "Bitcoin dashboard" } }
            nav aria-label="Pages" {
                a href="/" aria-current=[is_market.then_some("page")] { "Market" }
                a href="/topology" aria-current=[(!is_market).then_some("page")] { "Topology" }
            }
            div.state {
                span.badge title="Where the data comes from" { (feed_label) }
                span #live .live data-state="page" { "as loaded" }
                button #theme type="button" .icon .scripted aria-label="Switch between light and dark" {
                    svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" {
                        circle.rim cx="10" cy="10" r="7" {}
                        path.half d="M10 3a7 7 0 0 1 0 14z" {}
                    }
                }
            }
        }
    }
}

/// The drawing beside the name: a block on its chain.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
            rect width="24" height="24" rx="6" {}
            path d="M6 16.5 10 11l3.2 3L18 7.5" {}
        }
    }
}

fn closing() -> Markup {
    html! {
        footer {
            p {
                "All times and days are UTC. Volume counts each transaction\u{2019}s outputs once; "
                "\u{201c}without change\u{201d} leaves out what returns to the sender\u{2019}s own addresses. "
                "A block\u{2019}s reward is its subsidy and fees."
            }
            p {
                "As data: "
                a href="/api/value" { "prices" } ", "
                a href="/api/volume" { "volumes" } ", "
                a href="/api/miners" { "miners" } ", "
                a href="/api/topology" { "topology" } ", "
                a href="/api/lag" { "lag" } ", "
                a href="/metrics" { "metrics" }
            }
        }
    }
}
