//! The builder's own view of a topology: components with their code, by index.

use std::any::{Any, TypeId};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::assembly::Assembly;
use super::plan::{ComponentKind, DEFAULT_STREAM, Plan, PlanComponent, PlanInput};
use crate::component::bolt::DeclaredStream;
use crate::component::dead_letter::DEAD_LETTERS;
use crate::component::stateful::Guarantee;
use crate::error::{PlanError, StartError};
use crate::grouping::{Clone1, GroupingKind};
use crate::key::KEY_GROUPS;
use crate::state::StateStore;

/// More tasks than anybody needs in one process.
const TASKS_MAX: usize = 65_536;

pub(crate) type Build = Arc<dyn Fn(&mut Assembly, usize) -> Result<(), StartError> + Send + Sync>;

pub(crate) struct Wiring {
    pub(crate) name: String,
    pub(crate) components: Vec<Component>,
    /// Where stateful bolts keep their state; `None`: in memory.
    pub(crate) store: Option<Arc<dyn StateStore>>,
    /// Found while wiring, told by `plan`.
    mistakes: Vec<PlanError>,
}

pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) kind: ComponentKind,
    pub(crate) options: Options,
    pub(crate) streams: Vec<StreamSlot>,
    pub(crate) inputs: Vec<InputSlot>,
    pub(crate) build: Build,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) tasks: usize,
    pub(crate) executors: Option<usize>,
    pub(crate) tick_ms: Option<u64>,
    pub(crate) guarantee: Option<Guarantee>,
    /// Of a spout: its tuples' ids tell their positions.
    pub(crate) has_positions: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { tasks: 1, executors: None, tick_ms: None, guarantee: None, has_positions: false }
    }
}

/// A named stream of a component.
pub(crate) struct StreamSlot {
    pub(crate) name: &'static str,
    pub(crate) item: TypeId,
    /// A [`Clone1`] of the item's type, known once the stream's handle has been cloned.
    clone: Option<Arc<dyn Any + Send + Sync>>,
    /// For streams beside the main one.
    pub(crate) side: Option<DeclaredStream>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct InputSlot {
    pub(crate) from: usize,
    pub(crate) stream: usize,
    pub(crate) grouping: GroupingKind,
    /// Its consumer knows the keys of its tuples.
    pub(crate) has_keys: bool,
}

impl Component {
    pub(crate) fn new(
        name: &str,
        kind: ComponentKind,
        options: Options,
        inputs: Vec<InputSlot>,
        build: impl Fn(&mut Assembly, usize) -> Result<(), StartError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), kind, options, streams: Vec::new(), inputs, build: Arc::new(build) }
    }
}

impl Wiring {
    pub(crate) fn new(name: String) -> Self {
        Self { name, components: Vec::new(), store: None, mistakes: Vec::new() }
    }

