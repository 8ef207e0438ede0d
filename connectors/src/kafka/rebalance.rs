//! A rebalance, answered step by step.

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::clerk::Clerk;
use super::consumer::Consumer;
use super::group::{Step, report};
use super::start::{self, Slot};
use crate::{LogError, Position, Revoked};

impl Consumer {
    /// Answers the steps of a rebalance that came since.
    pub(super) fn take_steps(&mut self) -> Result<(), LogError> {
        loop {
            let step = self.client.context().told().steps.pop_front();
            match step {
                None => return Ok(()),
                Some(Step::Join(slots)) => {
                    if let Err(error) = self.join(&slots, BaseConsumer::incremental_assign) {
                        // The group waits until it is answered.
                        self.client.context().told().steps.push_front(Step::Join(slots));
                        return Err(error);
                    }
                }
                Some(Step::Leave(slots)) => {
                    for partition in &mut self.assigned {
                        partition.is_revoked |= slots.contains(&partition.slot);
                    }
                    self.leaving = Some(slots);
                    self.leave_when_released();
                }
                Some(Step::Lost(slots)) => self.lose(&slots),
            }
        }
    }

    pub(super) fn lose(&mut self, slots: &[Slot]) {
        for partition in self.assigned.extract_if(.., |partition| slots.contains(&partition.slot)) {
            let Position { topic, partition, .. } = partition.position(0);
            self.lost.push(Revoked { topic, partition, lost: true });
        }
    }

    /// Lets the group go on once none of the partitions that it wants back is held any more, and no commit is under way: it could
    /// come after the next owner's and move the group back.
    pub(super) fn leave_when_released(&mut self) {
        if self.leaving.is_none() || self.is_committing() {
            return;
        }
        let is_held = |slots: &Vec<Slot>| {
            self.assigned.iter().any(|partition| partition.is_revoked && slots.contains(&partition.slot))
        };
        if let Some(slots) = self.leaving.take_if(|slots| !is_held(slots)) {
            let places = start::list(slots.into_iter().map(|slot| (slot, Offset::Invalid)));
            report("unassign", places.and_then(|places| self.client.incremental_unassign(&places)));
        }
    }

    fn is_committing(&mut self) -> bool {
        if self.clerk.is_some()
            && let Err(error) = self.with_clerk(|clerk, done| clerk.commit_later(&[], done))
        {
            tracing::warn!(%error, "a commit failed while partitions were given up; their records will be read again elsewhere");
        }
        self.clerk.as_ref().is_some_and(Clerk::is_committing)
    }
}
