//! The volume chart: all outputs, and beside it what remains without change.

use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;

use super::{
    controls::units,
    figure::{Row, euro, figure, nothing_in_range},
};
use crate::{
    chart::{self, BarValue, TimeAxis},
    format,
    market::{Bar, Market},
    query::Unit,
};

const HEIGHT_PX: u32 = 240;

pub(super) fn volume(market: &Market) -> Markup {
    html! {
        section.card aria-labelledby="volume-title" {
            header.title {
                h2 #volume-title { "Volume " (per(market)) }
                p.legend {
                    span.key.whole { "all outputs" }
                    span.key.part { "without change" }
                }
                (units(market.view, "volume"))
            }
            @if market.hours.is_empty() {
                (nothing_in_range("transaction", "Each hour appears with its first transaction and grows while it lasts.",
                    market.view, market.latest_hour))
            } @else {
                (drawn(market))
                (unpriced(market))
            }
        }
    }
}

/// What one bar covers.
pub(super) fn per(market: &Market) -> String {
    match market.bar_hours() {
        1 => "per hour".to_owned(),
        24 => "per day".to_owned(),
        168 => "per week".to_owned(),
        hours if hours % 24 == 0 => format!("per {} days", hours / 24),
        hours => format!("per {hours} hours"),
    }
}

/// The time axis that all bar charts share.
pub(super) fn axis(market: &Market) -> TimeAxis {
    TimeAxis::new(market.from, market.until, chrono::TimeDelta::hours(market.bar_hours()))
}

fn drawn(market: &Market) -> Markup {
    let unit = market.view.unit;
    let bars = market.bars();
    let value = |bar: &Bar| {
        let (whole, part) = match unit {
            Unit::Btc => (format::bitcoin(bar.volume_sat), format::bitcoin(bar.adjusted_sat)),
            Unit::Eur => (bar.volume_eur, bar.adjusted_eur()),
        };
        let (whole, part) = (whole.to_f64().unwrap_or_default(), part.to_f64().unwrap_or_default());
        BarValue { start: bar.start, whole, part }
    };
    let values: Vec<BarValue> = bars.iter().map(value).collect();
    let summary = format!(
        "Volume in {} {} over {}. The arrow keys read single bars.",
        unit.label(),
        per(market),
        market.view.span.words()
    );
    let chart = chart::bars(&axis(market), &values, HEIGHT_PX, &summary);
    let rows: Vec<Row> = bars.iter().map(|bar| row(market, bar)).collect();
    figure("volume", &chart, &["From", "BTC", "BTC without change", "EUR", "Transactions"], &rows)
}

fn row(market: &Market, bar: &Bar) -> Row {
    vec![
        html! { (market.bar_time(bar.start)) },
        html! { (format::btc(bar.volume_sat)) },
        html! { (format::btc(bar.adjusted_sat)) },
        euro(bar.priced_eur()),
        html! { (format::count(bar.tx_count)) },
    ]
}

/// Says how much of the volume the amounts in EUR leave out.
fn unpriced(market: &Market) -> Markup {
    // Less than this is what rounding leaves.
    const PRICED_SHARE_WHOLE: f64 = 0.9995;
    let share = market.total().priced_share();
    html! {
        @if share < PRICED_SHARE_WHOLE {
            p.note {
                (format::percent(1.0 - share)) " of this volume had no price within an hour of it; amounts in EUR leave \
                it out."
            }
        }
    }
}
