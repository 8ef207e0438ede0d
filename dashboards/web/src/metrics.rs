//! The topology's counters in Prometheus' text format.

use std::{
    fmt::{Display, Write},
    sync::Arc,
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use trombe_connectors::Lag;

use crate::{
    Counter, Status,
    hub::Hub,
    snapshot::{Component, Edge, Snapshot},
};

pub(crate) async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let text = exposition(&hub.fresh_status());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

pub(crate) fn exposition(status: &Status) -> String {
    let mut text = Exposition::default();
    text.family("trombe_ready", "gauge", "Whether everything needed is there.");
    text.sample("trombe_ready", &[], u8::from(status.ready));
    if let Some(snapshot) = status.topology.as_ref().and_then(Snapshot::from_value) {
        components(&mut text, &snapshot);
        edges(&mut text, &snapshot);
    }
    consumers(&mut text, &status.lag);
    counters(&mut text, &status.counters);
    text.0
}

fn components(text: &mut Exposition, snapshot: &Snapshot) {
    type Read = fn(&Component) -> Option<f64>;
    #[expect(clippy::cast_precision_loss, reason = "Prometheus samples are floating-point numbers")]
    let families: [(&str, &str, &str, Read); 10] = [
        ("trombe_component_emitted_total", "counter", "Tuples emitted.", |c| Some(c.emitted as f64)),
        ("trombe_component_executed_total", "counter", "Tuples executed.", |c| Some(c.executed as f64)),
        ("trombe_component_acked_total", "counter", "Tuples acked.", |c| Some(c.acked as f64)),
        ("trombe_component_failed_total", "counter", "Tuples failed.", |c| Some(c.failed as f64)),
        ("trombe_component_given_up_total", "counter", "Spout tuples given up.", |c| Some(c.given_up as f64)),
        ("trombe_component_restarts_total", "counter", "Tasks restarted.", |c| Some(c.restarts as f64)),
        ("trombe_component_pending", "gauge", "Tuples on their way.", |c| Some(c.pending as f64)),
        ("trombe_component_queued", "gauge", "Tuples waiting.", |c| Some(c.queue_len as f64)),
        ("trombe_component_execute_p99_us", "gauge", "Time to execute a tuple, p99.", |c| c.execute_us_p99),
        ("trombe_component_complete_p99_us", "gauge", "Time from emit to ack, p99.", |c| c.complete_us_p99),
    ];
    for (name, kind, help, read) in families {
        text.family(name, kind, help);
        for component in &snapshot.components {
            if let Some(value) = read(component) {
                text.sample(name, &[("component", &component.name)], value);
            }
        }
    }
}

fn edges(text: &mut Exposition, snapshot: &Snapshot) {
    type Read = fn(&Edge) -> i64;
    let families: [(&str, &str, Read); 4] = [
        ("trombe_edge_emitted_total", "counter", |edge| edge.emitted.cast_signed()),
        ("trombe_edge_acked_total", "counter", |edge| edge.acked.cast_signed()),
        ("trombe_edge_failed_total", "counter", |edge| edge.failed.cast_signed()),
        ("trombe_edge_pending", "gauge", |edge| edge.pending),
    ];
    for (name, kind, read) in families {
        text.family(name, kind, "Tuples on an edge; emitted = acked + failed + pending.");
        for edge in &snapshot.edges {
            let labels = [("from", &*edge.from), ("stream", &*edge.stream), ("to", &*edge.to)];
            text.sample(name, &labels, read(edge));
        }
    }
}

fn consumers(text: &mut Exposition, lags: &[Lag]) {
    type Read = fn(&Lag) -> u64;
    let families: [(&str, &str, Read); 3] = [
        ("trombe_consumer_lag", "Messages after the committed offset.", Lag::records),
        ("trombe_consumer_committed_offset", "Where reading goes on after a restart.", |lag| {
            lag.committed.offset
        }),
        ("trombe_consumer_end_offset", "The offset after the newest message.", |lag| lag.end_offset),
    ];
    for (name, help, read) in families {
        text.family(name, "gauge", help);
        for lag in lags {
            let partition = lag.committed.partition.to_string();
            text.sample(name, &[("topic", &lag.committed.topic), ("partition", &partition)], read(lag));
        }
    }
}

fn counters(text: &mut Exposition, counters: &[Counter]) {
    for family in counters.chunk_by(|one, other| one.name == other.name) {
        text.family(&family[0].name, "counter", &family[0].help);
        for counter in family {
            let labels: Vec<_> =
                counter.labels.iter().map(|(name, value)| (&**name, value.as_str())).collect();
            text.sample(&counter.name, &labels, counter.value);
        }
    }
}

#[derive(Debug, Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.append(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.append(format_args!("{name}{labels} {value}\n"));
    }

    /// Writing to a string cannot fail.
    fn append(&mut self, line: std::fmt::Arguments<'_>) {
        if self.0.write_fmt(line).is_err() {
            tracing::debug!("a metric is missing");
        }
    }
}

/// As the format asks for in a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Exposition::default();
        text.family("x", "gauge", "An x.");
        text.sample("x", &[("name", "a\"b\\c\nd")], 1.5);
        text.sample("x", &[], 2);
        expect![[r#"
            # HELP x An x.
            # TYPE x gauge
            x{name="a\"b\\c\nd"} 1.5
            x 2
        "#]]
        .assert_eq(&text.0);
    }
}
