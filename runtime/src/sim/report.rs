//! What a simulation has found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::world::Struck;

/// What came of all seeds. Its [`Display`](fmt::Display) is what a person should read.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The topology's name.
    pub name: String,
    /// Seeds run.
    pub seeds: u64,
    /// Strikes by fault, also of faults that never struck.
    pub faults: BTreeMap<String, u64>,
    /// Processes that died.
    pub crashes: u64,
    /// Documents that checks compared.
    pub compared: u64,
    /// How long it took, on the machine's clock.
    pub took: Duration,
    /// The failing seed with the smallest number; the simulation stops soon after it has found one.
    pub failure: Option<SeedFailure>,
}

/// A seed whose run is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFailure {
    /// The seed.
    pub seed: u64,
    /// What was wrong with its run.
    pub reason: String,
    /// Strikes and messages of that run.
    pub struck_count: usize,
    /// Messages of that run.
    pub messages: usize,
    /// The smallest run found that is wrong too.
    pub smallest: Smallest,
    /// Repeats the run as it was found.
    pub command: String,
    /// Repeats the smallest run.
    pub smallest_command: String,
}

/// A failing run after shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smallest {
    /// What is wrong with it.
    pub reason: String,
    /// Its messages.
    pub messages: usize,
    /// Its faults, in the order of their striking.
    pub struck: Vec<Struck>,
    /// The fingerprint of all that happens in it.
    pub trace: u64,
    /// How many runs it took to find it.
    pub runs: usize,
}

impl Report {
    /// Whether no seed failed.
    pub fn is_ok(&self) -> bool {
        self.failure.is_none()
    }

    /// Faults injected, of all names.
    pub fn struck_count(&self) -> u64 {
        self.faults.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, seeds, crashes, compared, took, .. } = self;
        let (struck, seconds) = (self.struck_count(), took.as_secs_f64());
        writeln!(
            f,
            "{name}: {seeds} seeds in {seconds:.1} s: {struck} faults injected, {crashes} processes died, \
             {compared} documents compared."
        )?;
        for (fault, count) in &self.faults {
            writeln!(f, "{count:>10} {fault}")?;
        }
        self.failure.as_ref().map_or(Ok(()), |failure| write!(f, "{failure}"))
    }
}

impl fmt::Display for SeedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, reason, struck_count, messages, smallest, command, smallest_command } = self;
        writeln!(f, "SEED {seed} FAILED ({messages} messages, {struck_count} faults): {reason}")?;
        writeln!(f, "  again: {command}")?;
        let Smallest { reason, messages, struck, trace, runs } = smallest;
        writeln!(f, "smallest after {runs} runs ({messages} messages, {} faults): {reason}", struck.len())?;
        struck.iter().try_for_each(|struck| writeln!(f, "  {struck}"))?;
        writeln!(f, "  trace {trace:016x}")?;
        writeln!(f, "  again: {smallest_command}")
    }
}
