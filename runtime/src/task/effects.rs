//! What tuples do to the state that the engine keeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::component::stateful::StatefulBolt;
use crate::emitter::{Emitter, panic_reason};
use crate::failure::Failure;
use crate::flow::flight::Root;
use crate::flow::fragment::Fragment;
use crate::flow::lineage::{Numbering, Position};
use crate::grouping::Keys;
use crate::metrics::floors::Floors;
use crate::state::lineage::{Lineage, Origin};
use crate::state::{KeyBytes, Keyed, StateError, StateErrorKind};

/// The keys of each input.
pub(crate) struct Inputs<T> {
    pub(crate) numbering: Numbering,
    pub(crate) keys: Vec<Arc<dyn Keys<T>>>,
}

/// The state of a task, and whose effects are in it.
pub(crate) struct Effects<B: StatefulBolt> {
    inputs: Inputs<B::In>,
    /// Of the tuple at work.
    key: KeyBytes,
    pub(crate) state: Keyed<B::State>,
    /// Of an exactly-once bolt.
    pub(crate) lineage: Option<Lineage>,
    latest: Latest,
}

/// The fragment's latest root, and its place: tuples of one root mostly come together.
#[derive(Default)]
struct Latest {
    root: Root,
    place: Option<(usize, Position)>,
}

impl<B: StatefulBolt> Effects<B> {
    pub(crate) fn new(inputs: Inputs<B::In>, state: Keyed<B::State>, lineage: Option<Lineage>) -> Self {
        Self { inputs, key: KeyBytes::default(), state, lineage, latest: Latest::default() }
    }

    /// Has the engine's view of the state run `Serialize` and `Drop` of the values, which are the user's and may panic.
    pub(crate) fn contain<R>(
        &mut self,
        call: impl FnOnce(&mut Keyed<B::State>) -> R,
    ) -> Result<R, StateError> {
        catch_unwind(AssertUnwindSafe(|| call(&mut self.state))).map_err(|panic| {
            let (panic, state) = (panic_reason(&*panic), std::any::type_name::<B::State>());
            let why = format!("{panic}; see to it that `Serialize` and `Drop` of `{state}` do not");
            StateError::of(StateErrorKind::Permanent, self.state.namespace(), why)
        })
    }

    /// One tuple: its effect, then what is to be said of it. The value that was there is let go of last: should that panic, the tuple
    /// has had its effect.
    #[inline]
    pub(crate) fn execute(
        &mut self,
        bolt: &mut B,
        tuple: B::In,
        (fragment, at): (&Fragment<B::In>, usize),
        out: &mut Emitter<B::Out>,
        floors: &Floors,
    ) -> Result<(), Failure> {
        let Self { inputs, key, state, lineage, latest } = self;
        inputs.keys[fragment.edge - inputs.numbering.first_edge].write(&tuple, key);
        let place = lineage.as_mut().and_then(|lineage| Some((lineage, latest.of(fragment, at)?)));
        let Some((lineage, (source, position))) = place else {
            let (state, _before) = state.change(key.as_ref(), |state| bolt.update(state, &tuple))?;
            return bolt.emit(state, tuple, out);
        };
        let path = inputs.numbering.arrived(&fragment.batch, at, fragment.edge);
        let origin = Origin { source, position, path };
        let slot = lineage.slot(key.group(), &origin, |source, partition| floors.of(source, partition));
        let Some(slot) = slot else {
            return match state.get(&key)? {
                Some(state) => bolt.emit(state, tuple, out),
                None => bolt.emit(&B::State::default(), tuple, out),
            };
        };
        let (state, _before) = state.change(key.as_ref(), |state| bolt.update(state, &tuple))?;
        slot.fill();
        bolt.emit(state, tuple, out)
    }
}

impl Latest {
    /// Where the tuple's root stands in its source.
    #[inline]
    fn of<T>(&mut self, fragment: &Fragment<T>, at: usize) -> Option<(usize, Position)> {
        let root = fragment.batch.roots.at(at);
        if at == 0 || root != self.root {
            *self = Self { root, place: fragment.lot.position(root) };
        }
        self.place
    }
}
