//! Making a failing run small: fewer messages, fewer strikes.

use std::collections::BTreeSet;

use super::fault::StrikeId;
use super::plan::Plan;
use super::seed::{Outcome, Setup};

/// A run that fails, made as small as was found.
pub(super) struct Small {
    pub(super) messages: usize,
    pub(super) outcome: Outcome,
    pub(super) runs: usize,
}

/// Looks for a smaller run of the seed that is wrong too, for whatever reason.
pub(super) fn shrink(setup: &Setup, seed: u64, failed: Outcome) -> Small {
    let mut search = Search { setup: setup.clone(), seed, best: failed, runs: 0 };
    search.fewer_messages();
    // From here on strikes are chosen one by one; what the seed would have drawn for fewer messages is of no concern.
    search.setup.plan.only = Some(search.strikes().into_iter().collect());
    search.fewer_strikes();
    search.fewer_messages();
    Small { messages: search.setup.messages, outcome: search.best, runs: search.runs }
}

struct Search {
    setup: Setup,
    seed: u64,
    best: Outcome,
    runs: usize,
}

impl Search {
    /// Takes what was tried if it fails too.
    fn keeps(&mut self, tried: Setup) -> bool {
        if self.runs >= self.setup.shrink_runs_max {
            return false;
        }
        self.runs += 1;
        let outcome = tried.run(self.seed);
        let fails = outcome.wrong.is_some();
        if fails {
            (self.setup, self.best) = (tried, outcome);
        }
        fails
    }

    fn fewer_messages(&mut self) {
        let mut step = self.setup.messages / 2;
        while step > 0 {
            let messages = self.setup.messages.saturating_sub(step);
            if messages == 0 || !self.keeps(Setup { messages, ..self.setup.clone() }) {
                step /= 2;
            }
        }
    }

    /// Leaves out ever smaller parts of the strikes (delta debugging without its complements).
    fn fewer_strikes(&mut self) {
        let mut part = self.strikes().len().max(1);
        while part > 0 {
            let mut from = 0;
            while from < self.strikes().len() {
                let strikes = self.strikes();
                let left = strikes.iter().take(from).chain(strikes.iter().skip(from + part)).cloned();
                let plan = Plan { only: Some(left.collect()), ..self.setup.plan.clone() };
                if !self.keeps(Setup { plan, ..self.setup.clone() }) {
                    from += part;
                }
            }
            part /= 2;
        }
    }

    /// Those of the best run that came to strike; the others are gone already.
    fn strikes(&self) -> Vec<StrikeId> {
        let struck: BTreeSet<_> = self.best.struck.iter().map(|struck| struck.id.clone()).collect();
        struck.into_iter().collect()
    }
}
