//! Input files: which there are, and how far they are read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::ProduceError;
use crate::progress::Progress;

/// The files that the paths name. A folder stands for the files in it and below it that `takes` accepts,
/// sorted by path; a file that is named itself is always taken.
pub(super) fn list(
    paths: &[PathBuf],
    takes: impl Fn(&str) -> bool + Copy,
) -> Result<Vec<PathBuf>, ProduceError> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if metadata(path)?.is_dir() {
            seen.clear();
            add_folder(path, takes, &mut files, &mut seen)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() { Err(ProduceError::NoInput(paths.to_vec())) } else { Ok(files) }
}

/// Adds a folder's files, unless the folder was seen already: links may lead back to it.
fn add_folder(
    folder: &Path,
    takes: impl Fn(&str) -> bool + Copy,
    files: &mut Vec<PathBuf>,
    seen: &mut BTreeSet<PathBuf>,
) -> Result<(), ProduceError> {
    let real = fs::canonicalize(folder).map_err(|source| unreadable(folder, source))?;
    if !seen.insert(real) {
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|source| unreadable(folder, source))?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let name = name(&path);
        if name.starts_with('.') {
            continue;
        }
        let metadata = metadata(&path)?;
        if metadata.is_dir() {
            add_folder(&path, takes, files, seen)?;
        } else if metadata.is_file() && takes(&name) {
            files.push(path);
        }
    }
    Ok(())
}

/// The length of all files together, in bytes.
pub(super) fn total_bytes(files: &[PathBuf]) -> Result<u64, ProduceError> {
    files.iter().map(|path| Ok(metadata(path)?.len())).sum()
}

/// The last part of a path.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> ProduceError {
    ProduceError::Read { path: path.to_owned(), source }
}

fn metadata(path: &Path) -> Result<fs::Metadata, ProduceError> {
    fs::metadata(path).map_err(|source| unreadable(path, source))
}

/// A file that reports its bytes as work done.
#[derive(Debug)]
pub(super) struct Counted {
    file: File,
    progress: Arc<Progress>,
}

impl Counted {
    pub(super) fn open(path: &Path, progress: &Arc<Progress>) -> Result<Self, ProduceError> {
        let file = File::open(path).map_err(|source| unreadable(path, source))?;
        Ok(Self { file, progress: Arc::clone(progress) })
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A thread that reads cannot be ended from outside, and the process would wait for it.
        if self.progress.is_reading_stopped() {
            return Err(io::Error::other("the run has ended"));
        }
        let read = self.file.read(buffer)?;
        self.progress.work_done(read as u64);
        Ok(read)
    }
}
