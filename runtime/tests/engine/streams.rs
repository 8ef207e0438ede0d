//! Several streams out of a component, several into one, several consumers of one.

use trombe::{Bolt, Emitter, Failure, StreamId, Streams, Topology};

use super::common::{Log, SEEDS, Seen, run, tight};

const ODD: StreamId<String> = StreamId::new("odd");

/// Even numbers to the main stream, odd ones as text to a side stream.
struct Split;

impl Bolt for Split {
    type In = u64;
    type Out = u64;

    fn declare(streams: &mut Streams) {
        streams.declare(&ODD);
    }

    fn execute(&mut self, n: u64, out: &mut Emitter<u64>) -> Result<(), Failure> {
        if n.is_multiple_of(2) {
            out.emit(n);
        } else {
            out.emit_to(&ODD, n.to_string());
        }
        Ok(())
    }
}

#[test]
fn a_side_stream_has_its_own_type_and_its_own_books() {
    for seed in SEEDS {
        let (log, evens, odds) = (Log::of(100), Seen::new(), Seen::new());
        let topology = Topology::new("t");
        let split = topology.spout("numbers", log.spout()).shuffle().tasks(2).bolt("split", || Split);
        let (even, odd) = (evens.clone(), odds.clone());
        split.side(&ODD).by(|text| text.as_str()).tasks(2).for_each("odd", move |text| odd.add(text));
        split.shuffle().tasks(2).for_each("even", move |n| even.add(n));
        let (_, snapshot) = run(&topology, tight(), seed);
        log.assert_all_acked_once("over either stream");
        assert_eq!((evens.len(), odds.len()), (50, 50));
        let streams: Vec<_> = snapshot.edges.iter().map(|edge| (edge.stream.as_str(), edge.acked)).collect();
        assert_eq!(streams, [("default", 100), ("odd", 50), ("default", 50)]);
    }
}

#[test]
fn a_failure_on_a_side_stream_replays_the_root() {
    let log = Log::of(10);
    let topology = Topology::new("t");
    let split = topology.spout("numbers", log.spout()).shuffle().bolt("split", || Split);
    let refuse = |text: String, _: &mut Emitter<()>| {
        if text == "7" { Err(Failure::reject("no seven")) } else { Ok(()) }
    };
    split.side(&ODD).shuffle().closure("refuse", refuse).end();
    split.end();
    let (_, snapshot) = run(&topology, tight(), 0);
    assert_eq!(log.exhausted().into_keys().collect::<Vec<_>>(), [7]);
    assert_eq!(snapshot.failures[0].edge, "split/odd");
}

#[test]
fn inputs_of_different_types_meet_in_an_enum() {
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    enum Either {
        Number(u64),
        Text(String),
    }
    for seed in SEEDS {
        let (log, seen) = (Log::of(30), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let texts = topology.spout("texts", (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
        let all = seen.clone();
        numbers
            .shuffle()
            .into_input(Either::Number)
            .and(texts.by(|text| text.as_str()).into_input(Either::Text))
            .tasks(3)
            .for_each("both", move |either| all.add(either));
        let (summary, _) = run(&topology, tight(), seed);
        assert_eq!(summary.acked, 50);
        let numbers = seen.all().iter().filter(|either| matches!(either, Either::Number(_))).count();
        assert_eq!((numbers, seen.len()), (30, 50));
    }
}

#[test]
fn every_consumer_of_a_stream_gets_its_own_copy_and_all_must_succeed() {
    for seed in SEEDS {
        let (log, seen) = (Log::of(60), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        for (name, consumer) in [("first", 1), ("second", 2), ("third", 3)] {
            let all = seen.clone();
            numbers.clone().shuffle().tasks(consumer).for_each(name, move |n| all.add((consumer, n)));
        }
        let reject = |n: u64, _: &mut Emitter<()>| {
            if n == 9 { Err(Failure::reject("no nine")) } else { Ok(()) }
        };
        numbers.global().closure("reject", reject).end();
        run(&topology, tight(), seed);
        assert_eq!(seen.sorted(), (1..4).flat_map(|c| (0..60).map(move |n| (c, n))).collect::<Vec<_>>());
        assert_eq!(log.acked().len(), 59);
        assert_eq!(log.exhausted().len(), 1);
    }
}

#[test]
fn a_stream_that_nobody_reads_holds_nothing_up() {
    let log = Log::of(10);
    let topology = Topology::new("t");
    topology.spout("numbers", log.spout()).end();
    run(&topology, tight(), 0);
    log.assert_all_acked_once("there is nothing to wait for");
}
