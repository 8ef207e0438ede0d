//! Storm's processing guarantees, and what is handed to the consumer.

use trombe::Failure;
use trombe_connectors::{Assignment, Start};

use super::broker::{Broker, TOPIC};
use super::{bench, options};
use crate::spout::{LogSpoutOptions, ProcessingGuarantee, SpoutAssignment};

fn guaranteeing(guarantee: ProcessingGuarantee) -> LogSpoutOptions {
    LogSpoutOptions { guarantee, ..options() }
}

#[test]
fn at_least_once_commits_up_to_the_first_that_is_not_done() {
    let broker = Broker::with(&[(0, &[0, 1, 2, 3]), (1, &[10, 12, 15])]);
    let mut bench = bench(&broker, guaranteeing(ProcessingGuarantee::AtLeastOnce));
    assert_eq!(bench.on_desk().len(), 7);
    bench.ack(0, 1);
    assert_eq!(broker.committed(0), None, "offset 0 is not done");
    bench.ack(0, 0);
    assert_eq!(broker.committed(0), Some(2));
    bench.ack(1, 10);
    assert_eq!(broker.committed(1), Some(12), "11 was never there");
    bench.fail(0, 2, Failure::retry("later"));
    assert!(bench.on_desk().contains(&(0, 2)), "a failed record is given again");
    bench.ack(0, 3);
    assert_eq!(broker.committed(0), Some(2));
    bench.ack(0, 2);
    assert_eq!(broker.committed(0), Some(4));
}

#[test]
fn at_most_once_commits_before_it_gives_out() {
    let broker = Broker::with(&[(0, &[0, 1])]);
    broker.state().away = vec!["commit"];
    let mut bench = bench(&broker, guaranteeing(ProcessingGuarantee::AtMostOnce));
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![], None));
    assert!(bench.health.away().unwrap().contains("commit"));

    broker.state().away.clear();
    bench.pass(60_000);
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 0), (0, 1)], Some(2)));
    assert_eq!(bench.health.away(), None);
    bench.fail(0, 0, Failure::retry("later"));
    bench.ack(0, 1);
    assert_eq!(bench.on_desk(), [], "what failed is not given again");
    assert_eq!(bench.driver.snapshot().component("read").unwrap().pending, 0);
}

#[test]
fn no_guarantee_commits_whatever_became_of_the_records() {
    let broker = Broker::with(&[(0, &[0, 1])]);
    let mut bench = bench(&broker, guaranteeing(ProcessingGuarantee::NoGuarantee));
    assert_eq!((bench.on_desk().len(), broker.committed(0)), (2, Some(2)));
    bench.fail(0, 0, Failure::retry("later"));
    assert_eq!(bench.on_desk(), [(0, 1)]);
}

#[test]
fn the_consumer_is_told_who_reads_from_where() {
    for assignment in [SpoutAssignment::Tasks, SpoutAssignment::Group] {
        let broker = Broker::with(&[]);
        let identity = "0123abcd".to_owned();
        let first_poll = Start::Timestamp(5);
        bench(&broker, LogSpoutOptions { identity, assignment, first_poll, ..options() });
        let opened = broker.state().opened.pop().unwrap();
        let expected = match assignment {
            SpoutAssignment::Tasks => Assignment::Member { member: 0, members: 1 },
            SpoutAssignment::Group => Assignment::Group,
        };
        assert_eq!(
            (&*opened.group, opened.topics, opened.assignment),
            ("g", vec![TOPIC.to_owned()], expected)
        );
        assert_eq!((opened.start, &*opened.identity), (first_poll, "0123abcd"));
    }
}
