//! A chart together with its table, which is also what the readout reads.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use rust_decimal::Decimal;

use crate::{
    chart::Chart,
    format,
    query::{Span, View},
};

/// One row of a chart's table: what each column shows, in the order of the chart's points.
pub(super) type Row = Vec<Markup>;

/// A chart whose table is folded away.
pub(super) fn figure(id: &str, chart: &Chart, columns: &[&str], rows: &[Row]) -> Markup {
    html! {
        figure id={ (id) "-figure" } data-readout={ (id) "-table" } {
            (stage(chart, id))
            details id={ (id) "-details" } {
                summary { "Show as a table" }
                (table(id, chart, columns, rows, "short"))
            }
        }
    }
}

/// What the pointer and the arrow keys move over.
pub(super) fn stage(chart: &Chart, id: &str) -> Markup {
    let last = chart.places.len();
    html! {
        div.stage id={ (id) "-stage" } {
            (chart.svg)
            div.cursor hidden {}
            div.dot hidden {}
            div.tip hidden aria-hidden="true" {}
            div.reader.scripted id={ (id) "-reader" } tabindex="0" role="slider" aria-label="Read single values"
                aria-valuemin="1" aria-valuemax=(last) aria-valuenow=(last) aria-valuetext="newest" {}
        }
    }
}

/// The rows, newest first; each says where its point is.
pub(super) fn table(id: &str, chart: &Chart, columns: &[&str], rows: &[Row], class: &str) -> Markup {
    html! {
        div.scroll.{ (class) } tabindex="0" role="region" aria-label="Table of the chart's values" {
            table id={ (id) "-table" } {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for (row, place) in rows.iter().zip(&chart.places).rev() {
                        tr data-at=(place.attribute()) { @for cell in row { td { (cell) } } }
                    }
                }
            }
        }
    }
}

/// An amount of money, or that it is not known: zero would be a lie.
pub(super) fn euro(amount: Option<Decimal>) -> Markup {
    html! {
        @match amount {
            Some(eur) => span title=(format::eur(eur)) { (format::eur_round(eur)) },
            None => span.faint { "no price" },
        }
    }
}

/// In place of a chart whose range is empty. What lies elsewhere is pointed to: a feed of blocks may hold years.
pub(super) fn nothing_in_range(what: &str, why: &str, view: View, latest: Option<DateTime<Utc>>) -> Markup {
    let all = View { span: Span::All, ..view };
    html! {
        @match latest {
            None => (nothing(&format!("No {what} in this range yet."), why)),
            Some(latest) => div.nothing {
                p { strong { "No " (what) " in this range." } }
                p {
                    "The newest one is of " (format::day(latest.date_naive())) ". "
                    a href={ "/" (all.query()) } data-choice={ "range=" (Span::All.key()) } { "Show all time" }
                }
            },
        }
    }
}

/// In place of something that is not there.
pub(super) fn nothing(what: &str, why: &str) -> Markup {
    html! { div.nothing { p { strong { (what) } } p { (why) } } }
}
