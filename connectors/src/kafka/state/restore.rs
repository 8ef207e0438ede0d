//! Reading the topic: what it holds, and whose it is.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

use super::super::client;
use super::super::config::KafkaConfig;
use super::super::consumer::place;
use super::super::error::{code, log_error};
use super::super::group::Context;
use super::super::read::is_passing;
use super::super::start::list;
use super::record::{self, Said};
use super::state_error;
use super::transaction::Delivered;
use crate::StateError;

/// The longest single wait for a record.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Gives `each` what the committed records of all partitions say, up to these places at least: those of a record that
/// compaction keeps until a later one of the same key is there.
pub(super) fn up_to(
    reader: &Reader,
    until: &Delivered,
    each: &mut dyn FnMut(Said) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let from = until.iter().map(|(partition, _)| (*partition, Offset::Beginning));
    let mut left = until.clone();
    reader.run(&reader.open(from)?, &mut |step| {
        if let Step::Said(at, said) = step {
            left.retain(|(partition, offset)| *partition != at.0 || *offset > at.1);
            each(said)?;
        }
        Ok(left.is_empty())
    })
}

/// The owner that has taken over since `ours` marked its place in a partition, unless it is ours again.
pub(super) fn later_owner(
    reader: &Reader,
    ours: &str,
    mark: (i32, i64),
) -> Result<Option<String>, StateError> {
    let from = (mark.0, place(mark.1.max(0).cast_unsigned()));
    let client = reader.open([from].into_iter())?;
    // A busy successor never lets a reader come to the end of the topic, but to what is the end now.
    let end = reader.end(&client, mark.0)?;
    let mut later = None;
    reader.run(&client, &mut |step| {
        let Step::Said((_, offset), said) = step else { return Ok(true) };
        if let Said::Owner(owner) = said {
            later = Some(owner).filter(|owner| owner != ours);
        }
        Ok(offset + 1 >= end)
    })?;
    Ok(later)
}

/// What reading meets.
enum Step {
    /// A record at a partition and an offset.
    Said((i32, i64), Said),
    /// A partition was read to its end.
    End,
}

/// How to read a topic from anywhere.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) config: &'a KafkaConfig,
    pub(super) topic: &'a str,
    /// How long no record may come.
    pub(super) timeout: Duration,
}

impl Reader<'_> {
    /// A client that reads the partitions from those places on.
    fn open(
        &self,
        from: impl ExactSizeIterator<Item = (i32, Offset)>,
    ) -> Result<BaseConsumer<Context>, StateError> {
        let settings = client::consumer(self.config, "state", from.len());
        let settings = client::reader(&settings.map_err(|error| StateError::Refused(error.to_string()))?);
        let client: BaseConsumer<Context> =
            settings.create_with_context(Context::default()).map_err(|error| failed(&error))?;
        let places = list(from.map(|(partition, offset)| ((self.topic.to_owned(), partition), offset)));
        client.assign(&places.map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
        Ok(client)
    }

    /// One past the last record of a partition, committed or not.
    fn end(&self, client: &BaseConsumer<Context>, partition: i32) -> Result<i64, StateError> {
        let (_, end) =
            client.fetch_watermarks(self.topic, partition, self.timeout).map_err(|error| failed(&error))?;
        Ok(end)
    }

    /// Shows `each` what is there, until it answers that this is enough.
    fn run(
        &self,
        client: &BaseConsumer<Context>,
        each: &mut dyn FnMut(Step) -> Result<bool, StateError>,
    ) -> Result<(), StateError> {
        let mut deadline = Instant::now() + self.timeout;
        while Instant::now() < deadline {
            let step = match client.poll(POLL_WAIT) {
                None => continue,
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let said = record::read(&message).ok_or_else(|| self.foreign(partition, offset))?;
                    Step::Said((partition, offset), said)
                }
                Some(Err(KafkaError::PartitionEOF(_))) => Step::End,
                Some(Err(error)) if code(&error).is_some_and(is_passing) => continue,
                Some(Err(error)) => return Err(failed(&error)),
            };
            if each(step)? {
                return Ok(());
            }
            deadline = Instant::now() + self.timeout;
        }
        Err(StateError::Unavailable(format!("topic `{}` gave no record for {:?}", self.topic, self.timeout)))
    }

    fn foreign(&self, partition: i32, offset: i64) -> StateError {
        StateError::Refused(format!(
            "the record at {}/{partition}/{offset} is none of this program's: name another topic for the state",
            self.topic
        ))
    }
}

fn failed(error: &KafkaError) -> StateError {
    state_error(log_error("read the state", error))
}
