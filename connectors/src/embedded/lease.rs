//! Who reads a partition for a group: at most one live consumer, in whichever process.
//!
//! A lease is a lock on a small file beside the store. The operating system holds it, so it ends with its process,
//! also with one that was killed, and needs no renewal and no clock.

use std::fmt::Write;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::LogError;

/// Escaped, a name three times as long fits into the 255 bytes that file systems take.
const GROUP_BYTES_MAX: usize = 64;

/// The right to read one partition for one group, until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    _locked: File,
}

impl Lease {
    pub(super) fn acquire(folder: &Path, group: &str, topic: &str, partition: u32) -> Result<Self, LogError> {
        if group.len() > GROUP_BYTES_MAX {
            return Err(LogError::Refused(format!("a group's name has at most {GROUP_BYTES_MAX} bytes")));
        }
        let failed = |error: io::Error| {
            let reason = format!("no lease can be had in {}: {error}", folder.display());
            if is_permanent(error.kind()) { LogError::Refused(reason) } else { LogError::Unavailable(reason) }
        };
        let folder = folder.join(file_name(group));
        fs::create_dir_all(&folder).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(format!("{topic}-{partition}")))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _locked: file }),
            Err(TryLockError::WouldBlock) => {
                Err(LogError::PartitionTaken { group: group.into(), topic: topic.into(), partition })
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Whether only a person can mend it: trying again would hide it for ever.
fn is_permanent(error: ErrorKind) -> bool {
    use ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem, Unsupported,
    };
    matches!(
        error,
        AlreadyExists | IsADirectory | NotADirectory | PermissionDenied | ReadOnlyFilesystem | Unsupported
    )
}

/// The group's name in characters that every file system takes, different for different groups.
fn file_name(group: &str) -> String {
    let mut name = String::with_capacity(group.len());
    for byte in group.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02x}").expect("writing to a string succeeds");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_groups_have_different_files() {
        assert_eq!(file_name("bitcoin-dashboard"), "bitcoin-dashboard");
        assert_eq!(file_name("../Büro"), "%2e%2e%2f%42%c3%bcro");
    }
}
