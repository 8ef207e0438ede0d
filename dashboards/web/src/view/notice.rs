//! What the reader should know before reading anything else.

use maud::{Markup, html};

use crate::{Status, format};

pub(super) fn notice(status: &Status) -> Markup {
    html! {
        @if !status.ready && let Some(why) = &status.why {
            (banner("warn", "Not ready", &html! { (why) }))
        } @else if !status.history_done {
            (history(status))
        } @else if let Some(why) = &status.why {
            (banner("warn", "Note", &html! { (why) }))
        }
    }
}

pub(super) fn index_away(why: &str) -> Markup {
    banner("warn", "The data cannot be read", &html! { (why) })
}

/// The first seconds: what happens, how far it is, and that nothing needs to be done.
fn history(status: &Status) -> Markup {
    let share = status.history_share.map(|share| share.clamp(0.0, 1.0));
    html! {
        section.notice.starting aria-labelledby="starting-title" {
            div {
                h2 #starting-title { "Reading the history" }
                p {
                    "The topology is working through the feed\u{2019}s past. Prices, hours and miners fill in below as they \
                    are computed; the page follows by itself."
                }
            }
            div.progress {
                progress max="1000" value=[share.map(|share| format!("{:.0}", share * 1000.0))]
                    aria-label="History read" {}
                p.figures {
                    (format::count(status.history_count)) " messages"
                    @if let Some(share) = share { ", " (format::percent(share)) }
                }
            }
        }
    }
}

fn banner(class: &str, title: &str, text: &Markup) -> Markup {
    html! { section.notice.{ (class) } role="status" { p { strong { (title) } " " (text) } } }
}
