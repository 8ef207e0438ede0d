//! The plan: a topology as plain data, for whoever has to show, store or compare it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::component::stateful::Guarantee;
use crate::grouping::GroupingKind;

/// The name of the stream that `emit` emits to.
pub(crate) const DEFAULT_STREAM: &str = "default";

/// A validated topology without its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The topology's name.
    pub topology: String,
    /// Its components, sources before their consumers.
    pub components: Vec<PlanComponent>,
}

/// A component of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanComponent {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
    /// Instances of it, each with its own state.
    pub tasks: usize,
    /// Threads its tasks are spread over at most.
    pub executors: usize,
    /// Named streams it emits to.
    pub streams: Vec<String>,
    /// How often it is ticked, if it is.
    pub tick_ms: Option<u64>,
    /// Of a stateful bolt: what is promised of a tuple's effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
    /// What it reads.
    pub inputs: Vec<PlanInput>,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// A [`Spout`](crate::Spout).
    Spout,
    /// An [`AsyncSpout`](crate::AsyncSpout).
    AsyncSpout,
    /// A [`Bolt`](crate::Bolt).
    Bolt,
    /// A [`DeferredBolt`](crate::DeferredBolt).
    DeferredBolt,
    /// A [`StatefulBolt`](crate::StatefulBolt).
    StatefulBolt,
    /// An [`AsyncSink`](crate::AsyncSink).
    Sink,
}

/// An edge of a plan, at its consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInput {
    /// The emitting component.
    pub from: String,
    /// Its stream.
    pub stream: String,
    /// How tuples are dealt to tasks.
    pub grouping: GroupingKind,
}

impl ComponentKind {
    /// Whether tuples begin here.
    pub fn is_spout(self) -> bool {
        matches!(self, Self::Spout | Self::AsyncSpout)
    }

    /// Whether it runs on tokio.
    pub fn is_asynchronous(self) -> bool {
        matches!(self, Self::AsyncSpout | Self::Sink)
    }
}

impl Plan {
    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&PlanComponent> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Every edge with its consumer.
    pub fn edges(&self) -> impl Iterator<Item = (&PlanComponent, &PlanInput)> {
        self.components
            .iter()
            .flat_map(|component| component.inputs.iter().map(move |input| (component, input)))
    }

    /// Whether the component is upstream of an exactly-once bolt.
    pub(crate) fn leads_to_exactly_once(&self, component: usize) -> bool {
        let mut names = vec![self.components[component].name.as_str()];
        // Consumers come after their producers.
        self.components.iter().any(|consumer| {
            let reads = consumer.inputs.iter().any(|input| names.contains(&input.from.as_str()));
            if reads {
                names.push(&consumer.name);
            }
            reads && consumer.guarantee == Some(Guarantee::ExactlyOnce)
        })
    }

    pub(crate) fn edge_name(&self, edge: usize) -> String {
        match self.edges().nth(edge) {
            Some((_, input)) if input.stream == DEFAULT_STREAM => input.from.clone(),
            Some((_, input)) => format!("{}/{}", input.from, input.stream),
            None => String::new(),
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spout => "spout",
            Self::AsyncSpout => "async spout",
            Self::Bolt => "bolt",
            Self::DeferredBolt => "deferred bolt",
            Self::StatefulBolt => "stateful bolt",
            Self::Sink => "sink",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topology {}", self.topology)?;
        for component in &self.components {
            let PlanComponent { name, kind, tasks, executors, streams, tick_ms, guarantee, inputs } =
                component;
            write!(f, "\n{kind} {name}: tasks {tasks}, executors {executors}")?;
            if let Some(ms) = tick_ms {
                write!(f, ", tick {ms} ms")?;
            }
            if let Some(guarantee) = guarantee {
                write!(f, ", {guarantee}")?;
            }
            if !streams.is_empty() {
                write!(f, ", emits {}", streams.join(", "))?;
            }
            for PlanInput { from, stream, grouping } in inputs {
                write!(f, "\n    {grouping} from {from}")?;
                if stream != DEFAULT_STREAM {
                    write!(f, "/{stream}")?;
                }
            }
        }
        Ok(())
    }
}
