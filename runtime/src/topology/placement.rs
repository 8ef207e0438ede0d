//! Which worker each task runs on.

use std::sync::Arc;

use super::plan::ComponentKind;
use super::wiring::Component;
use crate::grouping::GroupingKind;

/// By component.
pub(super) struct Placement {
    /// The worker of each task.
    pub(super) worker_of: Vec<Arc<[usize]>>,
    /// Each task runs inside the producer's task of the same number.
    pub(super) fused: Vec<bool>,
}

impl Placement {
    pub(super) fn new(components: &[Component], workers: usize, fusion: bool) -> Self {
        let producer = |component: &Component| component.inputs.first().map(|input| input.from);
        let is_fused = |component: &Component| {
            fusion && producer(component).is_some_and(|producer| fusible(component, &components[producer]))
        };
        let fused: Vec<bool> = components.iter().map(is_fused).collect();
        let unfused = components.iter().zip(&fused).filter(|(_, fused)| !**fused);
        let mut shares = Shares::new(unfused.map(|(component, _)| component.executors()), workers);
        let mut worker_of: Vec<Arc<[usize]>> = Vec::with_capacity(components.len());
        for (component, fused) in components.iter().zip(&fused) {
            let near = producer(component).map(|producer| &worker_of[producer]);
            let placed = if let Some(near) = near.filter(|_| *fused) {
                Arc::clone(near)
            } else {
                let (tasks, executors) = (component.options.tasks, component.executors());
                let first = shares.place(executors, near.map(|near| near[0]));
                (0..tasks).map(|task| (first + task * executors / tasks) % workers).collect()
            };
            worker_of.push(placed);
        }
        Self { worker_of, fused }
    }
}

/// Equal numbers of executors for all workers, give or take one.
///
/// Most of what a queue costs is that a core reads what another one has written. So where a single executor is left over when every
/// worker has got as many of a component, it comes to the worker of its first input's first task, while that has room, and else to the
/// one that has the fewest. Where more are left over they are dealt round and round.
struct Shares {
    /// By worker: what is left over of the components.
    loads: Vec<usize>,
    /// What each worker is to have of it.
    each: usize,
    /// So many may still come to have one more.
    more: usize,
    /// Whose turn it is when they are dealt.
    next: usize,
}

impl Shares {
    fn new(executors: impl Iterator<Item = usize> + Clone, workers: usize) -> Self {
        let left_over = executors.map(|count| count % workers);
        let all: usize = left_over.clone().sum();
        let dealt: usize = left_over.filter(|count| *count > 1).sum();
        let (each, more) = (all / workers, all % workers);
        let loads: Vec<usize> = (0..workers).map(|worker| (dealt + workers - 1 - worker) / workers).collect();
        let more = more - loads.iter().filter(|load| **load > each).count();
        Self { loads, each, more, next: 0 }
    }

    /// The worker of a component's first executor; the others run on those after it.
    fn place(&mut self, executors: usize, near: Option<usize>) -> usize {
        let Self { loads, each, more, next } = self;
        let workers = loads.len();
        if executors % workers != 1 {
            let first = *next;
            *next = (first + executors) % workers;
            return first;
        }
        let has_room = |worker: &usize| loads[*worker] < *each + usize::from(*more > 0);
        let fewest = || (0..workers).min_by_key(|worker| loads[*worker]).unwrap_or(0);
        let worker = near.filter(has_room).unwrap_or_else(fewest);
        *more -= usize::from(loads[worker] == *each);
        loads[worker] += 1;
        worker
    }
}

/// A bolt that only ever gets tuples from one task, on the same thread, needs no queue.
fn fusible(consumer: &Component, producer: &Component) -> bool {
    consumer.kind == ComponentKind::Bolt
        && consumer.options.tick_ms.is_none()
        && consumer.options.tasks == producer.options.tasks
        && consumer.options.executors.is_none()
        && matches!(consumer.inputs.as_slice(), [input] if input.grouping == GroupingKind::LocalOrShuffle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, proptest};

    use super::*;
    use crate::Topology;
    use crate::flow::flight::unpoisoned;

    /// The workers of a chain of components, by their executors, and of a spout of its own after it.
    fn placed(executors: &[usize], workers: usize) -> String {
        let topology = Topology::new("t");
        let mut stream = topology.tasks(executors[0]).spout("0", 0..1_u8);
        for (at, count) in executors.iter().enumerate().skip(1) {
            stream = stream.shuffle().tasks(*count).map(&at.to_string(), |number| number);
        }
        topology.spout("other", 0..1_u8).shuffle().and(stream.shuffle()).tasks(workers).for_each("end", drop);
        let wiring = unpoisoned(&topology.wiring);
        let placement = Placement::new(&wiring.components, workers, true);
        format!("{:?}", &placement.worker_of[..=executors.len()])
    }

    #[test]
    fn what_is_left_over_comes_to_its_producer() {
        let cases: [(&[usize], usize, &str); 9] = [
            (&[1, 1, 1], 1, "[[0], [0], [0], [0]]"),
            (&[1, 1], 2, "[[0], [0], [1]]"),
            (&[1, 1, 1], 2, "[[0], [0], [1], [1]]"),
            (&[1, 1, 1, 1], 2, "[[0], [0], [0], [1], [1]]"),
            (&[1, 1, 1], 4, "[[0], [1], [2], [3]]"),
            (&[2, 2, 2], 2, "[[0, 1], [0, 1], [0, 1], [0]]"),
            (&[2, 1, 2, 1], 2, "[[0, 1], [0], [0, 1], [0], [1]]"),
            (&[2, 2], 4, "[[0, 1], [2, 3], [0]]"),
            (&[3, 3, 3, 3], 2, "[[0, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 1], [1]]"),
        ];
        for (executors, workers, expected) in cases {
            assert_eq!(placed(executors, workers), expected, "{executors:?} on {workers}");
        }
    }

    proptest! {
        #[test]
        fn workers_share_equally(executors in prop::collection::vec(0_usize..12, 0..12), near: bool, workers in 1_usize..9) {
            let mut shares = Shares::new(executors.iter().copied(), workers);
            let mut counts = vec![0; workers];
            let mut producer = None;
            for count in &executors {
                let first = shares.place(*count, producer);
                (first..first + count).for_each(|worker| counts[worker % workers] += 1);
                producer = near.then_some(first);
            }
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }
    }
}
