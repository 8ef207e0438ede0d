//! Faults by name, and how often each strikes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Something that goes wrong: a name, how often, and when.
///
/// The engine's own faults are constants here; whatever else a topology stands on (a log, an index) asks the [`World`](super::World)
/// for faults under names of its own.
///
/// ```
/// use std::time::Duration;
/// use trombe::sim::Fault;
///
/// const MIN: Duration = Duration::from_secs(60);
/// let faults = [Fault::BOLT_PANIC, Fault::SLOW_TASK.one_in(50), Fault::new("socket-closed", 10).between(MIN, 2 * MIN)];
/// assert_eq!(faults[2].name(), "socket-closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    name: &'static str,
    one_in: u32,
    between: Option<(Duration, Duration)>,
}

impl Fault {
    /// A bolt returns an error for a tuple, before or after it has done its work.
    pub const BOLT_ERROR: Self = Self::new("bolt-error", 60);
    /// A bolt panics over a tuple, before or after it has done its work.
    pub const BOLT_PANIC: Self = Self::new("bolt-panic", 150);
    /// A task is not stepped for up to ten seconds.
    pub const SLOW_TASK: Self = Self::new("slow-task", 2_000);
    /// A task dies between tuples: a spout in `next`, a bolt in `flush` or `tick`, a sink after its write.
    pub const TASK_CRASH: Self = Self::new("task-crash", 300);
    /// A sink has written, and its answer comes up to two minutes late.
    pub const ACK_DELAYED: Self = Self::new("ack-delayed", 20);
    /// A sink has written, and its answer never comes: it is lost, or waited for until the process dies.
    pub const ACK_LOST: Self = Self::new("ack-lost", 30);
    /// The process dies: between two steps of any tasks, or in the midst of a write.
    pub const PROCESS_CRASH: Self = Self::new("process-crash", 150);
    /// After a crash a component comes back with another number of tasks; see [`World::tasks`](super::World::tasks).
    pub const REBALANCE: Self = Self::new("rebalance", 2);
    /// The state store refuses a write and does nothing.
    pub const STATE_ERROR: Self = Self::new("state-error", 20);
    /// The state store reports an error, but the write can be read, and a crash may or may not undo it.
    pub const STATE_UNSYNCED: Self = Self::new("state-unsynced", 20);
    /// The process dies in the midst of a write of state, which is then there as a whole or not at all.
    pub const STATE_TORN: Self = Self::new("state-torn", 60);

    /// The engine's own.
    pub const ENGINE: [Self; 11] = [
        Self::BOLT_ERROR,
        Self::BOLT_PANIC,
        Self::SLOW_TASK,
        Self::TASK_CRASH,
        Self::ACK_DELAYED,
        Self::ACK_LOST,
        Self::PROCESS_CRASH,
        Self::REBALANCE,
        Self::STATE_ERROR,
        Self::STATE_UNSYNCED,
        Self::STATE_TORN,
    ];

    /// A fault that strikes once in so many opportunities on average.
    pub const fn new(name: &'static str, one_in: u32) -> Self {
        Self { name, one_in, between: None }
    }

    /// The same at another rate. A seed may still choose to leave it out, or to make it more frequent.
    #[must_use]
    pub const fn one_in(self, opportunities: u32) -> Self {
        Self { one_in: opportunities, ..self }
    }

    /// The same, but only from `from` until `until` on the world's clock.
    #[must_use]
    pub const fn between(self, from: Duration, until: Duration) -> Self {
        Self { between: Some((from, until)), ..self }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn rate(&self) -> u32 {
        self.one_in.max(1)
    }

    pub(super) fn is_in_season(&self, now: Duration) -> bool {
        self.between.is_none_or(|(from, until)| from <= now && now < until)
    }
}

/// One strike of a fault: its name and the opportunity, counted from zero, written `bolt-panic#17`.
///
/// A seed decides for each opportunity by itself, so a run can be repeated with some of its strikes left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StrikeId {
    /// The fault's name.
    pub fault: String,
    /// Which opportunity.
    pub nth: u64,
}

impl fmt::Display for StrikeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.fault, self.nth)
    }
}

/// Not a strike: write `fault-name#number`, as a failing simulation prints it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no strike; write it as `fault-name#number`, as a failing simulation prints it")]
pub struct StrikeIdError(String);

impl FromStr for StrikeId {
    type Err = StrikeIdError;

    fn from_str(text: &str) -> Result<Self, StrikeIdError> {
        let parts = text.split_once('#').and_then(|(fault, nth)| Some((fault, nth.parse().ok()?)));
        let (fault, nth) = parts.ok_or_else(|| StrikeIdError(text.to_owned()))?;
        Ok(Self { fault: fault.to_owned(), nth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_is_read_as_it_is_written() {
        let id = StrikeId { fault: "bolt-panic".to_owned(), nth: 17 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("bolt-panic".parse::<StrikeId>().is_err());
        assert!("bolt-panic#x".parse::<StrikeId>().is_err());
    }
}
