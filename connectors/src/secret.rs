//! Passwords and keys, which are never shown.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands for a secret wherever a configuration is shown.
const MASK: &str = "***";
/// More is no password.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A password or key. `Debug` and `Serialize` give `***`, or nothing if it is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret is not known. The message never holds any part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Both ways of giving it are used.
    #[error("it is given both as a value and as the file {}; keep one of them", .0.display())]
    Twice(PathBuf),
    /// The file cannot be read.
    #[error("the file {} cannot be read: {}; mend the path or its permissions", .0.display(), .1)]
    Unreadable(PathBuf, std::io::Error),
    /// The file has nothing in it.
    #[error("the file {} is empty; write the secret into it", .0.display())]
    Empty(PathBuf),
    /// The file is too long for a secret.
    #[error("the file {} is longer than {FILE_BYTES_MAX} bytes; give the path of the secret", .0.display())]
    TooLong(PathBuf),
    /// The value is the mask of a configuration that was printed.
    #[error("it is `{MASK}`, which stands for a secret in a printed configuration; give the secret itself")]
    Masked,
}

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret of a setting that is given as a value or as a file, whose last line break does not count. `None` if it is
    /// given neither way.
    pub fn from_value_or_file(value: &Self, file: Option<&Path>) -> Result<Option<Self>, SecretError> {
        let Some(path) = file else {
            return match value.expose() {
                "" => Ok(None),
                MASK => Err(SecretError::Masked),
                _ => Ok(Some(value.clone())),
            };
        };
        if !value.is_empty() {
            return Err(SecretError::Twice(path.to_owned()));
        }
        let mut text = String::new();
        fs::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| SecretError::Unreadable(path.to_owned(), error))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(SecretError::TooLong(path.to_owned()));
        }
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() { Err(SecretError::Empty(path.to_owned())) } else { Ok(Some(secret.into())) }
    }

    fn shown(&self) -> &'static str {
        if self.is_empty() { "" } else { MASK }
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()), r#""***" "***""#);
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), r#""""#);
    }

    #[test]
    fn a_secret_comes_from_its_value_or_its_file_but_not_from_both() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (good, empty) = (write("good", "in a file\r\n"), write("empty", "\n"));
        let (long, longest) =
            (write("long", &"x".repeat((64 << 10) + 1)), write("longest", &"x".repeat(64 << 10)));
        let absent = folder.path().join("absent");
        let from = |value: &str, file: Option<&Path>| {
            Secret::from_value_or_file(&value.into(), file).map(|secret| secret.map(|secret| secret.0))
        };
        assert_eq!(from("", None).unwrap(), None);
        assert_eq!(from("value", None).unwrap().as_deref(), Some("value"));
        assert_eq!(from("", Some(&good)).unwrap().as_deref(), Some("in a file"));
        assert!(matches!(from("value", Some(&good)), Err(SecretError::Twice(_))));
        assert!(matches!(from("", Some(&absent)), Err(SecretError::Unreadable(..))));
        assert!(matches!(from("", Some(&empty)), Err(SecretError::Empty(_))));
        assert!(matches!(from("", Some(&long)), Err(SecretError::TooLong(_))));
        assert_eq!(from("", Some(&longest)).unwrap().unwrap().len(), 64 << 10);
        assert!(matches!(from(MASK, None), Err(SecretError::Masked)));
    }
}
