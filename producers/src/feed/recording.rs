//! Recordings of the live feeds: newline-delimited JSON, compressed with zstd or plain.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use trombe_connectors::Message;

use super::files::{self, Counted};
use super::lines::{Line, Lines};
use crate::error::ProduceError;
use crate::message::{Event, FeedKind, Topic, headers};
use crate::progress::Progress;
use crate::record::Entry;

/// The longest line that is read; the rest of a longer one is skipped.
const LINE_BYTES_MAX: usize = 128 << 20;

/// What every zstd frame begins with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file begins as a frame does, be it cut within its first bytes.
fn is_zstd(start: &[u8]) -> bool {
    !start.is_empty() && ZSTD_MAGIC.starts_with(start)
}

/// The messages of the files, in the order in which they were received.
#[derive(Debug)]
pub(super) struct Recording {
    files: VecDeque<PathBuf>,
    open: Option<Open>,
    progress: Arc<Progress>,
}

/// A file under way.
struct Open {
    name: String,
    lines: Lines<Box<dyn BufRead + Send>>,
    line_number: u64,
    /// The time of the last good line stands in where a bad line has none.
    last_ms: i64,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("name", &self.name)
            .field("line_number", &self.line_number)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Finds the files; a file that cannot be read is found out when its turn comes.
    pub(super) fn open(paths: &[PathBuf], progress: &Arc<Progress>) -> Result<Self, ProduceError> {
        let files = files::list(paths, |name| {
            [".ndjson", ".ndjson.zst", ".jsonl", ".jsonl.zst", ".zst"].iter().any(|end| name.ends_with(end))
        })?;
        progress.expect_work(files::total_bytes(&files)?);
        Ok(Self { files: files.into(), open: None, progress: Arc::clone(progress) })
    }
}

impl Iterator for Recording {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(event) = open.next_event() {
                    return Some(Ok(event));
                }
                self.open = None;
            }
            match Open::file(&self.files.pop_front()?, &self.progress) {
                Ok(open) => self.open = Some(open),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Open {
    fn file(path: &Path, progress: &Arc<Progress>) -> Result<Self, ProduceError> {
        let unreadable = |source| files::unreadable(path, source);
        let mut start = Vec::new();
        let mut file = File::open(path).map_err(unreadable)?;
        file.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut start).map_err(unreadable)?;

        let counted = Counted::open(path, progress)?;
        Self::over(files::name(path), &start, counted).map_err(unreadable)
    }

    /// A file of that content, which begins with `start`.
    fn over(name: String, start: &[u8], content: impl Read + Send + 'static) -> io::Result<Self> {
        let reader: Box<dyn BufRead + Send> = if is_zstd(start) {
            Box::new(BufReader::new(zstd::Decoder::new(content)?))
        } else {
            Box::new(BufReader::new(content))
        };
        Ok(Self { name, lines: Lines::new(reader, LINE_BYTES_MAX), line_number: 0, last_ms: 0 })
    }

    /// The next message of this file, a bad line as a dead letter; `None` at the file's end.
    fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.lines.next()? {
                Ok(line) if line.bytes.trim_ascii().is_empty() => {}
                Ok(line) => {
                    self.line_number = line.number;
                    match event(&line) {
                        Ok(event) => {
                            self.last_ms = event.message.timestamp_ms;
                            return Some(event);
                        }
                        Err(reason) => return Some(self.dead_letter(&reason, &line.bytes)),
                    }
                }
                // The recorder was killed: everything up to here is whole, and it never knew of more.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    tracing::warn!(
                        file = self.name,
                        after_line = self.line_number,
                        "the recording ends in mid-frame"
                    );
                    return None;
                }
                Err(error) => {
                    self.line_number += 1;
                    return Some(self.dead_letter(&format!("the rest of the file is lost: {error}"), &[]));
                }
            }
        }
    }

    fn dead_letter(&self, reason: &str, raw: &[u8]) -> Event {
        let reason = format!("{} line {}: {reason}", self.name, self.line_number);
        let source = if raw.is_empty() { self.name.as_str() } else { "recording" };
        Event::dead_letter(&reason, source, FeedKind::Recording, self.last_ms, raw)
    }
}

/// The messages of a file of that content.
pub(crate) fn read(content: Vec<u8>) -> io::Result<Vec<Event>> {
    let start = content[..content.len().min(ZSTD_MAGIC.len())].to_vec();
    let mut open = Open::over("fuzz".to_owned(), &start, io::Cursor::new(content))?;
    Ok(std::iter::from_fn(|| open.next_event()).collect())
}

fn event(line: &Line) -> Result<Event, String> {
    if line.is_cut {
        return Err(format!("longer than {LINE_BYTES_MAX} bytes"));
    }
    let entry: Entry<'_> = serde_json::from_slice(&line.bytes).map_err(|error| error.to_string())?;
    let topic =
        Topic::from_name(&entry.topic).ok_or_else(|| format!("there is no topic {:?}", entry.topic))?;
    let source = Bytes::copy_from_slice(entry.source.as_bytes());
    let message = Message {
        key: Bytes::copy_from_slice(entry.key.as_bytes()),
        value: Bytes::copy_from_slice(entry.value.as_bytes()),
        timestamp_ms: entry.received_ms,
        headers: headers(source, FeedKind::Recording),
    };
    Ok(Event { topic, message })
}
