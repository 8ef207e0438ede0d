//! Bolts: what is done with each tuple.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use super::context::TaskContext;
use crate::emitter::Emitter;
use crate::failure::Failure;
use crate::topology::assembly::{Assembly, MakePort};

/// Works on one tuple at a time: the tuple is acked on `Ok` and failed on `Err`, and whatever is emitted meanwhile is anchored to it.
///
/// One task is called by one thread at a time. A panic fails the tuple at hand; the task is then built anew by its factory and
/// prepared, and goes on with the next tuple.
pub trait Bolt: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What it emits.
    type Out: Send + 'static;

    /// Names the further streams that [`Emitter::emit_to`] emits to.
    fn declare(streams: &mut Streams)
    where
        Self: Sized,
    {
        let _ = streams;
    }

    /// Called once before anything else. An error keeps the topology from starting.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), Failure> {
        let _ = context;
        Ok(())
    }

    /// Called for every tuple. After an error it is called again as if nothing had happened.
    fn execute(&mut self, tuple: Self::In, out: &mut Emitter<Self::Out>) -> Result<(), Failure>;

    /// Called every `tick_ms`, if that is set for the component. What is emitted here is not anchored.
    fn tick(&mut self, out: &mut Emitter<Self::Out>) -> Result<(), Failure> {
        let _ = out;
        Ok(())
    }

    /// Called once at shutdown, after the last tuple.
    fn cleanup(&mut self) {}
}

/// The name and type of a stream beside the main one.
///
/// ```
/// use trombe::StreamId;
/// pub const REJECTED: StreamId<String> = StreamId::new("rejected");
/// ```
pub struct StreamId<T> {
    name: &'static str,
    item: PhantomData<fn() -> T>,
}

impl<T> StreamId<T> {
    /// A stream of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, item: PhantomData }
    }

    /// The stream's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for StreamId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StreamId<T> {}

impl<T> fmt::Debug for StreamId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamId").field(&self.name).finish()
    }
}

/// The streams that a component declares beside its main one.
#[derive(Debug, Default)]
pub struct Streams {
    pub(crate) declared: Vec<DeclaredStream>,
}

#[derive(Clone, Debug)]
pub(crate) struct DeclaredStream {
    pub(crate) name: &'static str,
    pub(crate) item: TypeId,
    pub(crate) port: MakePort,
}

impl Streams {
    /// Declares a stream; declaring it twice changes nothing.
    pub fn declare<T: Send + 'static>(&mut self, stream: &StreamId<T>) {
        if !self.declared.iter().any(|known| known.name == stream.name) {
            let port: MakePort = Assembly::side_port::<T>;
            self.declared.push(DeclaredStream { name: stream.name, item: TypeId::of::<T>(), port });
        }
    }
}
