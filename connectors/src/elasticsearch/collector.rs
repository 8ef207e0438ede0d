//! Puts the documents of several callers into one bulk request, by bytes, count and age.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::delivery::{Policy, Trouble, deliver};
use super::items::body_bytes;
use super::sender::Sender;
use crate::{Document, Outcome};

/// What a caller hears of a part of its documents.
pub(super) type Answered = Result<Vec<Outcome>, Trouble>;

#[derive(Debug)]
pub(super) struct Collector {
    sender: Sender,
    policy: Policy,
    age: Duration,
    count_max: usize,
    open: Mutex<Open>,
}

/// The batch that is being filled.
#[derive(Debug, Default)]
struct Open {
    shares: Vec<Share>,
    count: usize,
    bytes: usize,
    /// Counts the batches, so that a timer knows whether it is still this one.
    number: u64,
}

/// Documents of one caller within one batch.
#[derive(Debug)]
struct Share {
    documents: Vec<Document>,
    reply: oneshot::Sender<Answered>,
}

impl Collector {
    pub(super) fn new(sender: Sender, policy: Policy, age: Duration, count_max: usize) -> Self {
        Self { sender, policy, age, count_max, open: Mutex::default() }
    }

    /// Adds a caller's documents, in as many parts as their bytes and number need. Each part is answered on its own,
    /// whether or not the caller still waits.
    pub(super) fn add(
        self: &Arc<Self>,
        documents: Vec<Document>,
    ) -> Vec<(usize, oneshot::Receiver<Answered>)> {
        let bytes_max = self.sender.body_bytes_max();
        let mut answers = Vec::new();
        for part in parts(documents, bytes_max, self.count_max) {
            let (reply, answer) = oneshot::channel();
            answers.push((part.len(), answer));
            self.add_share(Share { documents: part, reply }, bytes_max);
        }
        answers
    }

    fn add_share(self: &Arc<Self>, share: Share, bytes_max: usize) {
        let (count, bytes) = (share.documents.len(), share.documents.iter().map(body_bytes).sum::<usize>());
        let (overfull, timer) = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = open.count + count <= self.count_max && open.bytes + bytes <= bytes_max;
            let overfull = if fits { None } else { open.take() };
            let is_first = open.shares.is_empty();
            open.shares.push(share);
            open.count += count;
            open.bytes += bytes;
            let is_full = open.count >= self.count_max || open.bytes >= bytes_max || self.age.is_zero();
            let full = if is_full { open.take() } else { None };
            (
                overfull.into_iter().chain(full).collect::<Vec<_>>(),
                (is_first && !is_full).then_some(open.number),
            )
        };
        for shares in overfull {
            tokio::spawn(Arc::clone(self).send(shares));
        }
        if let Some(number) = timer {
            tokio::spawn(Arc::clone(self).send_aged(number));
        }
    }

    async fn send_aged(self: Arc<Self>, number: u64) {
        tokio::time::sleep(self.age).await;
        let aged = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.number == number { open.take() } else { None }
        };
        if let Some(shares) = aged {
            self.send(shares).await;
        }
    }

    async fn send(self: Arc<Self>, shares: Vec<Share>) {
        let mut documents = Vec::new();
        let mut replies = Vec::with_capacity(shares.len());
        for share in shares {
            replies.push((share.documents.len(), share.reply));
            documents.extend(share.documents);
        }
        let mut delivered = deliver(&self.sender, self.policy, &documents).await.map(Vec::into_iter);
        for (count, reply) in replies {
            let answered = match &mut delivered {
                Ok(outcomes) => Ok(outcomes.by_ref().take(count).collect()),
                Err(trouble) => Err(trouble.clone()),
            };
            // A caller that no longer waits will send its documents again, which is safe.
            drop(reply.send(answered));
        }
    }
}

impl Open {
    /// Closes the batch and begins the next one.
    fn take(&mut self) -> Option<Vec<Share>> {
        let number = self.number + 1;
        let closed = std::mem::replace(self, Self { number, ..Self::default() });
        if closed.shares.is_empty() { None } else { Some(closed.shares) }
    }
}

/// Cuts documents into parts within the limits, in order; a document larger than the limit is a part of its own.
fn parts(documents: Vec<Document>, bytes_max: usize, count_max: usize) -> Vec<Vec<Document>> {
    let mut parts: Vec<Vec<Document>> = Vec::new();
    let mut bytes = 0;
    for document in documents {
        let more = body_bytes(&document);
        match parts.last_mut() {
            Some(part) if part.len() < count_max && bytes + more <= bytes_max => {
                part.push(document);
                bytes += more;
            }
            _ => {
                parts.push(vec![document]);
                bytes = more;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn parts_keep_both_limits_and_the_order() {
        let document = |id: usize, bytes: usize| {
            let index = "i".to_owned();
            let source = "x".repeat(bytes);
            Document { index, id: id.to_string(), version: 1, timestamp: DateTime::UNIX_EPOCH, source }
        };
        let sizes = [10, 10, 10, 900, 5_000, 10, 10];
        let documents: Vec<Document> =
            sizes.iter().enumerate().map(|(id, &bytes)| document(id, bytes)).collect();
        let ids = |count_max: usize| -> Vec<String> {
            let parts = parts(documents.clone(), 1_000, count_max);
            parts.iter().map(|part| part.iter().map(|document| &*document.id).collect()).collect()
        };
        assert_eq!(ids(100), ["012", "3", "4", "56"]);
        assert_eq!(ids(2), ["01", "2", "3", "4", "56"]);
        assert_eq!(ids(1).len(), 7);
        assert_eq!(parts(vec![], 1_000, 1), Vec::<Vec<Document>>::new());
    }
}
