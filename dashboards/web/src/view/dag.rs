//! The topology as a drawing.

use std::{collections::HashMap, fmt::Write};

use maud::{Markup, html};

use super::layout::{Layout, Sizes, lay_out};
use crate::{
    format,
    snapshot::{Component, Edge, Snapshot},
};

const SIZES: Sizes =
    Sizes { node_width: 168.0, node_height: 56.0, column_gap: 52.0, row_gap: 18.0, lane: 8.0 };
/// Room around the drawing, so that outlines are not cut.
const MARGIN: f64 = 8.0;
/// Letters of a name that fit into a node.
const NAME_LETTERS_MAX: usize = 20;

pub(super) fn dag(snapshot: &Snapshot) -> Markup {
    let numbers: HashMap<&str, usize> = snapshot
        .components
        .iter()
        .enumerate()
        .map(|(number, component)| (component.name.as_str(), number))
        .collect();
    let number = |name: &String| numbers.get(name.as_str()).copied().unwrap_or(usize::MAX);
    let links: Vec<_> = snapshot.edges.iter().map(|edge| (number(&edge.from), number(&edge.to))).collect();
    let layout = lay_out(snapshot.components.len(), &links, SIZES);
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    let label = format!(
        "The topology: {} components, {} edges. The tables below say the same.",
        snapshot.components.len(),
        snapshot.edges.len()
    );
    html! {
        div.scroll.drawing tabindex="0" role="region" aria-label="Drawing of the topology" {
            svg.dag viewBox={ (-MARGIN) " " (-MARGIN) " " (width) " " (height) } width=(width) height=(height)
                role="img" aria-label=(label) {
                (edges(snapshot, &layout))
                @for (component, place) in snapshot.components.iter().zip(&layout.nodes) { (node(component, *place)) }
            }
        }
    }
}

fn edges(snapshot: &Snapshot, layout: &Layout) -> Markup {
    html! {
        @for (edge, route) in snapshot.edges.iter().zip(&layout.routes) {
            path.edge.(class(edge)) d=(curve(route)) { title { (described(edge)) } }
        }
    }
}

/// How much flows along an edge, and whether all of it is well.
fn class(edge: &Edge) -> &'static str {
    match edge.emitted {
        0 => "idle",
        1..10_000 => "thin",
        10_000..1_000_000 => "broad",
        _ => "broadest",
    }
}

fn described(edge: &Edge) -> String {
    format!(
        "{} → {} ({}, {}): {} emitted, {} acked, {} failed, {} pending",
        edge.from,
        edge.to,
        edge.stream,
        edge.grouping,
        format::count(edge.emitted),
        format::count(edge.acked),
        format::count(edge.failed),
        format::balance(edge.pending)
    )
}

/// A smooth way through the points: curved between layers, straight along them.
fn curve(route: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, (x, y)) in route.iter().enumerate() {
        let written = match number {
            0 => write!(path, "M{x} {y}"),
            odd if odd % 2 == 1 => {
                let (before_x, before_y) = route[number - 1];
                let middle = f64::midpoint(before_x, *x);
                write!(path, "C{middle} {before_y} {middle} {y} {x} {y}")
            }
            _ => write!(path, "H{x}"),
        };
        if written.is_err() {
            break;
        }
    }
    path
}

fn node(component: &Component, (x, y): (f64, f64)) -> Markup {
    let kind = match component.kind.as_str() {
        "sink" => "sink",
        _ if component.is_spout() => "spout",
        _ => "bolt",
    };
    let name: String = component.name.chars().take(NAME_LETTERS_MAX).collect();
    let work = if component.is_spout() { component.emitted } else { component.executed };
    let is_hurt = component.failed > 0 || component.restarts > 0;
    html! {
        g.node.(kind) transform={ "translate(" (x) " " (y) ")" } {
            title { (component.name) }
            rect.body width=(SIZES.node_width) height=(SIZES.node_height) rx="9" {}
            rect.kind x="0" y="12" width="3" height=(SIZES.node_height - 24.0) rx="1.5" {}
            text.name x="14" y="23" { (name) }
            text.figures x="14" y="42" { (format::short(work.into())) }
            text.figures.tasks x=(SIZES.node_width - 12.0) y="42" text-anchor="end" {
                "×" (component.tasks)
                @if component.pending > 0 { " \u{b7} " (format::short(component.pending.into())) " pending" }
            }
            @if is_hurt { circle.hurt cx=(SIZES.node_width - 14.0) cy="18" r="4" {} }
        }
    }
}
