//! The log is away, a record never goes through, the limits are reached.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trombe::{Config, Failure};

use super::broker::Broker;
use super::{Bench, bench, bench_of, options};
use crate::health::Part;
use crate::spout::LogSpoutOptions;

#[test]
fn a_log_that_is_away_is_told_of_and_comes_back_by_itself() {
    let broker = Broker::with(&[(0, &[0])]);
    broker.state().away = vec!["consumer"];
    let mut bench = bench(&broker, options());
    assert_eq!(bench.health.away().unwrap(), "the log is away (no broker for `consumer`); try again");
    broker.state().away = vec!["poll"];
    bench.pass(120_000);
    assert!(bench.health.away().unwrap().contains("poll"));
    let polls = broker.state().polls;
    bench.pass(600_000);
    let polls = broker.state().polls - polls;
    assert!((5..=30).contains(&polls), "{polls} polls in ten minutes without a broker");

    broker.state().away.clear();
    bench.pass(60_000);
    assert_eq!((bench.on_desk(), bench.health.away()), (vec![(0, 0)], None));
}

#[test]
fn a_commit_that_fails_holds_nothing_up_and_is_made_up_for() {
    let broker = Broker::with(&[(0, &[0, 1])]);
    broker.state().away = vec!["commit"];
    let mut bench = bench(&broker, options());
    bench.ack(0, 0);
    broker.state().records.insert(0, vec![0, 1, 2]);
    bench.settle();
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 1), (0, 2)], None));
    assert!(bench.health.away().unwrap().contains("commit"));
    assert_eq!(bench.driver.snapshot().component("read").unwrap().failed, 0);

    broker.state().away.clear();
    bench.pass(60_000);
    assert_eq!((broker.committed(0), bench.health.away()), (Some(1), None));
}

#[test]
fn a_failed_record_that_cannot_be_read_waits_for_the_log() {
    let broker = Broker::with(&[(0, &[0, 1])]);
    let mut bench = bench(&broker, options());
    broker.state().away = vec!["read"];
    bench.fail(0, 0, Failure::retry("later"));
    bench.pass(600_000);
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 1)], None));
    broker.state().away.clear();
    bench.pass(60_000);
    assert_eq!(bench.on_desk(), [(0, 0), (0, 1)]);
    bench.ack(0, 0);
    assert_eq!(broker.committed(0), Some(1));
}

/// Steps until tokio has done what it was given.
fn until(bench: &mut Bench, condition: impl Fn(&Bench) -> bool) {
    for _ in 0..100_000 {
        if condition(bench) {
            return;
        }
        bench.pass(20);
    }
    panic!("not in time");
}

#[test]
fn a_record_that_fails_for_the_last_time_is_a_dead_letter_before_its_offset_advances() {
    let broker = Broker::with(&[(0, &[0, 1, 2])]);
    let mut bench = bench(&broker, options());
    bench.ack(0, 2);
    broker.state().away = vec!["append"];
    bench.fail(0, 0, Failure::reject("no such thing"));
    for attempt in 1..=3 {
        assert!(bench.on_desk().contains(&(0, 1)), "attempt {attempt}");
        bench.fail(0, 1, Failure::retry("a bug"));
    }
    assert_eq!(bench.on_desk(), []);
    until(&mut bench, |bench| bench.health.away().is_some());
    assert_eq!((broker.committed(0), bench.health.dead_letters()), (None, 0), "no letter is durable yet");

    broker.state().away.clear();
    until(&mut bench, |bench| bench.broker.committed(0) == Some(3));
    let letters = std::mem::take(&mut broker.state().appended);
    let letters: Vec<Value> = letters
        .iter()
        .map(|(topic, message)| {
            assert_eq!(topic, crate::DEAD_LETTERS);
            serde_json::from_slice(&message.value).unwrap()
        })
        .collect();
    let reasons: Vec<_> = letters.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "desk failed it on attempt 1, from read: no such thing",
            "desk failed it on attempt 3, from read: a bug"
        ]
    );
    for (offset, letter) in letters.iter().enumerate() {
        assert_eq!(letter["raw_base64"], STANDARD.encode(format!("t/0@{offset}")));
        assert_eq!((&letter["partition"], &letter["offset"]), (&0.into(), &offset.into()));
    }
    assert_eq!((bench.health.dead_letters(), bench.health.away()), (2, None));
}

/// Storm's `maxUncommittedOffsets`: one record that is never done must not make everything after it open or to be read again.
#[test]
fn a_record_that_is_never_done_stops_its_spout_at_the_limit() {
    let offsets: Vec<u64> = (0..100).collect();
    let broker = Broker::with(&[(0, &offsets[..40])]);
    let mut bench = bench(&broker, LogSpoutOptions { uncommitted_count_max: 40, ..options() });
    for offset in 1..40 {
        bench.take(0, offset).ack();
    }
    broker.state().records.insert(0, offsets);
    bench.settle();
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 0)], None));
    bench.ack(0, 0);
    assert_eq!((bench.on_desk().len(), broker.committed(0)), (40, Some(40)), "and on to the next limit");
}

/// A client that nobody polls gathers what it has to tell, and what is not committed is read again after a restart.
#[test]
fn a_spout_that_may_give_nothing_goes_on_polling_and_committing() {
    let broker = Broker::with(&[(0, &[0, 1, 2])]);
    let limits = Config { spout_pending_count_max: 1, ..Config::default() };
    let mut bench = bench_of(&broker, options(), &limits);
    bench.ack(0, 0);
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![(0, 1)], Some(1)));
    let polls = |bench: &mut Bench| {
        let before = bench.broker.state().polls;
        bench.pass(10_000);
        bench.broker.state().polls - before
    };
    let full = polls(&mut bench);
    assert!((100..=501).contains(&full), "{full} polls in 10 s at the limit of pending tuples");
    bench.health.report(Part::Index, "index", Some("away".to_owned()));
    bench.ack(0, 1);
    let paused = polls(&mut bench);
    assert!((100..=501).contains(&paused), "{paused} polls in 10 s while the index is away");
    assert_eq!((bench.on_desk(), broker.committed(0)), (vec![], Some(2)));
}

#[test]
fn what_is_out_is_limited_in_bytes() {
    let broker = Broker::with(&[(0, &[0])]);
    let mut bench = bench(&broker, LogSpoutOptions { pending_bytes_max: 1, ..options() });
    broker.state().records.insert(0, vec![0, 1]);
    bench.settle();
    assert_eq!(bench.on_desk(), [(0, 0)]);
    bench.ack(0, 0);
    assert_eq!(bench.on_desk(), [(0, 1)]);
}

#[test]
fn the_lag_is_looked_at_again_and_again() {
    let broker = Broker::with(&[(0, &[0, 1, 2])]);
    let mut bench = bench(&broker, options());
    let lag = |bench: &Bench| {
        let lags = bench.health.lag();
        lags.iter().map(|lag| lag.end_offset - lag.committed.offset).collect::<Vec<_>>()
    };
    assert_eq!(lag(&bench), [3]);
    bench.ack(0, 0);
    bench.pass(6_000);
    assert_eq!(lag(&bench), [2]);
}
