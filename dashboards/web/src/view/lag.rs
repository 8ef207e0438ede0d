//! How far the topology is behind the log.

use std::collections::BTreeMap;

use maud::{Markup, html};
use trombe_connectors::Lag;

use super::topology::wide_table;
use crate::format;

/// One topic's partitions together.
#[derive(Default)]
struct Topic {
    partitions: u64,
    end: u64,
    committed: u64,
    behind: u64,
    /// The partition that is furthest behind, and how far.
    worst: (u64, u32),
}

/// A row for each topic; `/api/lag` has each partition.
pub(super) fn lag(lags: &[Lag]) -> Markup {
    if lags.is_empty() {
        return html! { p.faint { "Not looked at yet." } };
    }
    let mut topics: BTreeMap<&str, Topic> = BTreeMap::new();
    for lag in lags {
        let topic = topics.entry(&lag.committed.topic).or_default();
        topic.partitions += 1;
        topic.end = topic.end.saturating_add(lag.end_offset);
        topic.committed = topic.committed.saturating_add(lag.committed.offset);
        topic.behind = topic.behind.saturating_add(lag.records());
        topic.worst = topic.worst.max((lag.records(), lag.committed.partition));
    }
    let columns = ["Topic", "Partitions", "Messages", "Committed", "Behind", "Partition furthest behind"];
    wide_table("lag", &columns, topics.iter().map(|(name, topic)| row(name, topic)).collect())
}

fn row(name: &str, topic: &Topic) -> Markup {
    let (behind, partition) = topic.worst;
    html! {
        tr {
            th scope="row" { (name) }
            td { (topic.partitions) }
            td { (format::count(topic.end)) }
            td { (format::count(topic.committed)) }
            td { (format::count(topic.behind)) }
            td { @if behind > 0 { (partition) ": " (format::count(behind)) } @else { "\u{2014}" } }
        }
    }
}
