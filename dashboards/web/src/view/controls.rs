//! The choice of the range. Links, so that it works without JavaScript, which only saves the reload.

use maud::{Markup, html};

use crate::query::{Span, Unit, View};

pub(super) fn controls(view: View) -> Markup {
    html! {
        nav.choice aria-label="Time range" {
            @for span in Span::EVERY {
                a #{ "range-" (span.key()) } href={ "/" (View { span, ..view }.query()) } data-choice={ "range=" (span.key()) }
                    aria-current=[(span == view.span).then_some("true")]
                    aria-label=[(span == Span::All).then_some("All time")] { (span.label()) }
            }
        }
    }
}

/// The switch between BTC and EUR of one section; `place` tells the switches apart.
pub(super) fn units(view: View, place: &str) -> Markup {
    html! {
        nav.choice.small aria-label="Unit" {
            @for unit in Unit::EVERY {
                a #{ "unit-" (place) "-" (unit.key()) } href={ "/" (View { unit, ..view }.query()) "#" (place) }
                    data-choice={ "unit=" (unit.key()) } aria-current=[(unit == view.unit).then_some("true")] { (unit.label()) }
            }
        }
    }
}
