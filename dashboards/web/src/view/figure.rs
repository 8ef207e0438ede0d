//! A chart together with its table, which is also what the readout reads.

use maud::{Markup, html};

use crate::chart::Chart;

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

/// In place of a chart that has nothing to show yet.
pub(super) fn nothing(what: &str, why: &str) -> Markup {
    html! { div.nothing { p { strong { (what) } } p { (why) } } }
}
