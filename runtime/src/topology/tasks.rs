//! The tasks of each kind of component.

use std::sync::Arc;

use super::assembly::{Assembly, Connection, Lanes};
use super::input::Edges;
use crate::component::bolt::Bolt;
use crate::component::deferred::DeferredBolt;
use crate::component::iterator::Factory;
use crate::component::sink::AsyncSink;
use crate::component::spout::Spout;
use crate::component::stateful::StatefulBolt;
use crate::error::StartError;
use crate::failure::Failure;
use crate::flow::flight::unpoisoned;
use crate::flow::lineage::Numbering;
use crate::metrics::site::Site;
use crate::sync::Mutex;
use crate::task::Task;
use crate::task::bolt::{BoltCore, BoltTask, FusedSink};
use crate::task::deferred::DeferredTask;
use crate::task::effects::Inputs;
use crate::task::sink::SinkTask;
use crate::task::spout::SpoutTask;
use crate::task::stateful::{StateParts, StatefulTask};

impl Assembly {
    pub(crate) fn spouts<S: Spout>(&mut self, component: usize, make: &Factory<S>) -> Result<(), StartError> {
        for task in 0..self.tasks(component) {
            let site = self.site(component, task);
            let out = self.emitter::<S::Item>(&site);
            let context = self.context(&site);
            let spout = SpoutTask::new(Arc::clone(make), out, context, Arc::clone(&site), &self.limits);
            self.add_prepared(&site, spout)?;
        }
        Ok(())
    }

    pub(crate) fn bolts<B: Bolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        match self.faulty(component, make) {
            Some(make) => self.bolts_of(component, edges, &make),
            None => self.bolts_of(component, edges, make),
        }
    }

    fn bolts_of<B: Bolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        let mut cores = Vec::new();
        for task in 0..self.tasks(component) {
            let site = self.site(component, task);
            let (out, context) = (self.emitter(&site), self.context(&site));
            let core = BoltCore::new(Arc::clone(make), out, context, Arc::clone(&site), &self.limits);
            cores.push(core.map_err(|failure| Self::prepare_error(&site, failure))?);
        }
        if self.workers.fused[component] {
            self.fuse(component, edges, cores);
            return Ok(());
        }
        let tick_ms = self.books.plan.components[component].tick_ms;
        for (task, (core, inbox)) in cores.into_iter().zip(self.inboxes(component, edges)).enumerate() {
            self.add(component, task, Box::new(BoltTask::new(core, inbox, tick_ms)));
        }
        Ok(())
    }

    fn fuse<B: Bolt>(&mut self, component: usize, edges: &Edges<B::In>, cores: Vec<BoltCore<B>>) {
        let cores: Mutex<Vec<_>> = Mutex::new(cores.into_iter().map(Some).collect());
        let (cores, edge) = (Arc::new(cores), self.first_edge(component));
        let local = Arc::clone(&self.workers.worker_of[component]);
        edges.connect(self, |_, _| {
            let cores = Arc::clone(&cores);
            let lanes: Lanes<B::In> = Arc::new(move |origin, task| {
                let core = unpoisoned(&cores)[task].take();
                // One edge, and each of its producers takes the bolt of its own number, once.
                Box::new(FusedSink::new(core, edge, Arc::clone(&origin.site)))
            });
            Connection { lanes, tasks: local.len(), local: Arc::clone(&local), fused: true }
        });
    }

    pub(crate) fn deferred<B: DeferredBolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        match self.faulty(component, make) {
            Some(make) => self.deferred_of(component, edges, &make),
            None => self.deferred_of(component, edges, make),
        }
    }

    fn deferred_of<B: DeferredBolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        let tick_ms = self.books.plan.components[component].tick_ms;
        for (task, inbox) in self.inboxes(component, edges).into_iter().enumerate() {
            let site = self.site(component, task);
            let (out, context) = (self.emitter(&site).derived(), self.context(&site));
            let bolt = DeferredTask::new(
                Arc::clone(make),
                out,
                context,
                Arc::clone(&site),
                inbox,
                tick_ms,
                &self.limits,
            );
            self.add_prepared(&site, bolt)?;
        }
        Ok(())
    }

    pub(crate) fn stateful<B: StatefulBolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        match self.faulty(component, make) {
            Some(make) => self.stateful_of(component, edges, &make),
            None => self.stateful_of(component, edges, make),
        }
    }

    fn stateful_of<B: StatefulBolt>(
        &mut self,
        component: usize,
        edges: &Edges<B::In>,
        make: &Factory<B>,
    ) -> Result<(), StartError> {
        let (Some(desk), Some(guarantee)) =
            (self.desk.clone(), self.books.plan.components[component].guarantee)
        else {
            return Ok(());
        };
        for (task, inbox) in self.inboxes(component, edges).into_iter().enumerate() {
            let site = self.site(component, task);
            let (out, context) = (self.emitter(&site), self.context(&site));
            let inputs =
                Inputs { numbering: Numbering::of(&self.books.plan, component, task), keys: edges.keys() };
            let client = desk.client(Arc::clone(&site.wake));
            let state = StateParts { guarantee, store: Arc::clone(&self.store), client };
            let (make, limits) = (Arc::clone(make), &self.limits);
            let bolt =
                StatefulTask::new(make, out, context, Arc::clone(&site), (inbox, inputs), state, limits);
            self.add_prepared(&site, bolt)?;
        }
        Ok(())
    }

    pub(crate) fn sinks<S: AsyncSink>(
        &mut self,
        component: usize,
        edges: &Edges<S::In>,
        make: &Factory<S>,
    ) -> Result<(), StartError> {
        match self.faulty(component, make) {
            Some(make) => self.sinks_of(component, edges, &make),
            None => self.sinks_of(component, edges, make),
        }
    }

    fn sinks_of<S: AsyncSink>(
        &mut self,
        component: usize,
        edges: &Edges<S::In>,
        make: &Factory<S>,
    ) -> Result<(), StartError> {
        for (task, inbox) in self.inboxes(component, edges).into_iter().enumerate() {
            let site = self.site(component, task);
            let sink = SinkTask::new(make, &self.context(&site), Arc::clone(&site), inbox);
            self.add_prepared(&site, sink)?;
        }
        Ok(())
    }

    /// Adds the task of that site, if it could be prepared.
    fn add_prepared<T: Task + 'static>(
        &mut self,
        site: &Site,
        task: Result<T, Failure>,
    ) -> Result<(), StartError> {
        let task = task.map_err(|failure| Self::prepare_error(site, failure))?;
        self.add(site.component, site.task, Box::new(task));
        Ok(())
    }
}
