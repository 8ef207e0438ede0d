//! Bolts made of closures.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use super::bolt::Bolt;
use crate::emitter::Emitter;
use crate::failure::Failure;

/// What a bolt that emits nothing emits. No value of it exists.
pub type Nothing = Infallible;

/// Calls a closure with every tuple; all tasks share the closure.
pub(crate) struct Closure<F, In, Out> {
    call: Arc<F>,
    types: PhantomData<fn(In) -> Out>,
}

impl<F, In, Out> Closure<F, In, Out> {
    /// A factory of bolts that call `call`.
    pub(crate) fn factory(call: F) -> impl Fn() -> Self + Send + Sync
    where
        F: Send + Sync + 'static,
    {
        let call = Arc::new(call);
        move || Self { call: Arc::clone(&call), types: PhantomData }
    }
}

impl<F, In, Out> Bolt for Closure<F, In, Out>
where
    F: Fn(In, &mut Emitter<Out>) -> Result<(), Failure> + Send + Sync + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    type In = In;
    type Out = Out;

    #[inline]
    fn execute(&mut self, tuple: In, out: &mut Emitter<Out>) -> Result<(), Failure> {
        (self.call)(tuple, out)
    }
}
