//! What can be wrong with a topology: one error an operation, ending in what to do about it.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::failure::{Failure, FailureKind};

/// A topology that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two components have the same name.
    #[error("two components are called `{name}`; rename one of them")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name that is empty or reserved.
    #[error(
        "`{name}` cannot be a component's name; choose one that is not empty and does not begin with `__`"
    )]
    ReservedName {
        /// The name.
        name: String,
    },
    /// A component without tasks.
    #[error("`{name}` has no task; give it `.tasks(n)` with n from 1 to {max}")]
    TaskCount {
        /// The component.
        name: String,
        /// The most tasks a component can have.
        max: usize,
    },
    /// More executors than tasks, or none.
    #[error("`{name}` has {tasks} tasks on {executors} executors; take from 1 to {tasks} executors")]
    ExecutorCount {
        /// The component.
        name: String,
        /// Its tasks.
        tasks: usize,
        /// Its executors.
        executors: usize,
    },
    /// More tasks than key groups on an edge by key.
    #[error(
        "`{name}` reads by key with {tasks} tasks, but keys fall into {groups} groups; take {groups} tasks or fewer"
    )]
    MoreTasksThanKeyGroups {
        /// The component.
        name: String,
        /// Its tasks.
        tasks: usize,
        /// [`KEY_GROUPS`](crate::KEY_GROUPS).
        groups: usize,
    },
    /// A stream is read that its component does not declare.
    #[error(
        "`{component}` has no stream `{stream}` of this type; declare it in the `declare` of the component"
    )]
    UndeclaredStream {
        /// The component.
        component: String,
        /// The stream.
        stream: String,
    },
    /// Dead letters of a component that is no spout.
    #[error(
        "`{name}` is no spout and gives no tuple up; read the dead letters of the spout that its tuples come from"
    )]
    NoDeadLetters {
        /// The component.
        name: String,
    },
    /// Streams of different topologies were joined.
    #[error("`{name}` reads a stream of another topology; wire both components to one `Topology`")]
    ForeignStream {
        /// The component.
        name: String,
    },
    /// A tick of zero milliseconds.
    #[error("`{name}` ticks every 0 ms; take 1 ms or more")]
    ZeroTick {
        /// The component.
        name: String,
    },
    /// A tick for a component that has none.
    #[error("`{name}` is a sink, and sinks are not ticked; leave out `.tick_ms(..)`")]
    SinkTick {
        /// The component.
        name: String,
    },
    /// A tick for a stateful bolt.
    #[error("`{name}` is a stateful bolt, and those are not ticked; leave out `.tick_ms(..)`")]
    StatefulTick {
        /// The component.
        name: String,
    },
    /// A stateful bolt that does not read by key.
    #[error(
        "`{name}` keeps state by key, but not all of its inputs have one; group each by `.by(..)` or `.by_key(..)`, after \
         any `.into_input(..)`, which `.map(..)` can replace"
    )]
    StateWithoutKey {
        /// The component.
        name: String,
    },
    /// An exactly-once bolt that could not tell a tuple from one given again.
    #[error(
        "`{name}` is to be exactly-once, but tuples that come by `{from}` do not tell where they come from: a spout needs \
         `Spout::positions`, and deferred bolts, at-most-once bolts, direct and custom groupings cannot be on the way; or choose \
         `.guarantee(Guarantee::AtLeastOnce)`"
    )]
    NoLineage {
        /// The bolt.
        name: String,
        /// The component upstream.
        from: String,
    },
    /// A guarantee for a component whose state the engine does not keep.
    #[error(
        "`{name}` has no state that the engine keeps; leave out `.guarantee(..)`, or make it by `.stateful(..)`"
    )]
    NoState {
        /// The component.
        name: String,
    },
    /// Nothing to run.
    #[error("topology `{name}` has no spout; add one by `topology.spout(name, factory)`")]
    NoSpout {
        /// The topology.
        name: String,
    },
}

/// A topology that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The topology is not valid.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A component refused to open or prepare.
    #[error("`{component}` task {task} could not be prepared: {failure}; nothing was started")]
    Prepare {
        /// The component.
        component: String,
        /// The task.
        task: usize,
        /// What the component said.
        failure: Failure,
    },
    /// The system refused a thread.
    #[error("no thread for the topology: {0}; lower workers_count or raise the process limit")]
    Thread(#[from] std::io::Error),
}

/// Why a topology ended by itself. What it has not acked comes again at the next start; only at-most-once bolts can have lost effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("`{component}` task {task} has ended the topology: {reason}")]
#[non_exhaustive]
pub struct EndError {
    /// The component that could not go on; `engine`, if it was none of them.
    pub component: String,
    /// The task of the component, counted from zero.
    pub task: usize,
    /// [`Fatal`](FailureKind::Fatal) or [`Superseded`](FailureKind::Superseded).
    pub kind: FailureKind,
    /// What the component said, which ends in what to do.
    pub reason: String,
}

/// What stands for a component where the engine itself is at fault.
const ENGINE: &str = "engine";

impl EndError {
    /// The engine has panicked where no component's code runs.
    pub(crate) fn mistake(panic: &str) -> Self {
        let reason = format!(
            "{panic}; this is a mistake of the engine, please report it with the log, and start the topology again"
        );
        Self { component: ENGINE.to_owned(), task: 0, kind: FailureKind::Fatal, reason }
    }

    /// Whether the engine's books can be wrong.
    pub(crate) fn is_mistake(&self) -> bool {
        self.component == ENGINE
    }

    /// Whether another process has taken this one's place, so that it is not to be started again by itself.
    pub fn is_superseded(&self) -> bool {
        self.kind == FailureKind::Superseded
    }
}

/// A topology that was not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It ended by itself.
    #[error(transparent)]
    End(#[from] EndError),
}