    /// Adds a component whose main stream carries `T`, and says its index.
    pub(crate) fn add<T: 'static>(&mut self, mut component: Component, sides: &[DeclaredStream]) -> usize {
        let main = StreamSlot { name: DEFAULT_STREAM, item: TypeId::of::<T>(), clone: None, side: None };
        component.streams.push(main);
        component.streams.extend(sides.iter().map(|side| StreamSlot {
            name: side.name,
            item: side.item,
            clone: None,
            side: Some(side.clone()),
        }));
        self.components.push(component);
        self.components.len() - 1
    }

    /// The index of a side stream; a stream that is not there is reported by `plan`.
    pub(crate) fn side<T: 'static>(&mut self, component: usize, name: &'static str) -> usize {
        let slots = &self.components[component].streams;
        let found = slots.iter().position(|slot| slot.name == name && slot.item == TypeId::of::<T>());
        found.unwrap_or_else(|| {
            let (component, stream) = (self.components[component].name.clone(), name.to_owned());
            self.mistakes.push(PlanError::UndeclaredStream { component, stream });
            0
        })
    }

    /// The component's name, unless it is a spout.
    pub(crate) fn not_a_spout(&self, component: usize) -> Option<String> {
        let component = &self.components[component];
        (!component.kind.is_spout()).then(|| component.name.clone())
    }

    pub(crate) fn mistake(&mut self, mistake: PlanError) {
        self.mistakes.push(mistake);
    }

    pub(crate) fn set_clone<T: 'static>(&mut self, component: usize, stream: usize, clone: Clone1<T>) {
        self.components[component].streams[stream].clone = Some(Arc::new(clone));
    }

    pub(crate) fn clone_of<T: 'static>(&self, component: usize, stream: usize) -> Option<Clone1<T>> {
        self.components[component].streams[stream].clone.as_ref()?.downcast_ref::<Clone1<T>>().copied()
    }

    pub(crate) fn plan(&self) -> Result<Plan, PlanError> {
        if let Some(mistake) = self.mistakes.first() {
            return Err(mistake.clone());
        }
        let mut names = HashSet::new();
        for component in &self.components {
            if !names.insert(&component.name) {
                return Err(PlanError::DuplicateName { name: component.name.clone() });
            }
            component.validate()?;
            if component.options.guarantee == Some(Guarantee::ExactlyOnce) {
                self.validate_lineage(component)?;
            }
        }
        if !self.components.iter().any(|component| component.kind.is_spout()) {
            return Err(PlanError::NoSpout { name: self.name.clone() });
        }
        let components = (0..self.components.len()).map(|component| self.plan_of(component)).collect();
        Ok(Plan { topology: self.name.clone(), components })
    }

    /// Whether every tuple that comes to the component tells where it comes from.
    fn validate_lineage(&self, bolt: &Component) -> Result<(), PlanError> {
        let mut upstream: Vec<&InputSlot> = bolt.inputs.iter().collect();
        while let Some(input) = upstream.pop() {
            let producer = &self.components[input.from];
            let tells = match producer.kind {
                ComponentKind::Spout => producer.options.has_positions,
                ComponentKind::Bolt => true,
                ComponentKind::StatefulBolt => producer.options.guarantee != Some(Guarantee::AtMostOnce),
                ComponentKind::AsyncSpout | ComponentKind::DeferredBolt | ComponentKind::Sink => false,
            };
            // Who chooses tasks by rules of its own may choose others when a tuple is given again.
            let is_free = matches!(input.grouping, GroupingKind::Direct | GroupingKind::Custom);
            if !tells || is_free {
                return Err(PlanError::NoLineage { name: bolt.name.clone(), from: producer.name.clone() });
            }
            upstream.extend(&producer.inputs);
        }
        Ok(())
    }

    fn plan_of(&self, index: usize) -> PlanComponent {
        let component = &self.components[index];
        let input = |input: &InputSlot| PlanInput {
            from: self.components[input.from].name.clone(),
            stream: self.components[input.from].streams[input.stream].name.to_owned(),
            grouping: input.grouping,
        };
        let emits = component.streams.iter().enumerate().filter(|(stream, slot)| {
            slot.item != TypeId::of::<std::convert::Infallible>()
                && (slot.name != DEAD_LETTERS || self.is_read(index, *stream))
        });
        PlanComponent {
            name: component.name.clone(),
            kind: component.kind,
            tasks: component.options.tasks,
            executors: component.executors(),
            streams: emits.map(|(_, slot)| slot.name.to_owned()).collect(),
            tick_ms: component.options.tick_ms,
            guarantee: component.options.guarantee,
            inputs: component.inputs.iter().map(input).collect(),
        }
    }
}

impl Wiring {
    fn is_read(&self, component: usize, stream: usize) -> bool {
        let mut inputs = self.components.iter().flat_map(|reader| &reader.inputs);
        inputs.any(|input| (input.from, input.stream) == (component, stream))
    }
}

impl Component {
    pub(crate) fn executors(&self) -> usize {
        self.options.executors.unwrap_or(self.options.tasks)
    }

    fn validate(&self) -> Result<(), PlanError> {
        let (name, tasks, executors) = (self.name.clone(), self.options.tasks, self.executors());
        if name.is_empty() || name.starts_with("__") {
            return Err(PlanError::ReservedName { name });
        }
        if tasks == 0 || tasks > TASKS_MAX {
            return Err(PlanError::TaskCount { name, max: TASKS_MAX });
        }
        if executors == 0 || executors > tasks {
            return Err(PlanError::ExecutorCount { name, tasks, executors });
        }
        if self.options.tick_ms == Some(0) {
            return Err(PlanError::ZeroTick { name });
        }
        if self.options.tick_ms.is_some() && self.kind == ComponentKind::Sink {
            return Err(PlanError::SinkTick { name });
        }
        self.validate_state()?;
        let groups = usize::from(KEY_GROUPS);
        if tasks > groups && self.inputs.iter().any(|input| input.grouping == GroupingKind::Key) {
            return Err(PlanError::MoreTasksThanKeyGroups { name, tasks, groups });
        }
        Ok(())
    }
}

impl Component {
    fn validate_state(&self) -> Result<(), PlanError> {
        let name = || self.name.clone();
        if self.kind != ComponentKind::StatefulBolt {
            let is_promised = self.options.guarantee.is_some();
            return if is_promised { Err(PlanError::NoState { name: name() }) } else { Ok(()) };
        }
        if self.options.tick_ms.is_some() {
            return Err(PlanError::StatefulTick { name: name() });
        }
        if !self.inputs.iter().all(|input| input.grouping == GroupingKind::Key && input.has_keys) {
            return Err(PlanError::StateWithoutKey { name: name() });
        }
        Ok(())
    }
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").field("name", &self.name).finish_non_exhaustive()
    }
}
