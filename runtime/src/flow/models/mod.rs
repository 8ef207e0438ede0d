//! Goal: no interleaving of threads loses a tuple, answers for it twice, or leaves a worker asleep beside its work. Method: small models of
//! each structure, all of whose interleavings loom tries, with every value that the memory model lets a thread read; a wake-up
//! that is missed shows as a deadlock, as nothing times out here.
//!
//! They run by `RUSTFLAGS='--cfg trombe_loom' cargo test -p trombe --lib models`.

mod books;
mod desk;
mod queue;
mod tracker;

use std::sync::Arc;

use super::flight::Lot;
use super::home::{Home, News};
use crate::clock::Clock;
use crate::failure::{Autopsy, Failure};
use crate::grouping::GroupingKind;
use crate::metrics::books::Books;
use crate::metrics::site::Site;
use crate::topology::plan::{ComponentKind, Plan, PlanComponent, PlanInput};

/// Tries every interleaving with at most so many preemptions of a thread that could have gone on: without a bound the larger models
/// take hours, and every bug found by them so far needed two at most.
const PREEMPTIONS_MAX: usize = 2;

pub(crate) fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` sets another one.
    builder.preemption_bound.get_or_insert(PREEMPTIONS_MAX);
    builder.check(check);
}

/// Three components in a row: edges 0 and 1. Written out, as wiring them takes locks, which only a model can.
fn plan() -> Plan {
    let component = |name: &str, kind, from: Option<&str>| PlanComponent {
        name: name.into(),
        kind,
        tasks: 1,
        executors: 1,
        streams: Vec::new(),
        tick_ms: None,
        guarantee: None,
        inputs: from
            .map(|from| PlanInput {
                from: from.into(),
                stream: "default".into(),
                grouping: GroupingKind::Shuffle,
            })
            .into_iter()
            .collect(),
    };
    let components = vec![
        component("numbers", ComponentKind::Spout, None),
        component("middle", ComponentKind::DeferredBolt, Some("numbers")),
        component("end", ComponentKind::Bolt, Some("middle")),
    ];
    Plan { topology: "t".into(), components }
}

/// The books, and the places of the middle and the last component in them.
fn books(plan: &Plan) -> (Arc<Books>, Arc<Site>, Arc<Site>) {
    let books = Arc::new(Books::new(plan.clone(), Clock::manual(), 10));
    let site = |component| Arc::new(Site::new(&books, component, 0, Arc::default()));
    let (middle, end) = (site(1), site(2));
    (books, middle, end)
}

/// A flight of so many of a spout's tuples, and where news of it arrives.
fn flight(site: &Arc<Site>, ids: u64) -> (Lot, Arc<Home>) {
    let home = Arc::new(Home::new(site));
    (Lot::of_spout(Arc::clone(&home), (0..ids).collect(), 0), home)
}

fn autopsy(site: &Site) -> Arc<Autopsy> {
    site.autopsy(0, 0, 0, &Failure::retry("on purpose"))
}

/// What the spout has heard: ids failed, in order, and of the landing the ids that were good.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    failed: Vec<u64>,
    good: Option<Vec<u64>>,
}

impl Heard {
    fn hear(&mut self, home: &Home) {
        let mut news = Vec::new();
        home.collect(&mut news);
        for item in news {
            assert!(self.good.is_none(), "news after the landing: {item:?}");
            match item {
                News::Failed { id, .. } => self.failed.push(id),
                News::Landed { ids, mut failed, .. } => {
                    failed.sort_unstable();
                    self.good = Some(ids.good(&failed).map(|(_, id)| id).collect());
                }
            }
        }
    }
}
