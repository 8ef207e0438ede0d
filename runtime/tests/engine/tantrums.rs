//! Goal: code of the user's that the engine runs beside the component, such as `Serialize` and `Drop` of a state, may panic: the topology
//! ends with an error that says whose it is, and never hangs. Method: states that do so, on threads.

use serde::{Deserialize, Serialize, Serializer};
use trombe::{Config, Emitter, EndError, Failure, FailureKind, StatefulBolt, Topology};

/// Panics when it is written.
#[derive(Clone, Default, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("not today")
    }
}

/// Panics when it is let go of, unless a default.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Clinging(u64);

impl Drop for Clinging {
    fn drop(&mut self) {
        assert!(self.0 == 0 || std::thread::panicking(), "not today");
    }
}

/// Makes a state of each number.
struct Keep<S>(fn(u64) -> S);

impl<S> StatefulBolt for Keep<S>
where
    S: Clone + Default + Serialize + for<'de> Deserialize<'de> + Send + 'static,
{
    type In = u64;
    type State = S;
    type Out = u64;

    fn update(&mut self, state: &mut S, n: &u64) -> Result<(), Failure> {
        *state = (self.0)(*n);
        Ok(())
    }

    fn emit(&mut self, _: &S, _: u64, _: &mut Emitter<u64>) -> Result<(), Failure> {
        Ok(())
    }
}

fn end_of<S>(make: fn(u64) -> S, state_entries_count_max: usize) -> EndError
where
    S: Clone + Default + Serialize + for<'de> Deserialize<'de> + Send + 'static,
{
    let topology = Topology::new("t");
    let numbers = topology.spout("numbers", 1..=100_u64);
    numbers.by_key(|n| *n).tasks(2).stateful("keep", move || Keep(make)).end();
    let config = Config { state_entries_count_max, ..Config::default() };
    topology.start(config).unwrap().wait().error.expect("it cannot go on")
}

#[test]
fn a_state_that_panics_ends_the_topology() {
    let ends = [
        ("Unwritable", end_of(|_| Unwritable, 1_000)),
        ("Clinging", end_of(Clinging, 1)),
        ("Clinging", end_of(Clinging, 1_000)),
    ];
    for (state, error) in ends {
        assert_eq!((error.component.as_str(), error.kind), ("keep", FailureKind::Fatal), "{state}: {error}");
        let advice = [state, "state of `t/keep`", "panic: not today", "see to it that"];
        assert!(advice.iter().all(|part| error.reason.contains(part)), "{state}: {error}");
    }
}
