//! What a component reads: streams with their groupings, and the component's options.

use std::fmt;
use std::sync::Arc;

use super::assembly::{Assembly, Connection, Lanes, Origin};
use super::plan::ComponentKind;
use super::stream::Stream;
use super::wiring::{Component, InputSlot, Options, Wiring};
use crate::component::bolt::{Bolt, DeclaredStream, Streams};
use crate::component::closures::{Closure, Nothing};
use crate::component::deferred::DeferredBolt;
use crate::component::iterator::Factory;
use crate::component::sink::AsyncSink;
use crate::component::stateful::{Guarantee, StatefulBolt};
use crate::emitter::Emitter;
use crate::error::{PlanError, StartError};
use crate::failure::Failure;
use crate::flow::flight::unpoisoned;
use crate::grouping::{Grouping, Keys};
use crate::route::{Convert, ConvertSink, Router, Sink};
use crate::sync::Mutex;

/// The input of a component about to be made. One of the last methods below makes it.
#[must_use = "an input without a component is a forgotten edge"]
pub struct Input<T> {
    wiring: Arc<Mutex<Wiring>>,
    edges: Vec<Edge<T>>,
    options: Options,
}

/// Registers a consumer with the producers of one of its streams.
type Connect<T> = Arc<dyn Fn(&mut Assembly, Connection<T>) + Send + Sync>;

/// One subscription: where from, and how to make the producers' side of it.
pub(crate) struct Edge<T> {
    slot: InputSlot,
    connect: Connect<T>,
    keys: Option<Arc<dyn Keys<T>>>,
}

impl<T: Send + 'static> Edge<T> {
    pub(crate) fn new(slot: InputSlot, grouping: Grouping<T>) -> Self {
        let keys = grouping.keys();
        let grouping = Arc::new(grouping);
        let connect = move |assembly: &mut Assembly, connection: Connection<T>| {
            let grouping = Arc::clone(&grouping);
            assembly.register::<T>(
                slot.from,
                slot.stream,
                Box::new(move |origin: &Origin| connection.router(&grouping, origin)),
            );
        };
        Self { slot, connect: Arc::new(connect), keys }
    }

    fn convert<U: Send + 'static>(self, convert: Convert<T, U>) -> Edge<U> {
        let Self { slot, connect, .. } = self;
        let connect = move |assembly: &mut Assembly, connection: Connection<U>| {
            let (inner, convert) = (connection.lanes, Arc::clone(&convert));
            let lanes: Lanes<T> = Arc::new(move |origin, task| {
                let sink = ConvertSink::new(Arc::clone(&convert), inner(origin, task));
                Box::new(sink) as Box<dyn Sink<T>>
            });
            connect(
                assembly,
                Connection {
                    lanes,
                    tasks: connection.tasks,
                    local: connection.local,
                    fused: connection.fused,
                },
            );
        };
        let slot = InputSlot { has_keys: false, ..slot };
        Edge { slot, connect: Arc::new(connect), keys: None }
    }
}

impl<T> Connection<T> {
    fn router(&self, grouping: &Grouping<T>, origin: &Origin) -> Router<T> {
        if self.fused {
            let only = (self.lanes)(origin, origin.site.task);
            return Router::new(Grouping::Global.selector(1, &[], origin.rng.clone()), [only]);
        }
        let local: Vec<usize> = (0..self.tasks).filter(|task| self.local[*task] == origin.worker).collect();
        let sinks = (0..self.tasks).map(|task| (self.lanes)(origin, task));
        Router::new(grouping.selector(self.tasks, &local, origin.rng.clone()), sinks)
    }
}

/// Options.
impl<T: Send + 'static> Input<T> {
    pub(crate) fn new(wiring: Arc<Mutex<Wiring>>, edge: Edge<T>) -> Self {
        Self { wiring, edges: vec![edge], options: Options::default() }
    }

    /// How many instances of the component there are (one, if not said otherwise).
    pub fn tasks(mut self, tasks: usize) -> Self {
        self.options.tasks = tasks;
        self
    }

    /// Spreads the tasks over this many threads at most.
    pub fn executors(mut self, executors: usize) -> Self {
        self.options.executors = Some(executors);
        self
    }

    /// Calls [`Bolt::tick`], or [`DeferredBolt::flush`], this often.
    pub fn tick_ms(mut self, tick_ms: u64) -> Self {
        self.options.tick_ms = Some(tick_ms);
        self
    }

    /// What a stateful bolt promises of a tuple's effect (exactly once, if not said otherwise).
    pub fn guarantee(mut self, guarantee: Guarantee) -> Self {
        self.options.guarantee = Some(guarantee);
        self
    }

    /// Converts every tuple on its way, so that inputs of different types can be joined by [`and`](Self::and).
    pub fn into_input<U: Send + 'static>(self, convert: impl Fn(T) -> U + Send + Sync + 'static) -> Input<U> {
        let convert: Convert<T, U> = Arc::new(convert);
        let edges = self.edges.into_iter().map(|edge| edge.convert(Arc::clone(&convert))).collect();
        Input { wiring: self.wiring, edges, options: self.options }
    }

    /// Reads another input beside this one. The options are this one's.
    pub fn and(mut self, other: Self) -> Self {
        if !Arc::ptr_eq(&self.wiring, &other.wiring) {
            let name = "a joined input".to_owned();
            unpoisoned(&self.wiring).mistake(PlanError::ForeignStream { name });
            return self;
        }
        self.edges.extend(other.edges);
        self
    }
}

