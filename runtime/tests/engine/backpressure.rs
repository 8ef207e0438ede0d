//! Full queues hold up whoever fills them, back to the spouts; nothing is dropped for lack of room.

use trombe::testing::Driver;
use trombe::{Bolt, Config, Emitter, Failure, TaskContext, Topology};

use super::common::{Log, SEEDS, Seen, run, tight};

#[test]
fn a_bolt_that_cannot_go_on_stops_the_spout() {
    /// Down from the start: it panics at once, and cannot be prepared again.
    struct Down {
        broken: bool,
    }
    impl Bolt for Down {
        type In = u64;
        type Out = ();
        fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
            if self.broken && context.restarts > 0 { Err(Failure::retry("still down")) } else { Ok(()) }
        }
        fn execute(&mut self, _: u64, _: &mut Emitter<()>) -> Result<(), Failure> {
            panic!("going down")
        }
    }
    for seed in SEEDS {
        let log = Log::of(1_000_000);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let copies = numbers.shuffle().flat_map("copies", |n| [n; 3]);
        copies.shuffle().bolt("down", || Down { broken: true }).end();
        let mut driver = Driver::new(&topology, tight(), seed).unwrap();
        driver.run_until_idle();
        let snapshot = driver.snapshot();
        // A queue is two batches of four; the fragment in hand, the parked one and three copies a tuple come on top.
        let queued: Vec<u64> = snapshot.components.iter().map(|component| component.queue_len).collect();
        assert!(queued[1] <= 8 && queued[2] <= 24, "{queued:?}");
        assert!(log.out_max() <= 40, "{} tuples are out", log.out_max());
        assert_eq!(snapshot.component("down").unwrap().restarts, 1);
        assert_eq!(snapshot.component("down").unwrap().last_error.as_deref(), Some("rebuilding: still down"));
    }
}

#[test]
fn pending_is_capped_for_each_task() {
    for seed in SEEDS {
        let log = Log::of(5000);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        numbers.shuffle().tasks(3).for_each("end", |_| ());
        run(&topology, Config { spout_pending_count_max: 10, ..tight() }, seed);
        log.assert_all_acked_once("slowly");
        assert!(log.out_max() <= 10, "{} tuples were out", log.out_max());
    }
}

#[test]
fn one_tuple_may_become_far_more_than_the_queues_hold() {
    for seed in SEEDS {
        let log = Log::of(5);
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let many = numbers.shuffle().flat_map("many", |n| (0..2000).map(move |m| n + m));
        many.by(|n| n).tasks(3).for_each("end", |_| ());
        let (_, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("every part of it");
        assert_eq!(snapshot.component("end").unwrap().acked, 10_000);
    }
}

#[test]
fn a_slow_branch_does_not_fail_by_timeout_while_it_is_queued() {
    let log = Log::of(100);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    numbers.shuffle().for_each("end", |_| ());
    let mut driver = Driver::new(&topology, Config { inactivity_timeout_ms: Some(1), ..tight() }, 0).unwrap();
    driver.clock().advance(std::time::Duration::from_hours(1));
    assert_eq!(driver.run().failed, 0);
}

#[test]
fn tuples_between_two_tasks_keep_their_order_even_when_they_are_held_up() {
    for seed in SEEDS {
        let (log, seen) = (Log::of(100), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let parts = numbers.shuffle().flat_map("parts", |n| (0..50).map(move |part| (n, part)));
        let all = seen.clone();
        parts.shuffle().for_each("see", move |pair| all.add(pair));
        run(&topology, Config { queue_batches_max: 1, ..tight() }, seed);
        assert!(seen.all().is_sorted(), "seed {seed}");
    }
}
