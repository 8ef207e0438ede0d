//! Which node is asked next: a pure state machine.
//!
//! Nodes take turns. One that fails is put aside for a wait that doubles, then a single request tries it again. If all are aside,
//! a call tries the one whose turn comes first, so that nothing waits for a node that is back already.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

#[derive(Debug)]
pub(super) struct Nodes {
    states: Vec<State>,
    next: usize,
    backoff: Backoff,
    /// How long it may take to see whether a node is back.
    probe_time: Duration,
}

#[derive(Debug, Default)]
struct State {
    name: String,
    /// How often in a row it failed.
    failures: u32,
    /// A node put aside is not asked before.
    retry_at: Option<Instant>,
    /// Whether it has answered since it last failed.
    is_proven: bool,
    why: String,
}

/// The node to ask, and whether to see first if it answers at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) node: usize,
    pub(super) is_proven: bool,
}

impl Nodes {
    pub(super) fn new(names: Vec<String>, backoff: Backoff, probe_time: Duration) -> Self {
        let state = |name| State { name, ..State::default() };
        Self { states: names.into_iter().map(state).collect(), next: 0, backoff, probe_time }
    }

    /// The node to ask next, without those that this call has asked already. `None`: none is left.
    pub(super) fn choose(&mut self, now: Instant, asked: &[usize]) -> Option<Choice> {
        let count = self.states.len();
        let turn = (0..count).map(|step| (self.next + step) % count).filter(|node| !asked.contains(node));
        let usable = |node: &usize| self.states[*node].retry_at.is_none_or(|retry_at| retry_at <= now);
        let node = match turn.clone().find(usable) {
            Some(node) => node,
            None if asked.is_empty() => turn.min_by_key(|node| self.states[*node].retry_at)?,
            None => return None,
        };
        self.next = (node + 1) % count;
        let state = &mut self.states[node];
        if state.retry_at.is_some() {
            // Others leave the node alone while this call sees whether it is back.
            state.retry_at = Some(now + self.probe_time.max(self.backoff.cap(state.failures)));
        }
        Some(Choice { node, is_proven: state.is_proven })
    }

    /// The node answered. True if it had failed before.
    pub(super) fn succeeded(&mut self, node: usize) -> bool {
        let state = &mut self.states[node];
        let is_back = state.failures > 0;
        *state = State { name: std::mem::take(&mut state.name), is_proven: true, ..State::default() };
        is_back
    }

    /// The node did not answer, or not as a working node does. True if it is news.
    pub(super) fn failed(&mut self, node: usize, now: Instant, why: String) -> bool {
        let state = &mut self.states[node];
        state.retry_at = Some(now + self.backoff.cap(state.failures));
        state.failures = state.failures.saturating_add(1);
        state.is_proven = false;
        state.why = why;
        state.failures == 1
    }

    pub(super) fn name(&self, node: usize) -> &str {
        &self.states[node].name
    }

    /// Which nodes are out, and why.
    pub(super) fn why(&self) -> String {
        let out = self.states.iter().filter(|state| state.failures > 0);
        out.map(|state| format!("{}: {}", state.name, state.why)).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: usize) -> Nodes {
        let backoff = Backoff { ms_min: 100, ms_max: 1_000 };
        Nodes::new((0..count).map(|n| format!("n{n}")).collect(), backoff, Duration::from_secs(2))
    }

    fn chosen(nodes: &mut Nodes, now: Instant, asked: &[usize]) -> Option<usize> {
        nodes.choose(now, asked).map(|choice| choice.node)
    }

    #[test]
    fn nodes_take_turns_and_a_failed_one_is_left_out_until_its_time_comes() {
        let (mut nodes, t0) = (nodes(3), Instant::now());
        let ms = |ms| t0 + Duration::from_millis(ms);
        assert_eq!([(); 4].map(|()| chosen(&mut nodes, t0, &[])), [Some(0), Some(1), Some(2), Some(0)]);
        assert!(nodes.failed(1, t0, "refused".into()));
        assert_eq!([(); 3].map(|()| chosen(&mut nodes, ms(99), &[])), [Some(2), Some(0), Some(2)]);
        assert_eq!(chosen(&mut nodes, ms(100), &[]), Some(0));
        assert_eq!(chosen(&mut nodes, ms(100), &[]), Some(1), "it is tried again");
        assert_eq!([(); 2].map(|()| chosen(&mut nodes, ms(100), &[])), [Some(2), Some(0)]);
        assert_eq!(
            [(); 3].map(|()| chosen(&mut nodes, ms(2_099), &[])),
            [Some(2), Some(0), Some(2)],
            "by one only"
        );
        assert!(!nodes.failed(1, ms(2_100), "refused".into()));
        assert_eq!(nodes.why(), "n1: refused");
        assert!(nodes.succeeded(1));
        assert_eq!(nodes.why(), "");
        assert!(!nodes.succeeded(1));
    }

    #[test]
    fn a_call_asks_each_node_once() {
        let (mut nodes, t0) = (nodes(2), Instant::now());
        assert_eq!(chosen(&mut nodes, t0, &[]), Some(0));
        nodes.failed(0, t0, "cut".into());
        assert_eq!(chosen(&mut nodes, t0, &[0]), Some(1));
        nodes.failed(1, t0, "cut".into());
        assert_eq!(chosen(&mut nodes, t0, &[0, 1]), None);
        assert_eq!(nodes.why(), "n0: cut; n1: cut");
    }

    #[test]
    fn when_all_are_aside_the_first_in_line_is_tried() {
        let (mut nodes, t0) = (nodes(2), Instant::now());
        nodes.failed(1, t0, "down".into());
        nodes.failed(0, t0 + Duration::from_millis(10), "down".into());
        assert_eq!(
            nodes.choose(t0 + Duration::from_millis(20), &[]),
            Some(Choice { node: 1, is_proven: false })
        );
        assert_eq!(chosen(&mut nodes, t0 + Duration::from_millis(20), &[1]), None);
    }
}
