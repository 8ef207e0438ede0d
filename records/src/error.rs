//! Why a message could not be understood, and where in it.

use std::fmt;

use crate::hash::HashError;
use crate::money::MoneyError;
use crate::raw::BlockFault;

/// A message that was refused. It says where and why; the message itself stays as it is, for the dead
/// letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct ParseError {
    place: Place,
    why: Why,
}

impl ParseError {
    /// An error at `place`.
    pub fn new(place: Place, why: impl Into<Why>) -> Self {
        Self { place, why: why.into() }
    }

    /// An error that concerns the whole message.
    pub(crate) fn message(why: impl Into<Why>) -> Self {
        Self::new(Place::Message, why)
    }

    /// An error at a JSON path.
    pub(crate) fn path(path: impl Into<String>, why: impl Into<Why>) -> Self {
        Self::new(Place::Path(path.into()), why)
    }

    /// An error at a byte offset.
    pub(crate) fn byte(offset: usize, why: impl Into<Why>) -> Self {
        Self::new(Place::Byte(offset), why)
    }

    /// The reason alone, for an error whose place the caller knows better.
    pub(crate) fn into_why(self) -> Why {
        self.why
    }

    /// Where in the message.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong there.
    pub fn why(&self) -> &Why {
        &self.why
    }
}

/// A place in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The message as a whole.
    Message,
    /// A JSON path such as `x.out[3].value`.
    Path(String),
    /// An offset in bytes from the message's start.
    Byte(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message => f.write_str("message"),
            Self::Path(path) => f.write_str(path),
            Self::Byte(offset) => write!(f, "byte {offset}"),
        }
    }
}

/// What is wrong with a message. Every text ends in what would be right, or in what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// No parser has this name.
    #[error("no parser for the source {0:?}: set the header `source` to one of {1}")]
    UnknownSource(String, String),
    /// The message is larger than [`Limits`](crate::Limits) permits.
    #[error(
        "{bytes} bytes, at most {bytes_max} are read: raise the limit if the feed really sends that much"
    )]
    TooLong {
        /// The message's length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The JSON nests deeper than [`Limits`](crate::Limits) permits.
    #[error("nested deeper than {depth_max} levels: look at what the feed really sends")]
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// The bytes are not UTF-8, hence not JSON.
    #[error("not UTF-8: look at what the feed really sends")]
    NotUtf8,
    /// Not JSON, or JSON of another shape than this source's.
    #[error("{0}: see the provider's documentation")]
    Json(String),
    /// A field that this message cannot do without.
    #[error("missing: see the provider's documentation")]
    Missing,
    /// The provider answered with an error of its own.
    #[error("the provider answers {0:?}: see its documentation")]
    Provider(String),
    /// An amount of money that cannot be.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A time that cannot be.
    #[error("no time since 2009-01-03: {0}, write Unix seconds or RFC 3339")]
    Time(String),
    /// A text that should be a hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A text that should be hexadecimal.
    #[error("not hexadecimal: write two digits for every byte")]
    Hex,
    /// A raw transaction or block that is not valid.
    #[error(transparent)]
    Block(#[from] BlockFault),
    /// Two parts of one message contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}
