//! The price chart.

use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;

use super::figure::{Row, figure, nothing_in_range};
use crate::{
    chart::{self, TimeAxis},
    format,
    market::Market,
};

const HEIGHT_PX: u32 = 320;

pub(super) fn price(market: &Market) -> Markup {
    html! {
        section.card aria-labelledby="price-title" {
            header.title { h2 #price-title { "Price" } p.unit { "EUR per bitcoin" } }
            @if market.prices.is_empty() {
                (nothing_in_range("price", "The chart is drawn with the first observation. A feed of blocks alone has no \
                    prices: --prices adds them.", market.view, market.latest.as_ref().map(|latest| latest.at)))
            } @else {
                (drawn(market))
            }
        }
    }
}

fn drawn(market: &Market) -> Markup {
    let points = market.points();
    let values: Vec<_> =
        points.iter().map(|point| (point.at, point.eur.to_f64().unwrap_or_default())).collect();
    let axis = TimeAxis::new(market.from, market.until, chrono::TimeDelta::minutes(1));
    let summary = market.extremes().map_or_else(String::new, |(low, high)| {
        format!(
            "Price over {}: lowest {}, highest {} euro. The arrow keys read single points.",
            market.view.span.words(),
            format::price(low),
            format::price(high)
        )
    });
    let chart = chart::line(&axis, &values, HEIGHT_PX, &summary);
    let rows: Vec<Row> = points
        .iter()
        .map(|point| vec![html! { (market.time(point.at)) }, html! { (format::price(point.eur)) }])
        .collect();
    figure("price", &chart, &["Time", "EUR"], &rows)
}
