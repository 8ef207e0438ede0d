//! The current price and the range's figures.

use maud::{Markup, html};
use rust_decimal::Decimal;

use crate::{
    documents::Value,
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
    html! {
        dl.tiles {
            (tile(&format!("Volume, {span}"), market.hours.is_empty(), html! {
                (format::short(format::bitcoin(total.volume_sat))) " " small { "BTC" }
            }, html! { "€\u{202f}" (format::short(total.volume_eur)) }))
            (tile(&format!("Transactions, {span}"), market.hours.is_empty(), html! {
                (format::count(total.tx_count))
            }, html! {
                (format::short(format::bitcoin(total.adjusted_sat))) " BTC without change"
            }))
            (tile(&format!("Largest transaction, {span}"), market.largest().is_none(), html! {
                (format::short(format::bitcoin(total.max_tx_sat))) " " small { "BTC" }
            }, html! { @if let Some(hour) = market.largest() { "in the hour from " (format::minute(hour.at)) } }))
            (top_miner(market.day.as_ref()))
        }
    }
}

fn top_miner(day: Option<&Ranking>) -> Markup {
    let top = day.and_then(|day| day.miners.first().map(|miner| (day, miner)));
    tile(
        "Top miner of the day",
        top.is_none(),
        html! { @if let Some((_, miner)) = top { span.name title=(miner.miner) { (miner.miner) } } },
        html! {
            @if let Some((day, miner)) = top {
                (miner.blocks) " of " (day.blocks()) " blocks on " (day.period.first_day().format("%-d %b"))
            }
        },
    )
}

fn tile(name: &str, is_empty: bool, value: Markup, note: Markup) -> Markup {
    html! {
        div.tile {
            dt { (name) }
            @if is_empty { dd.value.faint { "\u{2014}" } dd.more { "not read yet" } }
            @else { dd.value { (value) } dd.more { (note) } }
        }
    }
}
