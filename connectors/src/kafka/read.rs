//! Reading one record again, for replay: from memory if it was given a moment ago, else from a broker.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Offset};

use super::assignment::record;
use super::client::reader;
use super::error::{code, log_error};
use super::group::Context;
use super::start::{Slot, list};
use crate::{LogError, Position, Record};

/// How long a reader is kept for the next replay. Nobody polls it meanwhile, and what the library has to tell of its
/// connections gathers in its queue.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A second client, which jumps to the record that is wanted.
pub(super) struct Reader {
    client: BaseConsumer<Context>,
    timeout: Duration,
    used_at: Instant,
}

impl Reader {
    pub(super) fn new(consumer: &ClientConfig, timeout: Duration) -> Result<Self, LogError> {
        let client = reader(consumer).create_with_context(Context::default());
        let client = client.map_err(|error| log_error("read again", &error))?;
        Ok(Self { client, timeout, used_at: Instant::now() })
    }

    /// Whether the replays seem to be over.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used_at) >= IDLE_MAX
    }

    pub(super) fn read(&mut self, slot: &Slot, position: &Position) -> Result<Option<Record>, LogError> {
        let failed = |error: KafkaError| log_error(&format!("read {position} again"), &error);
        let Ok(offset) = i64::try_from(position.offset) else {
            return Ok(None);
        };
        let place = list([(slot.clone(), Offset::Offset(offset))]).map_err(failed)?;
        self.client.assign(&place).map_err(failed)?;
        let found = self.await_record(position).map_err(failed);
        self.used_at = Instant::now();
        // Nothing is fetched until the next replay.
        self.client.unassign().map_err(failed)?;
        match found? {
            Found::Record(record) => Ok(Some(record)),
            Found::Nothing => Ok(None),
            Found::Late => {
                Err(LogError::Unavailable(format!("{position} was not read again in {:?}", self.timeout)))
            }
        }
    }

    fn await_record(&self, position: &Position) -> Result<Found, KafkaError> {
        let deadline = Instant::now() + self.timeout;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.client.poll(left.min(Duration::from_millis(100))) {
                Some(Ok(message)) => {
                    let record = record(&position.topic, &message);
                    // Fetches of the record before may still come in.
                    if record.position.partition == position.partition
                        && record.position.offset >= position.offset
                    {
                        let is_it = record.position == *position;
                        return Ok(if is_it { Found::Record(record) } else { Found::Nothing });
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Found::Nothing),
                Some(Err(error)) => match code(&error) {
                    Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => return Ok(Found::Nothing),
                    Some(code) if is_passing(code) => {}
                    _ => return Err(error),
                },
                None => {}
            }
        }
        Ok(Found::Late)
    }
}

/// What came of looking for a record.
enum Found {
    Record(Record),
    /// Retention or compaction has deleted it, or no record ever had this offset.
    Nothing,
    /// The brokers have not answered in time.
    Late,
}

/// Whether the library goes on by itself after telling of this.
pub(super) fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::NoError
            | Code::PollExceeded
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
    )
}

/// The records that were given last, up to a number of bytes.
#[derive(Debug)]
pub(super) struct Given {
    bytes_max: usize,
    bytes: usize,
    order: VecDeque<Position>,
    records: HashMap<Position, Record>,
}

/// What a record costs beside its payload: its place twice, and the maps' share.
const RECORD_OVERHEAD_BYTES: usize = 400;

impl Given {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, order: VecDeque::new(), records: HashMap::new() }
    }

    pub(super) fn keep(&mut self, records: &[Record]) {
        for record in records {
            let bytes = size(record);
            if bytes > self.bytes_max {
                continue;
            }
            if self.records.insert(record.position.clone(), record.clone()).is_none() {
                self.order.push_back(record.position.clone());
                self.bytes += bytes;
            }
            while self.bytes > self.bytes_max {
                let oldest = self.order.pop_front().and_then(|oldest| self.records.remove(&oldest));
                self.bytes = oldest.map_or(0, |oldest| self.bytes.saturating_sub(size(&oldest)));
            }
        }
    }

    /// Offsets may stand for other records from now on.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }

    pub(super) fn find(&self, position: &Position) -> Option<Record> {
        self.records.get(position).cloned()
    }
}

fn size(record: &Record) -> usize {
    super::producer::size(&record.message) + RECORD_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::kafka::KafkaConfig;
    use crate::kafka::client::consumer;

    #[test]
    fn a_reader_is_kept_between_replays_and_not_for_long() {
        let settings = consumer(&KafkaConfig::default(), "g", 1).unwrap();
        let reader = Reader::new(&settings, Duration::ZERO).unwrap();
        let idle = [Duration::ZERO, IDLE_MAX / 2, IDLE_MAX];
        assert_eq!(idle.map(|idle| reader.is_idle(reader.used_at + idle)), [false, false, true]);
    }

    #[test]
    fn what_was_given_last_is_kept_within_its_bytes() {
        let given_record = |offset| Record {
            position: Position { topic: "t".to_owned(), partition: 0, offset },
            message: Message { value: vec![b'x'; 100].into(), ..Message::default() },
        };
        let mut given = Given::new(10 * (100 + RECORD_OVERHEAD_BYTES));
        let records: Vec<_> = (0..25).map(given_record).collect();
        given.keep(&records);
        given.keep(&records[20..]);
        let kept: Vec<_> = (0..25).filter(|&n| given.find(&records[n].position).is_some()).collect();
        assert_eq!(kept, (15..25).collect::<Vec<_>>());
        assert_eq!((given.order.len(), given.bytes), (10, given.bytes_max));
    }
}
