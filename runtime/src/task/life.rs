//! Building components, and building them anew after a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::clock::Nanos;
use crate::component::context::TaskContext;
use crate::component::iterator::Factory;
use crate::config::Config;
use crate::emitter::panic_reason;
use crate::failure::Failure;
use crate::metrics::site::Site;
use crate::retry::Backoff;
use crate::rng::Rng;

/// How a component is made ready: `open` or `prepare`.
pub(crate) type Prepare<C> = fn(&mut C, &TaskContext) -> Result<(), Failure>;

/// A component that can be lost to a panic.
pub(crate) struct Life<C> {
    make: Factory<C>,
    prepare: Prepare<C>,
    component: Option<C>,
    context: TaskContext,
    backoff: Backoff,
    /// Rebuilding failed so often in a row.
    failures: u32,
    not_before: Nanos,
    rng: Rng,
}

impl<C> Life<C> {
    pub(crate) fn new(
        make: Factory<C>,
        prepare: Prepare<C>,
        mut context: TaskContext,
        limits: &Config,
    ) -> Result<Self, Failure> {
        let component = Some(build(&make, prepare, &context)?);
        let rng = context.rng.fork();
        Ok(Self {
            make,
            prepare,
            component,
            context,
            backoff: Backoff::new(limits),
            failures: 0,
            not_before: 0,
            rng,
        })
    }

    /// The component, if it is well.
    #[inline]
    pub(crate) fn get(&mut self) -> Option<&mut C> {
        self.component.as_mut()
    }

    /// Drops what is left of the component after a panic.
    pub(crate) fn crash(&mut self, panic: &(dyn Any + Send), site: &Arc<Site>) -> Failure {
        let failure = Failure::retry(panic_reason(panic));
        let remains = self.component.take();
        if catch_unwind(AssertUnwindSafe(move || drop(remains))).is_err() {
            tracing::warn!(
                component = site.name(),
                task = site.task,
                "the component panicked again while being dropped"
            );
        }
        site.restarted(failure.reason());
        self.context.restarts += 1;
        failure
    }

    /// Makes it well again, or says when to try next.
    pub(crate) fn revive(&mut self, now: Nanos, site: &Arc<Site>) -> Result<(), Nanos> {
        if self.component.is_some() {
            return Ok(());
        }
        if now < self.not_before {
            return Err(self.not_before);
        }
        match build(&self.make, self.prepare, &self.context) {
            Ok(component) => {
                self.component = Some(component);
                self.failures = 0;
                Ok(())
            }
            Err(failure) => {
                site.trouble(Some("rebuilding"), &failure);
                self.failures = self.failures.saturating_add(1);
                self.not_before = now.saturating_add(self.backoff.wait(self.failures, &mut self.rng).max(1));
                Err(self.not_before)
            }
        }
    }

    /// Calls the component, if it is well, and contains its panic.
    pub(crate) fn call<R>(
        &mut self,
        site: &Arc<Site>,
        call: impl FnOnce(&mut C) -> R,
    ) -> Option<Result<R, Failure>> {
        let component = self.component.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| call(component))) {
            Ok(value) => Some(Ok(value)),
            Err(panic) => Some(Err(self.crash(&*panic, site))),
        }
    }

    /// Calls the component, if it is well, and says what went wrong: an error or a panic.
    pub(crate) fn attempt(
        &mut self,
        site: &Arc<Site>,
        call: impl FnOnce(&mut C) -> Result<(), Failure>,
    ) -> Option<Failure> {
        match self.call(site, call)? {
            Ok(Ok(())) => None,
            Ok(Err(failure)) | Err(failure) => Some(failure),
        }
    }
}

/// Makes a component and prepares it.
pub(super) fn build<C>(make: &Factory<C>, prepare: Prepare<C>, context: &TaskContext) -> Result<C, Failure> {
    let built = catch_unwind(AssertUnwindSafe(|| {
        let mut component = make();
        prepare(&mut component, context).map(|()| component)
    }));
    built.unwrap_or_else(|panic| Err(Failure::retry(panic_reason(&*panic))))
}
