//! The largest transaction of each hour.

use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;

use super::{
    controls::units,
    figure::{Row, euro, nothing_in_range, stage, table},
    volume::{axis, per},
};
use crate::{
    chart::{self, BarValue},
    format,
    market::{Bar, Market},
    query::Unit,
};

const HEIGHT_PX: u32 = 300;

pub(super) fn largest(market: &Market) -> Markup {
    html! {
        section.card aria-labelledby="largest-title" {
            header.title {
                h2 #largest-title { "Largest transaction " (per(market)) }
                (units(market.view, "largest"))
            }
            @if market.hours.is_empty() {
                (nothing_in_range("transaction", "The largest one of each hour is listed here with its hash.", market.view, market.latest_hour))
            } @else {
                (drawn(market))
            }
        }
    }
}

fn drawn(market: &Market) -> Markup {
    let unit = market.view.unit;
    let bars = market.bars();
    let value = |bar: &Bar| match unit {
        Unit::Btc => format::bitcoin(bar.max_tx_sat),
        Unit::Eur => bar.max_tx_eur.unwrap_or_default(),
    };
    let values: Vec<BarValue> = bars
        .iter()
        .map(|bar| BarValue { start: bar.start, whole: 0.0, part: value(bar).to_f64().unwrap_or_default() })
        .map(|bar| BarValue { whole: bar.part, ..bar })
        .collect();
    let summary =
        format!("Largest transaction {} in {}. The arrow keys read single bars.", per(market), unit.label());
    let chart = chart::bars(&axis(market), &values, HEIGHT_PX, &summary);
    let rows: Vec<Row> = bars.iter().map(|bar| row(market, bar)).collect();
    html! {
        figure #largest-figure .beside data-readout="largest-table" {
            (stage(&chart, "largest"))
            (table("largest", &chart, &["From", "BTC", "EUR", "Transaction"], &rows, "tall"))
        }
    }
}

fn row(market: &Market, bar: &Bar) -> Row {
    vec![
        html! { (market.bar_time(bar.start)) },
        html! { span title=(format::btc_exact(bar.max_tx_sat)) { (format::btc_fine(bar.max_tx_sat)) } },
        euro(bar.max_tx_eur),
        html! {
            code title=(bar.max_tx_hash) { (format::hash(&bar.max_tx_hash)) }
            button.copy.scripted type="button" aria-label="Copy hash" { "Copy" }
        },
    ]
}
