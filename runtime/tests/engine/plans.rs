//! Plans, and what is refused.

use expect_test::{Expect, expect};
use trombe::{Config, StreamId, Topology};

use super::common::Log;

fn check(topology: &Topology, expected: &Expect) {
    let shown = topology.plan().map_or_else(|error| format!("error: {error}"), |plan| plan.to_string());
    expected.assert_eq(&shown);
}

#[test]
fn a_plan_reads_like_the_wiring() {
    let topology = Topology::new("miners");
    let blocks = topology.tasks(2).executors(1).spout("blocks", Log::of(1).spout());
    let earned = blocks.clone().by(|block| block).tasks(4).map("earned", |block| block);
    earned.global().for_each("print", |_| ());
    blocks.local_or_shuffle().tasks(2).tick_ms(500).for_each("watch", |_| ());
    check(
        &topology,
        &expect![[r"
            topology miners
            spout blocks: tasks 2, executors 1, emits default
            bolt earned: tasks 4, executors 4, emits default
                key from blocks
            bolt print: tasks 1, executors 1
                global from earned
            bolt watch: tasks 2, executors 2, tick 500 ms
                local-or-shuffle from blocks"]],
    );
}

#[test]
fn a_plan_is_data() {
    let topology = Topology::new("t");
    topology.spout("n", Log::of(1).spout()).shuffle().for_each("end", |_| ());
    let plan = topology.plan().unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    expect![[r#"{"topology":"t","components":[{"name":"n","kind":"spout","tasks":1,"executors":1,"streams":["default"],"tick_ms":null,"inputs":[]},{"name":"end","kind":"bolt","tasks":1,"executors":1,"streams":[],"tick_ms":null,"inputs":[{"from":"n","stream":"default","grouping":"shuffle"}]}]}"#]].assert_eq(&json);
    assert_eq!(serde_json::from_str::<trombe::Plan>(&json).unwrap(), plan);
}

/// Checks a topology with a spout of numbers and what is wired to it.
fn with(wire: impl Fn(trombe::Stream<u64>), expected: &Expect) {
    let topology = Topology::new("t");
    wire(topology.spout("numbers", Log::of(1).spout()));
    check(&topology, expected);
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    with(
        |numbers| numbers.shuffle().for_each("numbers", |_| ()),
        &expect!["error: two components are called `numbers`; rename one of them"],
    );
    with(
        |numbers| numbers.shuffle().for_each("__acker", |_| ()),
        &expect![
            "error: `__acker` cannot be a component's name; choose one that is not empty and does not begin with `__`"
        ],
    );
    with(
        |numbers| numbers.shuffle().tasks(0).for_each("end", |_| ()),
        &expect!["error: `end` has no task; give it `.tasks(n)` with n from 1 to 65536"],
    );
    with(
        |numbers| numbers.shuffle().tasks(2).executors(3).for_each("end", |_| ()),
        &expect!["error: `end` has 2 tasks on 3 executors; take from 1 to 2 executors"],
    );
    with(
        |numbers| numbers.by(|n| n).tasks(65).for_each("end", |_| ()),
        &expect![
            "error: `end` reads by key with 65 tasks, but keys fall into 64 groups; take 64 tasks or fewer"
        ],
    );
    with(
        |numbers| numbers.shuffle().tick_ms(0).for_each("end", |_| ()),
        &expect!["error: `end` ticks every 0 ms; take 1 ms or more"],
    );
    with(
        |numbers| {
            struct Void;
            impl trombe::AsyncSink for Void {
                type In = u64;
                async fn write(&self, batch: Vec<u64>) -> Vec<trombe::Result> {
                    batch.iter().map(|_| Ok(())).collect()
                }
            }
            numbers.shuffle().tick_ms(10).sink("void", || Void);
        },
        &expect!["error: `void` is a sink, and sinks are not ticked; leave out `.tick_ms(..)`"],
    );
    with(
        |numbers| {
            const SIDE: StreamId<u8> = StreamId::new("side");
            numbers.side(&SIDE).end();
        },
        &expect![
            "error: `numbers` has no stream `side` of this type; declare it in the `declare` of the component"
        ],
    );
    with(
        |numbers| {
            let other = Topology::new("other");
            let foreign = other.spout("foreign", Log::of(1).spout());
            numbers.shuffle().and(foreign.shuffle()).for_each("end", |_| ());
        },
        &expect![
            "error: `a joined input` reads a stream of another topology; wire both components to one `Topology`"
        ],
    );
    check(
        &Topology::new("empty"),
        &expect!["error: topology `empty` has no spout; add one by `topology.spout(name, factory)`"],
    );
}

#[test]
fn a_component_that_cannot_be_prepared_keeps_the_topology_from_starting() {
    struct Refuses;
    impl trombe::Bolt for Refuses {
        type In = u64;
        type Out = ();
        fn prepare(&mut self, context: &trombe::TaskContext) -> trombe::Result {
            if context.task == 1 { Err(trombe::Failure::retry("no such table")) } else { Ok(()) }
        }
        fn execute(&mut self, _: u64, _: &mut trombe::Emitter<()>) -> trombe::Result {
            Ok(())
        }
    }
    let topology = Topology::new("t");
    topology.spout("numbers", Log::of(1).spout()).shuffle().tasks(2).bolt("refuses", || Refuses).end();
    let error = topology.start(Config::default()).unwrap_err().to_string();
    assert_eq!(error, "`refuses` task 1 could not be prepared: no such table; nothing was started");
}
