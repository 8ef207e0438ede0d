//! Partitions that move to another member of the group: nothing is lost, and nothing done twice that can be helped.

use std::time::Duration;

use trombe::Failure;

use super::broker::Broker;
use super::{bench, options};
use crate::spout::{LogSpoutOptions, SpoutAssignment};

fn in_a_group() -> LogSpoutOptions {
    LogSpoutOptions { assignment: SpoutAssignment::Group, release_max: Duration::from_secs(30), ..options() }
}

#[test]
fn a_revoked_partition_is_released_when_its_records_are_done_and_committed() {
    let broker = Broker::with(&[(0, &[0, 1]), (1, &[0])]);
    let mut bench = bench(&broker, in_a_group());
    broker.revoke(0, false);
    broker.state().records.insert(0, vec![0, 1, 2]);
    bench.ack(0, 0);
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 1), (1, 0)], Some(1)), "2 is for the next");
    assert!(broker.state().released.is_empty());
    bench.fail(0, 1, Failure::retry("later"));
    assert!(bench.on_desk().contains(&(0, 1)), "what is under way can still be retried");

    broker.state().away = vec!["commit"];
    bench.ack(0, 1);
    assert!(broker.state().released.is_empty(), "what is not committed would be done twice");
    broker.state().away.clear();
    bench.pass(10_000);
    assert_eq!((broker.committed(0), &*broker.state().released), (Some(2), &[0][..]));
    assert_eq!(bench.health.lag().len(), 2, "the fake tells of it still");
    bench.ack(1, 0);
    assert_eq!(broker.committed(1), Some(1));
}

#[test]
fn a_revoked_partition_is_released_at_the_deadline_and_late_acks_are_ignored() {
    let broker = Broker::with(&[(0, &[0, 1])]);
    let mut bench = bench(&broker, in_a_group());
    broker.revoke(0, false);
    bench.ack(0, 0);
    bench.pass(29_000);
    assert_eq!((broker.committed(0), &*broker.state().released), (Some(1), &[0][..]));
    // The other member has it now, and has come further.
    broker.state().records.remove(&0);
    broker.state().committed.insert(0, 7);
    bench.ack(0, 1);
    assert_eq!(broker.committed(0), Some(7));
}

#[test]
fn of_a_lost_partition_nothing_is_committed_and_nothing_replayed() {
    let broker = Broker::with(&[(0, &[0, 1]), (1, &[0])]);
    let mut bench = bench(&broker, in_a_group());
    broker.revoke(0, true);
    broker.state().records.remove(&0);
    bench.ack(0, 0);
    bench.fail(0, 1, Failure::retry("later"));
    bench.ack(1, 0);
    assert_eq!((broker.committed(0), broker.committed(1)), (None, Some(1)));
    assert_eq!((bench.on_desk(), &*broker.state().released), (vec![], &[][..]));
    assert_eq!(bench.driver.snapshot().component("read").unwrap().pending, 0);
}

/// A commit can take seconds to fail while brokers are away, and a revoked partition asks for one at every step.
#[test]
fn a_commit_that_fails_is_not_tried_again_at_once() {
    let broker = Broker::with(&[(0, &[0])]);
    let mut bench = bench(&broker, in_a_group());
    broker.state().away = vec!["commit"];
    broker.revoke(0, false);
    bench.ack(0, 0);
    let before = broker.state().commits;
    bench.pass(20_000);
    let commits = broker.state().commits - before;
    assert!((1..=10).contains(&commits), "{commits} commits in 20 s without a broker");
}

/// What the log lost is not made up for: new records stand at the old ones' offsets, and every one of them is to be read.
#[test]
fn a_partition_that_was_cut_off_is_read_again_and_committed_from_its_beginning() {
    let broker = Broker::with(&[(0, &[0, 1, 2, 3])]);
    let mut bench = bench(&broker, options());
    for offset in 0..4 {
        bench.ack(0, offset);
    }
    assert_eq!(broker.committed(0), Some(4));
    broker.cut_off(0, &[0, 1]);
    bench.settle();
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 0), (0, 1)], None), "nothing of it is done");
    bench.ack(0, 0);
    assert_eq!(broker.committed(0), Some(1));
}

#[test]
fn a_member_shows_that_it_is_alive_while_the_index_is_away() {
    let broker = Broker::with(&[(0, &[0])]);
    let mut bench = bench(&broker, in_a_group());
    bench.health.report(crate::health::Part::Index, "index", Some("away".to_owned()));
    broker.state().records.insert(0, vec![0, 1]);
    let polls = broker.state().polls;
    bench.settle();
    assert!(broker.state().polls > polls);
    assert_eq!(bench.on_desk(), [(0, 0)], "and takes nothing");
    bench.health.report(crate::health::Part::Index, "index", None);
    bench.settle();
    assert_eq!(bench.on_desk(), [(0, 0), (0, 1)]);
}