/// Components.
impl<T: Send + 'static> Input<T> {
    /// Makes a bolt; `factory` makes one instance a task.
    pub fn bolt<B: Bolt<In = T>>(
        self,
        name: &str,
        factory: impl Fn() -> B + Send + Sync + 'static,
    ) -> Stream<B::Out> {
        let mut streams = Streams::default();
        B::declare(&mut streams);
        let make: Factory<B> = Arc::new(factory);
        self.component::<B::Out>(
            name,
            ComponentKind::Bolt,
            &streams.declared,
            move |assembly, edges, component| assembly.bolts(component, edges, &make),
        )
    }

    /// Makes a bolt that answers later; `factory` makes one instance a task.
    pub fn deferred<B: DeferredBolt<In = T>>(
        self,
        name: &str,
        factory: impl Fn() -> B + Send + Sync + 'static,
    ) -> Stream<B::Out> {
        let mut streams = Streams::default();
        B::declare(&mut streams);
        let make: Factory<B> = Arc::new(factory);
        self.component::<B::Out>(
            name,
            ComponentKind::DeferredBolt,
            &streams.declared,
            move |assembly, edges, component| assembly.deferred(component, edges, &make),
        )
    }

    /// Makes a bolt whose state, by the key of its input, the engine keeps; `factory` makes one instance a task.
    pub fn stateful<B: StatefulBolt<In = T>>(
        mut self,
        name: &str,
        factory: impl Fn() -> B + Send + Sync + 'static,
    ) -> Stream<B::Out> {
        let mut streams = Streams::default();
        B::declare(&mut streams);
        let make: Factory<B> = Arc::new(factory);
        self.options.guarantee.get_or_insert(Guarantee::ExactlyOnce);
        self.component::<B::Out>(
            name,
            ComponentKind::StatefulBolt,
            &streams.declared,
            move |assembly, edges, component| assembly.stateful(component, edges, &make),
        )
    }

    /// Makes a sink; `factory` makes one instance a task.
    pub fn sink<S: AsyncSink<In = T>>(self, name: &str, factory: impl Fn() -> S + Send + Sync + 'static) {
        let make: Factory<S> = Arc::new(factory);
        let sink =
            self.component::<Nothing>(name, ComponentKind::Sink, &[], move |assembly, edges, component| {
                assembly.sinks(component, edges, &make)
            });
        sink.end();
    }

    /// Emits what the closure makes of each tuple.
    pub fn map<U: Send + 'static>(
        self,
        name: &str,
        map: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Stream<U> {
        self.closure(name, move |tuple, out| {
            out.emit(map(tuple));
            Ok(())
        })
    }

    /// Emits each item that the closure makes of a tuple.
    pub fn flat_map<I>(self, name: &str, map: impl Fn(T) -> I + Send + Sync + 'static) -> Stream<I::Item>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        self.closure(name, move |tuple, out| {
            map(tuple).into_iter().for_each(|item| out.emit(item));
            Ok(())
        })
    }

    /// Emits the tuples for which the closure says true; the others are done.
    pub fn filter(self, name: &str, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Stream<T> {
        self.closure(name, move |tuple, out| {
            if keep(&tuple) {
                out.emit(tuple);
            }
            Ok(())
        })
    }

    /// Calls the closure with every tuple.
    pub fn for_each(self, name: &str, each: impl Fn(T) + Send + Sync + 'static) {
        let stream: Stream<Nothing> = self.closure(name, move |tuple, _| {
            each(tuple);
            Ok(())
        });
        stream.end();
    }

    /// Makes a bolt of a closure that may fail and emit as it likes.
    pub fn closure<U: Send + 'static>(
        self,
        name: &str,
        call: impl Fn(T, &mut Emitter<U>) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Stream<U> {
        self.bolt(name, Closure::factory(call))
    }

    fn component<U: Send + 'static>(
        self,
        name: &str,
        kind: ComponentKind,
        sides: &[DeclaredStream],
        build: impl Fn(&mut Assembly, &Edges<T>, usize) -> Result<(), StartError> + Send + Sync + 'static,
    ) -> Stream<U> {
        let inputs = self.edges.iter().map(|edge| edge.slot).collect();
        let edges = Edges(self.edges);
        let build = move |assembly: &mut Assembly, component: usize| build(assembly, &edges, component);
        let component = Component::new(name, kind, self.options, inputs, build);
        let index = unpoisoned(&self.wiring).add::<U>(component, sides);
        Stream::of(&self.wiring, index)
    }
}

/// All subscriptions of one component.
pub(crate) struct Edges<T>(Vec<Edge<T>>);

impl<T: Send + 'static> Edges<T> {
    /// The keys of every edge; the plan has seen to it that each has some.
    pub(crate) fn keys(&self) -> Vec<Arc<dyn Keys<T>>> {
        self.0.iter().filter_map(|edge| edge.keys.clone()).collect()
    }

    /// Makes the producers' side of every edge; `lanes` is given the edge's place among the component's inputs.
    pub(crate) fn connect(
        &self,
        assembly: &mut Assembly,
        connection: impl Fn(&Assembly, usize) -> Connection<T>,
    ) {
        for (place, edge) in self.0.iter().enumerate() {
            let connection = connection(assembly, place);
            (edge.connect)(assembly, connection);
        }
    }
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("edges", &self.edges.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
