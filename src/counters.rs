//! What the topology counts beside the engine's books, as the page's counters.

use btc_dashboard_web::Counter;
use btc_topology::Health;

/// Dead letters, missed records, and what became of the documents of each index.
pub(crate) fn counters(health: &Health) -> Vec<Counter> {
    let counter = |name: &'static str, help: &'static str, value| Counter {
        name: name.into(),
        help: help.into(),
        labels: Vec::new(),
        value,
    };
    let mut counters = vec![
        counter("btc_dead_letters_total", "Records that became dead letters.", health.dead_letters() as u64),
        counter(
            "btc_missed_records_total",
            "Records that retention deleted before they were read.",
            health.missed_records(),
        ),
    ];
    for writes in health.writes() {
        let outcomes = [
            ("indexed", writes.indexed),
            ("stale", writes.stale),
            ("retried", writes.retried),
            ("rejected", writes.rejected),
        ];
        counters.extend(outcomes.map(|(outcome, value)| Counter {
            labels: vec![("target".into(), writes.target.to_owned()), ("outcome".into(), outcome.to_owned())],
            ..counter("btc_documents_total", "Answers to documents sent to an index.", value)
        }));
    }
    counters.extend(health.writes().into_iter().map(|writes| Counter {
        labels: vec![("target".into(), writes.target.to_owned())],
        ..counter(
            "btc_requests_unanswered_total",
            "Bulk requests without a usable answer.",
            writes.unanswered,
        )
    }));
    counters
}
