//! Making what a consumer reads of what its producer emits.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Sink;
use crate::clock::Nanos;
use crate::flow::flight::Lot;
use crate::flow::fragment::Batch;

/// The function that makes what the consumer reads of what the producer emits.
pub(crate) type Convert<S, T> = Arc<dyn Fn(S) -> T + Send + Sync>;

/// Converts on the way; see [`Input::into_input`](crate::Input::into_input).
pub(crate) struct ConvertSink<S, T> {
    convert: Convert<S, T>,
    converted: Batch<T>,
    inner: Box<dyn Sink<T>>,
    from: PhantomData<fn(S)>,
}

impl<S, T> ConvertSink<S, T> {
    pub(crate) fn new(convert: Convert<S, T>, inner: Box<dyn Sink<T>>) -> Self {
        Self { convert, converted: Batch::default(), inner, from: PhantomData }
    }
}

impl<S, T: Send> Sink<S> for ConvertSink<S, T> {
    fn push(&mut self, batch: &mut Batch<S>, lot: Lot, now: Nanos) -> bool {
        self.converted.clear();
        self.converted.items.extend(batch.items.drain(..).map(&*self.convert));
        std::mem::swap(&mut self.converted.roots, &mut batch.roots);
        self.converted.paths.append(&mut batch.paths);
        self.inner.push(&mut self.converted, lot, now)
    }

    fn unpark(&mut self, now: Nanos) -> bool {
        self.inner.unpark(now)
    }

    fn close(&mut self) {
        self.inner.close();
    }
}
