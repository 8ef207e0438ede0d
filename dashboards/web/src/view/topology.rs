//! The topology page: what flows, what failed and why.

use maud::{Markup, html};

use super::{dag::dag, figure::nothing, lag::lag, producers::producers, tile::Tile};
use crate::{
    Status, format,
    fragment::Fragments,
    snapshot::{Component, Edge, Failure, Snapshot},
};

/// Autopsies shown; the API gives all.
const FAILURES_MAX: usize = 20;

pub(super) fn add(fragments: &mut Fragments, status: &Status) {
    let snapshot = status.topology.as_ref().and_then(Snapshot::from_value);
    let known = snapshot.clone().unwrap_or_default();
    fragments.add("summary", summary(snapshot.as_ref(), status.why.is_some()));
    fragments.add("graph", section("graph", "Flow", &graph(&known)));
    fragments.add("components", section("components", "Components", &components(&known.components)));
    fragments.add("edges", section("edges", "Edges", &edges(&known.edges)));
    fragments.add("lag", section("lag", "Lag", &lag(&status.lag)));
    fragments.add("failures", section("failures", "Recent autopsies", &failures(&known.failures)));
    fragments.add("producer", producers(status.producer.as_ref()));
}

pub(super) fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section.card aria-labelledby={ (id) "-title" } {
            header.title { h2 id={ (id) "-title" } { (title) } }
            (content)
        }
    }
}

/// Why there is no topology to show stands above already, if it is known.
fn summary(snapshot: Option<&Snapshot>, is_explained: bool) -> Markup {
    let Some(snapshot) = snapshot else {
        return html! {
            section.hero aria-labelledby="summary-title" {
                div.now { h1 #summary-title { "Topology" } p.faint { @if is_explained { "Its state is not known." } @else { "It has not started yet." } } }
            }
        };
    };
    let totals = snapshot.totals();
    html! {
        section.hero aria-labelledby="summary-title" {
            div.now {
                h1 #summary-title { "Topology" }
                p.amount.text { (snapshot.topology) }
                p.faint { "Up for " (format::duration(snapshot.uptime_ms / 1_000)) }
            }
            dl.tiles {
                (tile("Emitted by spouts", totals.emitted, "replays included"))
                (tile("Acked", totals.acked, "with their whole tree"))
                (tile("Failed", totals.failed, "attempts; see the autopsies"))
                (tile("Given up", totals.given_up, "neither acked nor tried again"))
                (tile("Pending", totals.pending, "on their way"))
            }
        }
    }
}

fn tile<'a>(name: &'a str, number: u64, note: &str) -> Tile<'a> {
    Tile { name, value: Some(format::count(number)), unit: "", note: note.to_owned(), absent: "" }
}

fn graph(snapshot: &Snapshot) -> Markup {
    html! {
        @if snapshot.components.is_empty() {
            (nothing("Nothing to draw yet.", "Components appear here when the topology starts."))
        } @else {
            p.legend {
                span.key.spout { "spout" } span.key.bolt { "bolt" } span.key.sink { "sink" }
                span { "with tuples emitted or executed, tasks and pending" }
            }
            (dag(snapshot))
        }
    }
}

fn components(components: &[Component]) -> Markup {
    let columns = [
        "Name", "<Kind", "Tasks", "Executed", "Emitted", "Acked", "Failed", "Pending", "Queued", "p50",
        "p99", "Restarts",
    ];
    wide_table("components", &columns, components.iter().map(component).collect())
}

fn component(component: &Component) -> Markup {
    let (p50, p99) = if component.is_spout() {
        (component.complete_us_p50, component.complete_us_p99)
    } else {
        (component.execute_us_p50, component.execute_us_p99)
    };
    html! {
        tr {
            th scope="row" {
                (component.name)
                @if let Some(error) = &component.last_error { span.error title=(error) { (error) } }
            }
            td.word { (component.kind) }
            td { (component.tasks) }
            td { @if component.is_spout() { "\u{2014}" } @else { (format::count(component.executed)) } }
            td { (format::count(component.emitted)) }
            td { (format::count(component.acked)) }
            (failed(component.failed))
            td { (format::count(component.pending)) }
            td { (format::count(component.queue_len)) }
            td { (latency(p50)) }
            td { (latency(p99)) }
            td { (component.restarts) }
        }
    }
}

fn edges(edges: &[Edge]) -> Markup {
    let columns = ["From", "<To", "<Stream", "<Grouping", "Emitted", "Acked", "Failed", "Pending"];
    wide_table("edges", &columns, edges.iter().map(edge).collect())
}

fn edge(edge: &Edge) -> Markup {
    html! {
        tr {
            th scope="row" { (edge.from) }
            td.word { (edge.to) }
            td.word { (edge.stream) }
            td.word { (edge.grouping) }
            td { (format::count(edge.emitted)) }
            td { (format::count(edge.acked)) }
            (failed(edge.failed))
            td.bad[edge.pending < 0] { (format::balance(edge.pending)) }
        }
    }
}

fn failures(failures: &[Failure]) -> Markup {
    if failures.is_empty() {
        return html! { p.faint { "No tuple has failed. Each one that does is listed here with where, when and why." } };
    }
    let columns =
        ["Component", "<Edge", "Task", "<Spout", "Attempt", "Queued", "Executed", "<Then", "<Reason"];
    wide_table("failures", &columns, failures.iter().rev().take(FAILURES_MAX).map(failure).collect())
}

fn failure(failure: &Failure) -> Markup {
    html! {
        tr {
            th scope="row" { (failure.component) }
            td.word { (failure.edge) }
            td { (failure.task) }
            td.word { (failure.spout) }
            td { (failure.attempt) }
            td { (latency(failure.queued_us)) }
            td { (latency(failure.executed_us)) }
            td.word { (failure.kind) }
            td.reason { (failure.reason) }
        }
    }
}

fn failed(count: u64) -> Markup {
    html! { td.bad[count > 0] { (format::count(count)) } }
}

fn latency(us: Option<f64>) -> String {
    us.map_or_else(|| "\u{2014}".to_owned(), format::micros)
}

/// A column's name that begins with `<` stands over words, which are set to the left.
pub(super) fn wide_table(id: &str, columns: &[&str], rows: Vec<Markup>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby={ (id) "-title" } {
            table.plain {
                thead { tr { @for column in columns {
                    @match column.strip_prefix('<') {
                        Some(column) => th.word scope="col" { (column) },
                        None => th scope="col" { (column) },
                    }
                } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}
