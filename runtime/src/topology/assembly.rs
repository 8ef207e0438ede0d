//! From the wiring to runnable tasks: routers, ports and queues, typed by the closures that the builder left behind.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use super::Topology;
use super::input::Edges;
use super::placement::Placement;
use super::plan::ComponentKind;
use super::wiring::{Build, Wiring};
use crate::clock::Clock;
use crate::component::context::{TaskContext, TaskWaker};
use crate::component::dead_letter::DEAD_LETTERS;
use crate::component::iterator::Factory;
use crate::config::Config;
use crate::emitter::Emitter;
use crate::error::StartError;
use crate::failure::Failure;
use crate::flow::flight::unpoisoned;
use crate::flow::inbox::Inbox;
use crate::flow::lineage::Numbering;
use crate::flow::wake::Wake;
use crate::metrics::books::Books;
use crate::metrics::site::Site;
use crate::rng::Rng;
use crate::route::{AnyPort, Port, QueueSink, Router, Sink};
use crate::sim::{Faulty, World};
use crate::state::writer::{Desk, Writer};
use crate::state::{MemoryStore, StateStore};
use crate::sync::Mutex;
use crate::task::Task;

/// Makes the emitting task's side of an edge.
type MakeRouter<T> = Box<dyn Fn(&Origin) -> Router<T>>;
/// Makes the port of a side stream, whose type only its declaration knows.
pub(crate) type MakePort = fn(&Assembly, &Origin, usize) -> Box<dyn AnyPort>;
/// Makes the way from an emitting task to one of the consumer's tasks.
pub(crate) type Lanes<T> = Arc<dyn Fn(&Origin, usize) -> Box<dyn Sink<T>> + Send + Sync>;

/// The consumer's side of an edge.
pub(crate) struct Connection<T> {
    pub(crate) lanes: Lanes<T>,
    pub(crate) tasks: usize,
    /// The worker of each task.
    pub(crate) local: Arc<[usize]>,
    /// Each task runs inside the emitting task of the same number.
    pub(crate) fused: bool,
}

/// An emitting task.
pub(crate) struct Origin {
    pub(crate) site: Arc<Site>,
    pub(crate) worker: usize,
    pub(crate) rng: Rng,
}

/// A task and where it runs.
pub(crate) struct Placed {
    pub(crate) worker: usize,
    pub(crate) task: Box<dyn Task>,
}

pub(crate) struct Assembly {
    pub(crate) limits: Config,
    pub(crate) books: Arc<Books>,
    pub(crate) wakes: Vec<Arc<Wake>>,
    pub(crate) placed: Vec<Placed>,
    wiring: Arc<Mutex<Wiring>>,
    pub(super) workers: Placement,
    /// By component and stream: a `MakeRouter` of the stream's type for every consumer.
    routers: HashMap<(usize, usize), Vec<Box<dyn Any>>>,
    tokio: Option<tokio::runtime::Handle>,
    seed: u64,
    pub(super) store: Arc<dyn StateStore>,
    /// Where stateful tasks leave what is to be written.
    pub(super) desk: Option<Arc<Desk>>,
    /// Only in a simulation: where components get their faults from.
    pub(crate) world: Option<World>,
}

impl Assembly {
    /// Builds and prepares every task, consumers before their producers.
    pub(crate) fn of(
        topology: &Topology,
        limits: Config,
        clock: Clock,
        tokio: Option<tokio::runtime::Handle>,
        world: Option<World>,
    ) -> Result<Self, StartError> {
        limits.validate()?;
        let wiring = Arc::clone(&topology.wiring);
        let plan = unpoisoned(&wiring).plan()?;
        let workers = limits.workers();
        let has_state = plan.components.iter().any(|component| component.kind == ComponentKind::StatefulBolt);
        let store = unpoisoned(&wiring).store.clone();
        let placement = Placement::new(&unpoisoned(&wiring).components, workers, limits.fusion);
        let builds: Vec<Build> =
            unpoisoned(&wiring).components.iter().map(|c| Arc::clone(&c.build)).collect();
        let mut assembly = Self {
            books: Arc::new(Books::new(plan, clock, limits.autopsies_count_max)),
            // A write blocks, so it has a worker of its own.
            wakes: (0..workers + usize::from(has_state)).map(|_| Arc::default()).collect(),
            placed: Vec::new(),
            wiring,
            workers: placement,
            routers: HashMap::new(),
            tokio,
            seed: limits.seed(),
            store: store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            desk: None,
            limits,
            world,
        };
        assembly.desk = has_state.then(|| Desk::new(Arc::clone(&assembly.wakes[workers])));
        for (component, build) in builds.iter().enumerate().rev() {
            build(&mut assembly, component)?;
        }
        if let Some(desk) = assembly.desk.take() {
            // Last, so that where one thread closes all tasks the others have left what they have.
            let writer = Writer::new(desk, Arc::clone(&assembly.store));
            assembly.placed.push(Placed { worker: workers, task: Box::new(writer) });
        }
        Ok(assembly)
    }

    pub(crate) fn tasks(&self, component: usize) -> usize {
        self.workers.worker_of[component].len()
    }

    pub(crate) fn site(&self, component: usize, task: usize) -> Arc<Site> {
        let wake = &self.wakes[self.workers.worker_of[component][task]];
        Arc::new(Site::new(&self.books, component, task, Arc::clone(wake)))
    }

