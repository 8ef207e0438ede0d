//! Brings a batch of documents to its end: what is tried again, what is split, when it is given up.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use super::backoff::{Backoff, random};
use super::items::ItemEnd;
use crate::{Document, IndexError, Outcome};

/// How often in a row a request may say nothing of any document before the cluster counts as away. The caller then waits as long
/// as it takes, and tells why.
const UNANSWERED_MAX: u32 = 3;

/// What one request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// An end for each document, in order.
    Items(Vec<ItemEnd>),
    /// The request is larger than the server takes (413).
    TooLarge(String),
    /// The server takes some document for no document at all, and with it the request.
    Bad(String),
    /// The cluster is there and takes none of them for now (429).
    Busy(String),
    /// Nothing is known of any document.
    Later(String),
    /// Nothing will be taken before somebody mends the set-up.
    Refused(String),
}

/// Sends one request.
pub(super) trait Wire: Sync {
    fn post(&self, documents: &[&Document]) -> impl Future<Output = Reply> + Send;
}

/// Why a whole batch was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Away(String),
    Refused(String),
}

impl From<Trouble> for IndexError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(why) => Self::Unavailable(why),
            Trouble::Refused(why) => Self::Refused(why),
        }
    }
}

/// How often documents are tried, and how long the waits between are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) tries_max: u32,
    pub(super) backoff: Backoff,
}

/// Sends the documents until each has its outcome or its tries are used up. `Err`: the cluster said nothing of any of them.
pub(super) async fn deliver(
    wire: &impl Wire,
    policy: Policy,
    documents: &[Document],
) -> Result<Vec<Outcome>, Trouble> {
    let mut ledger = Ledger::new(documents.len());
    let mut unanswered = 0;
    for attempt in 0..policy.tries_max {
        if attempt > 0 {
            tokio::time::sleep(wait(policy.backoff, attempt)).await;
        }
        let was_answered = round(wire, documents, &mut ledger).await?;
        unanswered = if was_answered { 0 } else { unanswered + 1 };
        if ledger.open.is_empty() || unanswered >= UNANSWERED_MAX {
            break;
        }
    }
    ledger.close(unanswered > 0)
}

fn wait(backoff: Backoff, attempt: u32) -> Duration {
    backoff.wait(attempt - 1, random())
}

/// Sends every open document once, in halves where a request is refused whole. False: a request stayed without an answer.
async fn round(wire: &impl Wire, documents: &[Document], ledger: &mut Ledger) -> Result<bool, Trouble> {
    ledger.open.sort_unstable();
    let mut parts = vec![std::mem::take(&mut ledger.open)];
    while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
        let sent: Vec<&Document> = part.iter().map(|&number| &documents[number]).collect();
        match wire.post(&sent).await {
            Reply::Items(ends) => ledger.take(&part, ends),
            Reply::TooLarge(why) | Reply::Bad(why) if part.len() == 1 => {
                ledger.end(part[0], Outcome::Rejected(why));
            }
            Reply::TooLarge(_) | Reply::Bad(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second.to_vec(), first.to_vec()]);
            }
            Reply::Later(why) | Reply::Busy(why) => {
                ledger.postpone(&part, &why);
                // The others would fare no better.
                for part in &parts {
                    ledger.postpone(part, &why);
                }
                return Ok(false);
            }
            Reply::Refused(why) => return Err(Trouble::Refused(why)),
        }
    }
    Ok(true)
}

/// Which documents have their outcome, and why the others have none yet.
#[derive(Debug)]
struct Ledger {
    outcomes: Vec<Option<Outcome>>,
    /// Those without an outcome, in the order of the batch.
    open: Vec<usize>,
    whys: Vec<String>,
    /// Those that the credentials do not allow, at the last try.
    is_refused: Vec<bool>,
}

impl Ledger {
    fn new(count: usize) -> Self {
        Self {
            outcomes: vec![None; count],
            open: (0..count).collect(),
            whys: vec![String::new(); count],
            is_refused: vec![false; count],
        }
    }

    fn end(&mut self, number: usize, outcome: Outcome) {
        self.outcomes[number] = Some(outcome);
    }

    fn take(&mut self, part: &[usize], ends: Vec<ItemEnd>) {
        for (&number, end) in part.iter().zip(ends) {
            match end {
                ItemEnd::Done(outcome) => self.end(number, outcome),
                ItemEnd::NotAllowed(why) => {
                    self.postpone(&[number], &why);
                    self.is_refused[number] = true;
                }
                ItemEnd::Again { why, .. } => self.postpone(&[number], &why),
            }
        }
    }

    fn postpone(&mut self, part: &[usize], why: &str) {
        for &number in part {
            why.clone_into(&mut self.whys[number]);
            self.is_refused[number] = false;
            self.open.push(number);
        }
    }

    /// What is still open may be tried later. What may not be written at all stops everything, so that somebody hears of it: the
    /// caller sends all of it again, and what is stored is stale then.
    fn close(mut self, is_unanswered: bool) -> Result<Vec<Outcome>, Trouble> {
        if let Some(&number) = self.open.iter().find(|&&number| self.is_refused[number]) {
            return Err(Trouble::Refused(self.whys.swap_remove(number)));
        }
        if is_unanswered && !self.open.is_empty() && self.open.len() == self.outcomes.len() {
            return Err(Trouble::Away(self.whys.swap_remove(self.open[0])));
        }
        let later = self.outcomes.into_iter().zip(self.whys);
        Ok(later.map(|(outcome, why)| outcome.unwrap_or(Outcome::Retry(why))).collect())
    }
}
