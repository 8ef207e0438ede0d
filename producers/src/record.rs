//! Records the live feeds to files that [`crate::feed()`] can read.
//!
//! A recording is newline-delimited JSON, one [`Entry`] a line, compressed with zstd. The recorder is a log that can
//! only be appended to, so the live daemons write into it as they would into any other. What an append
//! acknowledged is in the file, in a flushed block of the current frame: `kill -9` costs nothing before it.

mod writer;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use trombe_connectors::{ConsumerOptions, Log, LogConsumer, LogError, Message, Position, TopicOptions};

use crate::config::{ProducersConfig, RecordConfig};
use crate::error::ProduceError;
use crate::live::{self, Parts};
use crate::progress::{Progress, Summary};
use crate::shutdown::share;

use writer::RecordWriter;

/// One line of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(borrow)]
    pub(crate) topic: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) key: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) source: Cow<'a, str>,
    pub(crate) received_ms: i64,
    /// The message as received.
    #[serde(borrow)]
    pub(crate) value: Cow<'a, str>,
}

/// Writes the live feeds to compressed files in `out_dir` until the shutdown.
pub async fn record(
    out_dir: &Path,
    config: ProducersConfig,
    progress: Arc<Progress>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, ProduceError> {
    config.validate()?;
    let recorder = Arc::new(Recorder::create(out_dir, config.record.clone())?);
    let log: Arc<dyn Log> = Arc::<Recorder>::clone(&recorder);
    let summary = live::run(log, config, Parts::ALL, progress, share(shutdown)).await?;
    recorder.close()?;
    Ok(summary)
}

/// A log that only appends, to files.
pub(crate) struct Recorder {
    out_dir: PathBuf,
    writer: Arc<Mutex<RecordWriter>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("out_dir", &self.out_dir).finish_non_exhaustive()
    }
}

impl Recorder {
    pub(crate) fn create(out_dir: &Path, config: RecordConfig) -> Result<Self, ProduceError> {
        let unwritable = |source| ProduceError::Write { path: out_dir.to_owned(), source };
        std::fs::create_dir_all(out_dir).map_err(unwritable)?;
        let writer = RecordWriter::new(out_dir, config);
        Ok(Self { out_dir: out_dir.to_owned(), writer: Arc::new(Mutex::new(writer)) })
    }

    /// Ends the file under way with a whole frame.
    pub(crate) fn close(&self) -> Result<(), ProduceError> {
        let closed = self.writer.lock().unwrap_or_else(PoisonError::into_inner).close();
        closed.map_err(|source| ProduceError::Write { path: self.out_dir.clone(), source })
    }
}

impl Log for Recorder {
    fn create_topic<'a>(&'a self, _: &'a str, _: &'a TopicOptions) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn append<'a>(
        &'a self,
        topic: &'a str,
        messages: Vec<Message>,
    ) -> BoxFuture<'a, Result<Vec<Position>, LogError>> {
        Box::pin(async move {
            let (writer, topic) = (Arc::clone(&self.writer), topic.to_owned());
            let written = spawn_blocking(move || {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                writer.append(&topic, &messages)
            });
            let written = written.await.map_err(|error| LogError::Refused(error.to_string()))?;
            // A full disk may have room again.
            written.map_err(|error| LogError::Unavailable(error.to_string()))
        })
    }

    fn consumer(&self, _: ConsumerOptions) -> Result<Box<dyn LogConsumer>, LogError> {
        Err(LogError::Refused("a recording is read by the recording feed".to_owned()))
    }
}
