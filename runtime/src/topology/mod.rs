//! Wiring a topology: the builder, the typed handles of its streams, and the plan they come down to.

pub(crate) mod assembly;
mod input;
mod placement;
pub(crate) mod plan;
mod stream;
mod tasks;
mod wiring;

use std::fmt;
use std::sync::Arc;

pub use input::Input;
pub use stream::Stream;

use crate::component::async_spout::{AsyncSpout, Bridge};
use crate::component::bolt::Streams;
use crate::component::dead_letter::dead_letters;
use crate::component::iterator::{Factory, IntoSpout};
use crate::component::spout::Spout;
use crate::config::Config;
use crate::error::{PlanError, RunError, StartError};
use crate::executor::{Running, Summary};
use crate::flow::flight::unpoisoned;
use crate::state::StateStore;
use crate::sync::Mutex;
use plan::{ComponentKind, Plan};
use wiring::{Component, Options, Wiring};

/// A topology under construction. Components are added to it and joined by their streams; it then runs, as often as one likes.
///
/// A stream can only be read by components made after it, so a topology has no cycles.
pub struct Topology {
    pub(crate) wiring: Arc<Mutex<Wiring>>,
}

impl Topology {
    /// An empty topology.
    pub fn new(name: impl Into<String>) -> Self {
        Self { wiring: Arc::new(Mutex::new(Wiring::new(name.into()))) }
    }

    /// Adds a spout of one task: a factory (`Fn() -> impl Spout`), or an iterator whose items are kept for replay.
    ///
    /// ```
    /// # use trombe::Topology;
    /// let topology = Topology::new("squares");
    /// let numbers = topology.spout("numbers", 1..=3_u64);
    /// numbers.shuffle().for_each("print", |n| println!("{}", n * n));
    /// # topology.run_local()?;
    /// # Ok::<(), trombe::RunError>(())
    /// ```
    pub fn spout<S: IntoSpout<M>, M>(&self, name: &str, spout: S) -> Stream<<S::Spout as Spout>::Item> {
        self.tasks(1).spout(name, spout)
    }

    /// Adds an asynchronous spout of one task.
    pub fn async_spout<S, F>(&self, name: &str, factory: F) -> Stream<S::Item>
    where
        S: AsyncSpout,
        F: Fn() -> S + Send + Sync + 'static,
    {
        self.tasks(1).async_spout(name, factory)
    }

    /// Options for a spout: `topology.tasks(3).spout("log", factory)`.
    pub fn tasks(&self, tasks: usize) -> SpoutOptions<'_> {
        SpoutOptions { topology: self, options: Options { tasks, ..Options::default() } }
    }

    /// Where stateful bolts keep their state, under `topology/bolt` each; without it, in memory for as long as the topology runs.
    pub fn state(&self, store: impl StateStore + 'static) {
        unpoisoned(&self.wiring).store = Some(Arc::new(store));
    }

    /// Validates the wiring and shows it as data.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        unpoisoned(&self.wiring).plan()
    }

    /// Starts the topology on its own threads.
    pub fn start(&self, config: Config) -> Result<Running, StartError> {
        Running::start(self, config)
    }

    /// Starts the topology with the default limits and waits until its spouts are exhausted and every tuple is done.
    pub fn run_local(&self) -> Result<Summary, RunError> {
        Ok(self.start(Config::default())?.wait().into_result()?)
    }

    fn add_spout<S: Spout>(
        &self,
        name: &str,
        kind: ComponentKind,
        mut options: Options,
        make: Factory<S>,
    ) -> Stream<S::Item> {
        options.has_positions = S::positions().is_some();
        let component = Component::new(name, kind, options, Vec::new(), move |assembly, component| {
            match assembly.faulty(component, &make) {
                Some(make) => assembly.spouts(component, &make),
                None => assembly.spouts(component, &make),
            }
        });
        let mut streams = Streams::default();
        streams.declare(&dead_letters::<S::Item>());
        Stream::of(&self.wiring, unpoisoned(&self.wiring).add::<S::Item>(component, &streams.declared))
    }
}

/// Options of a spout about to be added; see [`Topology::tasks`].
#[derive(Debug)]
#[must_use = "options without a spout do nothing"]
pub struct SpoutOptions<'a> {
    topology: &'a Topology,
    options: Options,
}

impl SpoutOptions<'_> {
    /// Spreads the tasks over this many threads at most.
    pub fn executors(mut self, executors: usize) -> Self {
        self.options.executors = Some(executors);
        self
    }

    /// Adds the spout.
    pub fn spout<S: IntoSpout<M>, M>(self, name: &str, spout: S) -> Stream<<S::Spout as Spout>::Item> {
        self.topology.add_spout(name, ComponentKind::Spout, self.options, spout.into_factory())
    }

    /// Adds an asynchronous spout.
    pub fn async_spout<S, F>(self, name: &str, factory: F) -> Stream<S::Item>
    where
        S: AsyncSpout,
        F: Fn() -> S + Send + Sync + 'static,
    {
        let make: Factory<S> = Arc::new(factory);
        let bridge: Factory<Bridge<S>> = Arc::new(move || Bridge::new(Arc::clone(&make)));
        self.topology.add_spout(name, ComponentKind::AsyncSpout, self.options, bridge)
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topology").field(&unpoisoned(&self.wiring).name).finish()
    }
}
