//! The messages of an archive, as they were.

use std::sync::Arc;

use serde::Deserialize;
use tokio::runtime::Handle;
use trombe_connectors::archive::{ArchiveError, Place, Reader};
use trombe_connectors::{Message, Record};

use crate::error::ProduceError;
use crate::message::{Event, Topic};
use crate::progress::Progress;

/// The messages in the order of their times, those of a partition in the order of the log that they were archived from.
///
/// Dead letters that a topology wrote are left out: it writes them again if the messages still deserve them.
pub(super) struct Archived {
    address: String,
    reader: Option<Reader>,
    runtime: Handle,
    progress: Arc<Progress>,
}

impl Archived {
    /// The archive is opened when the first message is asked for, on a thread that may block. To be called within a runtime.
    pub(super) fn at(address: &str, progress: Arc<Progress>) -> Self {
        Self { address: address.to_owned(), reader: None, runtime: Handle::current(), progress }
    }

    fn next_record(&mut self) -> Result<Option<Record>, ArchiveError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let reader = self.runtime.block_on(Reader::open(Place::at(&self.address)?))?;
                self.progress.expect_work(reader.records_total());
                none.insert(reader)
            }
        };
        let record = self.runtime.block_on(reader.next())?;
        self.progress.work_done(u64::from(record.is_some()));
        Ok(record)
    }
}

impl Iterator for Archived {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.next_record() {
                Ok(record) => record?,
                Err(error) => return Some(Err(error.into())),
            };
            match Topic::from_name(&record.position.topic) {
                Some(Topic::DeadLetters) if is_derived(&record.message) => {}
                Some(topic) => return Some(Ok(Event { topic, message: record.message })),
                None => tracing::debug!(position = %record.position, "a topic that is no feed's"),
            }
        }
    }
}

/// Whether a dead letter says of itself that it was made of another record or of a document.
fn is_derived(message: &Message) -> bool {
    #[derive(Deserialize)]
    struct Letter {
        topic: Option<String>,
        source: String,
    }
    serde_json::from_slice::<Letter>(&message.value)
        .is_ok_and(|letter| letter.topic.is_some() || letter.source.starts_with("index:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeedKind;

    #[test]
    fn dead_letters_of_the_feed_are_told_from_those_of_the_topology() {
        let own = Event::dead_letter("not JSON", "recording", FeedKind::Recording, 5, b"garbage").message;
        assert!(!is_derived(&own));
        let of = |value: &str| Message { value: value.to_owned().into(), ..Message::default() };
        assert!(is_derived(&of(
            r#"{"reason":"x","source":"kraken","topic":"p3-btc-bpi","partition":1,"offset":9}"#
        )));
        assert!(is_derived(&of(r#"{"reason":"x","source":"index:btc-value","topic":null}"#)));
        assert!(!is_derived(&of("garbage in the dead letters' own topic")));
    }
}
