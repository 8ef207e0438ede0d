//! Who earned most, by day and by month.

use maud::{Markup, html};
use rust_decimal::Decimal;

use super::figure::{euro, nothing};
use crate::{
    documents::Miner,
    format,
    market::{Market, Ranking, sum},
    query::{Period, View},
};

/// Miners listed at once; the others are summed up in one row.
const MINERS_MAX: usize = 12;

pub(super) fn miners(market: &Market) -> Markup {
    let view = market.view;
    html! {
        div.pair {
            (ranking(view, "day", "Top miners of the day", market.day.as_ref(), &market.days))
            (ranking(view, "month", "Top miners of the month", market.month.as_ref(), &market.months))
        }
    }
}

fn ranking(view: View, kind: &str, title: &str, ranking: Option<&Ranking>, periods: &[Period]) -> Markup {
    html! {
        section.card aria-labelledby={ (kind) "-title" } {
            header.title {
                h2 id={ (kind) "-title" } { (title) }
                @if let Some(ranking) = ranking { (chooser(view, kind, ranking.period, periods)) }
            }
            @match ranking {
                Some(ranking) if !ranking.miners.is_empty() => (table(kind, ranking)),
                Some(ranking) => (nothing(&format!("No block in {}.", ranking.period), "Choose another one.")),
                None => (nothing("No block yet.", "About one block is found every ten minutes.")),
            }
        }
    }
}

/// A form, so that it works without JavaScript, which only saves the button.
fn chooser(view: View, kind: &str, chosen: Period, periods: &[Period]) -> Markup {
    html! {
        form.chooser method="get" action="/" {
            input type="hidden" name="range" value=(view.span.key());
            input type="hidden" name="unit" value=(view.unit.key());
            @for other in [view.day, view.month].into_iter().flatten() {
                @match other {
                    Period::Day(_) if kind != "day" => input type="hidden" name="day" value=(other);,
                    Period::Month(_) if kind != "month" => input type="hidden" name="month" value=(other);,
                    _ => {}
                }
            }
            label.unseen for={ "choose-" (kind) } { "Choose a " (kind) }
            select id={ "choose-" (kind) } name=(kind) data-choice {
                @if !periods.contains(&chosen) { option value=(chosen) selected { (called(chosen)) } }
                @for period in periods {
                    option value=(period) selected[*period == chosen] { (called(*period)) }
                }
            }
            button.unscripted type="submit" { "Show" }
        }
    }
}

fn called(period: Period) -> String {
    match period {
        Period::Day(day) => format::day(day),
        Period::Month(day) => day.format("%B %Y").to_string(),
    }
}

fn table(kind: &str, ranking: &Ranking) -> Markup {
    let (shown, others) = ranking.miners.split_at(ranking.miners.len().min(MINERS_MAX));
    let total = ranking.reward_sat();
    let most = shown.first().map_or(0, |miner| miner.reward_sat);
    let priced = ranking.miners.iter().all(|miner| miner.priced_share >= 1.0 || miner.reward_sat == 0);
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby={ (kind) "-title" } {
            table.ranking {
                thead {
                    tr {
                        th scope="col" { "Miner" }
                        th scope="col" { "Blocks" }
                        th scope="col" { "BTC" }
                        th scope="col" { "EUR" }
                        th scope="col" { "Share" }
                    }
                }
                tbody {
                    @for miner in shown { (row(miner, total, most)) }
                    @if !others.is_empty() { (row(&summed(others), total, most)) }
                }
            }
        }
        @if !priced {
            p.note { "Some of these blocks had no price within an hour of them; amounts in EUR leave them out." }
        }
    }
}

fn summed(others: &[Miner]) -> Miner {
    Miner {
        period: String::new(),
        miner: format!("{} others", others.len()),
        blocks: sum(others.iter().map(|miner| miner.blocks)),
        reward_sat: sum(others.iter().map(|miner| miner.reward_sat)),
        reward_eur: others.iter().fold(Decimal::ZERO, |sum, miner| sum.saturating_add(miner.reward_eur)),
        priced_share: 1.0,
    }
}

/// `most_sat` is what the longest bar stands for.
fn row(miner: &Miner, total_sat: u64, most_sat: u64) -> Markup {
    let share = format::share(miner.reward_sat, total_sat);
    let length = format::share(miner.reward_sat.min(most_sat), most_sat);
    html! {
        tr {
            th scope="row" { span.name title=(miner.miner) { (miner.miner) } }
            td { (format::count(miner.blocks)) }
            td { span title=(format::btc_exact(miner.reward_sat)) { (format::btc_fine(miner.reward_sat)) } }
            td { (euro(miner.priced_eur())) }
            td.share {
                svg width="100%" height="6" aria-hidden="true" {
                    rect.track width="100%" height="6" rx="3" {}
                    rect.fill width={ (format!("{:.1}", length * 100.0)) "%" } height="6" rx="3" {}
                }
                span { (format::percent(share)) }
            }
        }
    }
}
