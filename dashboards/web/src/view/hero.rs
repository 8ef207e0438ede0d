//! The current price and the range's figures.

use maud::{Markup, Render, html};
use rust_decimal::Decimal;

use super::tile::Tile;
use crate::{
    documents::{Miner, Value},
    format,
    market::{Market, Ranking},
};

pub(super) fn hero(market: &Market) -> Markup {
    html! {
        section.hero aria-labelledby="hero-title" {
            div.now {
                h1 #hero-title { "Bitcoin in euro" }
                @match &market.latest {
                    Some(latest) => (current(market, latest)),
                    None => {
                        p.amount.faint { "\u{2014}" }
                        p.faint { "No price yet. The first one appears here as soon as it is read." }
                    }
                }
            }
            (tiles(market))
        }
    }
}

fn current(market: &Market, latest: &Value) -> Markup {
    let amount = format::price(latest.eur);
    html! {
        p #amount .amount data-title={ "€" (amount) } {
            span.currency { "€" } (amount)
        }
        @if let Some(first) = market.prices.first() { (change(market, first.eur, latest.eur)) }
        p.faint {
            "Last update "
            time #updated datetime=(format::machine(latest.at)) { (format::second(latest.at)) }
            span.age data-since=(format::machine(latest.at)) {}
        }
        @if !latest.source.is_empty() { p.faint { "Source " span.source { (latest.source) } } }
    }
}

fn change(market: &Market, from: Decimal, to: Decimal) -> Markup {
    let (class, arrow) = match to.cmp(&from) {
        std::cmp::Ordering::Greater => ("up", "▲"),
        std::cmp::Ordering::Less => ("down", "▼"),
        std::cmp::Ordering::Equal => ("flat", "■"),
    };
    html! {
        p.change {
            span class={ "delta " (class) } {
                span aria-hidden="true" { (arrow) } " "
                (format::change_percent(from, to).unwrap_or_default())
            }
            " " span.figures { (format::signed(to - from)) " EUR" }
            " over " (market.view.span.words())
        }
        @if let Some((low, high)) = market.extremes() {
            p.extremes {
                "Low " b { (format::price(low)) } " \u{b7} High " b { (format::price(high)) }
            }
        }
    }
}

fn tiles(market: &Market) -> Markup {
    let total = market.total();
    let span = market.view.span.label();
    let known = |text: String| (!market.hours.is_empty()).then_some(text);
    let absent = if market.latest_hour.is_some() { "none in this range" } else { "not read yet" };
    let volume_eur = total
        .priced_eur()
        .map_or_else(|| "no price".to_owned(), |eur| format!("€\u{202f}{}", format::short(eur)));
    let hour = market.largest().map(|hour| market.time(hour.at)).unwrap_or_default();
    html! {
        dl.tiles {
            (Tile {
                name: &format!("Volume, {span}"),
                value: known(format::short(format::bitcoin(total.volume_sat))),
                unit: "BTC",
                note: volume_eur,
                absent,
            })
            (Tile {
                name: &format!("Transactions, {span}"),
                value: known(format::count(total.tx_count)),
                unit: "",
                note: format!("{} BTC without change", format::short(format::bitcoin(total.adjusted_sat))),
                absent,
            })
            (Tile {
                name: &format!("Largest transaction, {span}"),
                value: known(format::short(format::bitcoin(total.max_tx_sat))),
                unit: "BTC",
                note: format!("in the hour from {hour}"),
                absent,
            })
            (top_miner(market.day.as_ref()))
        }
    }
}

fn top_miner(day: Option<&Ranking>) -> Markup {
    let top = day.and_then(|day| day.miners.first().map(|miner| (day, miner)));
    let note = |(day, miner): (&Ranking, &Miner)| {
        format!("{} of {} blocks on {}", miner.blocks, day.blocks(), format::day(day.period.first_day()))
    };
    Tile {
        name: "Top miner of the day",
        value: top.map(|(_, miner)| miner.miner.clone()),
        unit: "",
        note: top.map(note).unwrap_or_default(),
        absent: "no block yet",
    }
    .render()
}