    pub(crate) fn context(&self, site: &Site) -> TaskContext {
        TaskContext {
            topology: self.books.plan.topology.as_str().into(),
            component: site.name().into(),
            task: site.task,
            tasks: self.tasks(site.component),
            restarts: 0,
            clock: self.books.clock.clone(),
            waker: TaskWaker::new(Arc::clone(&site.wake)),
            rng: self.rng(site),
            tokio: self.tokio.clone(),
        }
    }

    /// Chance of its own for each task, the same for the same seed.
    fn rng(&self, site: &Site) -> Rng {
        Rng::new(self.seed ^ ((site.component as u64) << 32) ^ site.task as u64).fork()
    }

    pub(crate) fn add(&mut self, component: usize, task: usize, runnable: Box<dyn Task>) {
        let worker = self.workers.worker_of[component][task];
        self.placed.push(Placed { worker, task: runnable });
    }

    pub(crate) fn register<T: 'static>(&mut self, component: usize, stream: usize, router: MakeRouter<T>) {
        self.routers.entry((component, stream)).or_default().push(Box::new(router));
    }

    pub(crate) fn emitter<T: Send + 'static>(&self, site: &Arc<Site>) -> Emitter<T> {
        let (component, worker) = (site.component, self.workers.worker_of[site.component][site.task]);
        let origin = Origin { site: Arc::clone(site), worker, rng: self.rng(site) };
        let sides: Vec<(&'static str, usize, MakePort)> = {
            let wiring = unpoisoned(&self.wiring);
            let slots = wiring.components[component].streams.iter().enumerate();
            slots
                // Where nobody reads them, no dead letters are written.
                .filter(|(stream, slot)| {
                    slot.name != DEAD_LETTERS || self.routers.contains_key(&(component, *stream))
                })
                .filter_map(|(stream, slot)| slot.side.as_ref().map(|side| (slot.name, stream, side.port)))
                .collect()
        };
        let sides =
            sides.into_iter().map(|(name, stream, port)| (name, port(self, &origin, stream))).collect();
        let emitter =
            Emitter::new(Arc::clone(site), self.port(&origin, 0), sides, self.limits.batch_count_max);
        emitter.numbered(self.numbering(site))
    }

    /// What is emitted towards an exactly-once bolt gets paths; a spout's own tuples need none.
    fn numbering(&self, site: &Site) -> Option<Numbering> {
        let (plan, component) = (&self.books.plan, site.component);
        let is_wanted = !plan.components[component].kind.is_spout() && plan.leads_to_exactly_once(component);
        is_wanted.then(|| Numbering::of(plan, component, site.task))
    }

    pub(crate) fn side_port<T: Send + 'static>(&self, origin: &Origin, stream: usize) -> Box<dyn AnyPort> {
        Box::new(self.port::<T>(origin, stream))
    }

    fn port<T: Send + 'static>(&self, origin: &Origin, stream: usize) -> Port<T> {
        let slot = (origin.site.component, stream);
        let makes = self.routers.get(&slot).map(Vec::as_slice).unwrap_or_default();
        // The builder's handles are typed, so what is registered for a stream is of the stream's type.
        let makes = makes.iter().filter_map(|make| make.downcast_ref::<MakeRouter<T>>());
        let clone = unpoisoned(&self.wiring).clone_of::<T>(slot.0, slot.1);
        Port::new(makes.map(|make| make(origin)).collect(), clone)
    }

    pub(super) fn first_edge(&self, component: usize) -> usize {
        self.books.plan.components[..component].iter().map(|component| component.inputs.len()).sum()
    }

    pub(crate) fn prepare_error(site: &Site, failure: Failure) -> StartError {
        StartError::Prepare { component: site.name().to_owned(), task: site.task, failure }
    }

    /// In a simulation, the component with faults.
    pub(crate) fn faulty<C: 'static>(
        &self,
        component: usize,
        make: &Factory<C>,
    ) -> Option<Factory<Faulty<C>>> {
        let world = self.world.as_ref()?;
        Some(Faulty::factory(make, world, &self.books.plan.components[component].name))
    }

    pub(super) fn inboxes<T: Send + 'static>(
        &mut self,
        component: usize,
        edges: &Edges<T>,
    ) -> Vec<Arc<Inbox<T>>> {
        let worker_of = Arc::clone(&self.workers.worker_of[component]);
        let inbox = |worker: &usize| {
            Arc::new(Inbox::new(self.limits.queue_batches_max, Arc::clone(&self.wakes[*worker])))
        };
        let inboxes: Arc<[Arc<Inbox<T>>]> = worker_of.iter().map(inbox).collect();
        let first_edge = self.first_edge(component);
        edges.connect(self, |_, place| {
            let (inboxes, edge) = (Arc::clone(&inboxes), first_edge + place);
            let lanes: Lanes<T> = Arc::new(move |origin, task| {
                let inbox = Arc::clone(&inboxes[task]);
                Box::new(QueueSink::new(inbox, edge, task, Arc::clone(&origin.site)))
            });
            Connection { lanes, tasks: worker_of.len(), local: Arc::clone(&worker_of), fused: false }
        });
        inboxes.to_vec()
    }
}
