//! Which tasks get a tuple.

use std::collections::{BTreeMap, BTreeSet};

use trombe::{
    Bolt, Config, CustomGrouping, Emitter, Failure, Input, TaskContext, Topology, key_group, key_hash,
    task_of_group,
};

use super::common::{Log, SEEDS, Seen, run, tight};

/// Notes which task sees which tuple.
struct Witness {
    seen: Seen<(usize, u64)>,
    task: usize,
}

impl Bolt for Witness {
    type In = u64;
    type Out = ();

    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        self.task = context.task;
        Ok(())
    }

    fn execute(&mut self, n: u64, _out: &mut Emitter<()>) -> Result<(), Failure> {
        self.seen.add((self.task, n));
        Ok(())
    }
}

/// Runs 0..n over a grouping to four tasks, and says which task saw what.
fn witness(
    n: u64,
    seed: u64,
    group: impl Fn(trombe::Stream<u64>) -> Input<u64>,
) -> BTreeMap<usize, Vec<u64>> {
    let (log, witnessed) = (Log::of(n), Seen::new());
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let witness = witnessed.clone();
    group(numbers).tasks(4).bolt("witness", move || Witness { seen: witness.clone(), task: 0 }).end();
    run(&topology, tight(), seed);
    log.assert_all_acked_once("whatever the grouping");
    let mut by_task: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    witnessed.all().into_iter().for_each(|(task, n)| by_task.entry(task).or_default().push(n));
    for seen in by_task.values_mut() {
        seen.sort_unstable();
    }
    by_task
}

fn counts(by_task: &BTreeMap<usize, Vec<u64>>) -> Vec<usize> {
    by_task.values().map(Vec::len).collect()
}

#[test]
fn shuffle_is_even() {
    for seed in SEEDS {
        assert_eq!(counts(&witness(100, seed, trombe::Stream::shuffle)), [25; 4]);
    }
}

#[test]
fn a_key_goes_to_the_task_of_its_group() {
    let by_task = witness(500, 3, |numbers| numbers.by_key(|n| n % 40));
    for (task, seen) in &by_task {
        for n in seen {
            assert_eq!(task_of_group(key_group(key_hash(&(n % 40))), 4), *task);
        }
    }
    assert_eq!(by_task.len(), 4);
}

#[test]
fn a_partial_key_goes_to_two_tasks() {
    let by_task = witness(400, 3, |numbers| numbers.partial_key(|_| "the one key"));
    assert_eq!(counts(&by_task), [200; 2]);
}

#[test]
fn all_get_everything_and_the_tuple_waits_for_all() {
    for seed in SEEDS {
        let everything: Vec<u64> = (0..50).collect();
        let by_task = witness(50, seed, trombe::Stream::all);
        assert_eq!(by_task.values().filter(|seen| **seen == everything).count(), 4);
    }
}

#[test]
fn global_is_the_first_task() {
    assert_eq!(witness(50, 1, trombe::Stream::global).keys().copied().collect::<Vec<_>>(), [0]);
}

#[test]
fn none_goes_anywhere() {
    let counts = counts(&witness(1000, 1, trombe::Stream::none));
    assert_eq!(counts.iter().sum::<usize>(), 1000);
    assert!(counts.iter().all(|count| (190..310).contains(count)), "{counts:?}");
}

#[test]
fn local_or_shuffle_stays_on_its_thread() {
    let by_task = witness(100, 1, trombe::Stream::local_or_shuffle);
    assert_eq!(counts(&by_task), [50; 2], "two of the four tasks are on the spout's one of two threads");
}

#[test]
fn a_custom_grouping_chooses_any_number_of_tasks() {
    #[derive(Clone)]
    struct Divisors;
    impl CustomGrouping<u64> for Divisors {
        fn prepare(&mut self, tasks: usize) {
            assert_eq!(tasks, 4);
        }
        fn choose(&mut self, n: &u64, tasks: &mut Vec<usize>) {
            tasks.extend((2..4).filter(|divisor| n.is_multiple_of(*divisor as u64)));
        }
    }
    let by_task = witness(12, 1, |numbers| numbers.custom(Divisors));
    assert_eq!(by_task, BTreeMap::from([(2, vec![0, 2, 4, 6, 8, 10]), (3, vec![0, 3, 6, 9])]));
}

#[test]
fn direct_goes_where_the_emitter_says() {
    for seed in SEEDS {
        let (log, seen, others) = (Log::of(40), Seen::new(), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.spout("numbers", log.spout());
        let route = |n: u64, out: &mut Emitter<u64>| {
            if n.is_multiple_of(2) {
                out.emit_direct(usize::try_from(n % 3).unwrap(), n);
            } else {
                out.emit(n);
            }
            Ok(())
        };
        let routed = numbers.shuffle().closure("route", route);
        let (witness, other) = (seen.clone(), others.clone());
        routed
            .clone()
            .direct()
            .tasks(3)
            .bolt("named", move || Witness { seen: witness.clone(), task: 0 })
            .end();
        routed.shuffle().for_each("others", move |n| other.add(n));
        run(&topology, tight(), seed);
        log.assert_all_acked_once("both ways");
        assert!(seen.all().iter().all(|(task, n)| n % 2 == 0 && n % 3 == *task as u64));
        assert_eq!((seen.len(), others.len()), (20, 20));
    }
}

#[test]
fn a_task_that_is_not_there_fails_the_tuple() {
    let log = Log::of(8);
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", log.spout());
    let route = |n: u64, out: &mut Emitter<u64>| {
        out.emit_direct(if n == 5 { 99 } else { 0 }, n);
        Ok(())
    };
    let routed = numbers.shuffle().closure("route", route);
    routed.direct().tasks(2).for_each("named", |_| ());
    let config = Config { attempts_max: Some(2), batch_count_max: 1, ..tight() };
    run(&topology, config, 0);
    assert_eq!(log.exhausted().into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([5]));
}

#[test]
fn equal_parallelism_fuses_without_changing_anything() {
    for (seed, fusion) in SEEDS.flat_map(|seed| [(seed, true), (seed, false)]) {
        let (log, seen) = (Log::of(300), Seen::new());
        let topology = Topology::new("t");
        let numbers = topology.tasks(3).spout("numbers", log.spout());
        let twice = numbers.local_or_shuffle().tasks(3).flat_map("twice", |n| [n, n]);
        let odd = twice.local_or_shuffle().tasks(3).filter("odd", |n| n % 2 == 1);
        let all = seen.clone();
        odd.by(|n| n).tasks(2).for_each("see", move |n| all.add(n));
        let (_, snapshot) = run(&topology, Config { fusion, ..tight() }, seed);
        log.assert_all_acked_once("fused or not");
        assert_eq!(seen.sorted(), (0..300).filter(|n| n % 2 == 1).flat_map(|n| [n, n]).collect::<Vec<_>>());
        let edges: Vec<u64> = snapshot.edges.iter().map(|edge| edge.acked).collect();
        assert_eq!(edges, [300, 600, 300]);
    }
}
