//! What brokers say about a topic.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::error::{is_missing_topic, log_error, of_code};
use crate::LogError;
use crate::backoff::{Backoff, random};

/// Brokers learn of a new topic one after the other, and any of them may answer: so many answers are taken as that of all.
pub(super) const ANSWERS: u32 = 4;

/// How a topic is laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// How many brokers each partition has.
    pub(super) replicas: Vec<usize>,
    /// Whether messages can be written to every partition.
    pub(super) has_leaders: bool,
}

/// What one broker says; nothing, if it knows of no such topic.
pub(super) fn look<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Layout>, LogError> {
    let doing = format!("look at topic `{topic}`");
    let metadata = client.fetch_metadata(Some(topic), timeout).map_err(|error| log_error(&doing, &error))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(None);
    };
    match found.error().map(Code::from) {
        Some(code) if is_missing_topic(code) => return Ok(None),
        // Partitions without a leader are told one by one below.
        None | Some(Code::LeaderNotAvailable) => {}
        Some(code) => return Err(of_code(&doing, code)),
    }
    let partitions = found.partitions();
    Ok(Some(Layout {
        replicas: partitions.iter().map(|partition| partition.replicas().len()).collect(),
        has_leaders: !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0),
    }))
}

/// Asks until a broker knows the topic, or enough of them do not.
pub(super) fn find<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Layout>, LogError> {
    for attempt in 0..ANSWERS {
        if let Some(layout) = look(client, topic, timeout)?.filter(|layout| !layout.replicas.is_empty()) {
            return Ok(Some(layout));
        }
        pause(attempt);
    }
    Ok(None)
}

/// Waits until enough answers in a row say that every partition has a leader.
pub(super) fn await_leaders<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<(), LogError> {
    let deadline = Instant::now() + timeout;
    let (mut seen, mut attempt) = (0, 0);
    while seen < ANSWERS {
        if look(client, topic, timeout)?.is_some_and(|layout| layout.has_leaders) {
            seen += 1;
            continue;
        }
        seen = 0;
        if Instant::now() >= deadline {
            return Err(LogError::Unavailable(format!("topic `{topic}` has no leaders yet")));
        }
        pause(attempt);
        attempt += 1;
    }
    Ok(())
}

fn pause(attempt: u32) {
    let backoff = Backoff { ms_min: 20, ms_max: 200 };
    thread::sleep(backoff.wait(attempt, random()));
}
