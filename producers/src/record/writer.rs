//! The files of a recording.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;
use trombe_connectors::{Message, Position};
use zstd::stream::write::Encoder;

use super::Entry;
use crate::config::RecordConfig;

/// Appends lines to one file after the other.
pub(super) struct RecordWriter {
    folder: PathBuf,
    config: RecordConfig,
    file: Option<OpenFile>,
    lines: u64,
}

/// The file under way.
struct OpenFile {
    path: PathBuf,
    frame: Encoder<'static, File>,
    frame_since: Instant,
    file_since: Instant,
}

impl RecordWriter {
    pub(super) fn new(folder: &Path, config: RecordConfig) -> Self {
        Self { folder: folder.to_owned(), config, file: None, lines: 0 }
    }

    /// Writes the messages and flushes them out of this process.
    ///
    /// After an error the file is given up, since its end may be half a line; the messages then go, all of
    /// them, to a new file.
    pub(super) fn append(&mut self, topic: &str, messages: &[Message]) -> io::Result<Vec<Position>> {
        let lines = encode(topic, messages)?;
        let mut file = match self.file.take() {
            Some(file) => file.rotated(&self.folder, &self.config)?,
            None => OpenFile::create(&self.folder, &self.config)?,
        };
        file.frame.write_all(&lines)?;
        file.frame.flush()?;
        self.file = Some(file);

        let first = self.lines;
        self.lines += messages.len() as u64;
        let positions =
            (first..self.lines).map(|offset| Position { topic: topic.to_owned(), partition: 0, offset });
        Ok(positions.collect())
    }

    /// Ends the file under way.
    pub(super) fn close(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(file) => file.frame.finish()?.sync_all(),
            None => Ok(()),
        }
    }
}

impl OpenFile {
    fn create(folder: &Path, config: &RecordConfig) -> io::Result<Self> {
        // The names sort by time. Two files of one millisecond would be a third attempt's affair.
        let name = Utc::now().format("btc-%Y%m%dT%H%M%S%.3fZ.ndjson.zst").to_string();
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let now = Instant::now();
        Ok(Self { path, frame: frame(file, config)?, frame_since: now, file_since: now })
    }

    /// Begins a new frame or a new file, where it is time.
    fn rotated(mut self, folder: &Path, config: &RecordConfig) -> io::Result<Self> {
        let length = self.frame.get_ref().metadata()?.len();
        let is_old = self.file_since.elapsed() >= Duration::from_millis(config.file_ms_max);
        if is_old || length >= config.file_bytes_max {
            self.frame.finish()?.sync_all()?;
            tracing::info!(file = %self.path.display(), "closed a file of the recording");
            return Self::create(folder, config);
        }
        if self.frame_since.elapsed() >= Duration::from_millis(config.frame_ms_max) {
            let file = self.frame.finish()?;
            self.frame = frame(file, config)?;
            self.frame_since = Instant::now();
        }
        Ok(self)
    }
}

fn frame(file: File, config: &RecordConfig) -> io::Result<Encoder<'static, File>> {
    let mut encoder = Encoder::new(file, config.compression_level)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn encode(topic: &str, messages: &[Message]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for message in messages {
        let source = message.header("source").map(AsRef::as_ref).unwrap_or_default();
        let entry = Entry {
            topic: topic.into(),
            key: String::from_utf8_lossy(&message.key),
            source: String::from_utf8_lossy(source),
            received_ms: message.timestamp_ms,
            value: String::from_utf8_lossy(&message.value),
        };
        serde_json::to_writer(&mut lines, &entry)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
