//! What a record of the topic says: its key names an entry, a fact or the owner, its value is what that has become.

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::{StateChange, StateError};

/// The header with the Unix time in milliseconds from which an entry is gone, in decimal digits.
pub(super) const EXPIRES_HEADER: &str = "expires-ms";

/// The first byte of a record's key: what the key names. Stored for ever, so never to be reused.
const ENTRY: u8 = b'e';
const FACT: u8 = b'f';
const OWNER: u8 = b'o';

/// A record before it has a place in the topic. Without a value it is a tombstone, which compaction removes in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) expires_ms: Option<i64>,
}

impl Record {
    /// The bytes that the limit of a message counts.
    pub(super) fn bytes(&self) -> usize {
        let header = self.expires_ms.map_or(0, |at| EXPIRES_HEADER.len() + at.to_string().len());
        self.key.len() + self.value.as_ref().map_or(0, Vec::len) + header
    }

    pub(super) fn fact(name: &str, value: &str) -> Self {
        Self { key: key(FACT, &[name.as_bytes()]), value: Some(value.into()), expires_ms: None }
    }

    pub(super) fn owner(name: &str) -> Self {
        Self { key: vec![OWNER], value: Some(name.into()), expires_ms: None }
    }

    /// Refuses a namespace whose length does not fit its two bytes.
    pub(super) fn entry(change: &StateChange) -> Result<Self, StateError> {
        let namespace = change.namespace.as_bytes();
        let length = u16::try_from(namespace.len()).map_err(|_| {
            StateError::Refused(format!("a namespace has {} bytes and 65535 are allowed", namespace.len()))
        })?;
        Ok(Self {
            key: key(ENTRY, &[&length.to_be_bytes(), namespace, &change.key]),
            value: change.value.clone(),
            expires_ms: change.value.as_ref().and(change.expires_ms),
        })
    }
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[kind], parts.concat().as_slice()].concat()
}

/// What a record that was read says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Entry(StateChange),
    Fact { name: String, value: String },
    Owner(String),
}

/// None, if no program of ours has written it.
pub(super) fn read(message: &BorrowedMessage<'_>) -> Option<Said> {
    let expires =
        message.headers().and_then(|headers| headers.iter().find(|header| header.key == EXPIRES_HEADER));
    parse(message.key()?, message.payload(), expires.and_then(|header| header.value))
}

fn parse(key: &[u8], value: Option<&[u8]>, expires_ms: Option<&[u8]>) -> Option<Said> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let (kind, rest) = key.split_first()?;
    match *kind {
        ENTRY => {
            let (length, rest) = rest.split_first_chunk()?;
            let (namespace, key) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let expires_ms = match expires_ms {
                None => None,
                Some(digits) => Some(str::from_utf8(digits).ok()?.parse().ok()?),
            };
            Some(Said::Entry(StateChange {
                namespace: text(namespace)?,
                key: key.to_vec(),
                value: value.map(<[u8]>::to_vec),
                expires_ms,
            }))
        }
        FACT => Some(Said::Fact { name: text(rest)?, value: text(value?)? }),
        OWNER if rest.is_empty() => Some(Said::Owner(text(value?)?)),
        _ => None,
    }
}

/// Key, value and expiry of a record.
pub(in crate::kafka) type Written = (Vec<u8>, Option<Vec<u8>>, Option<i64>);

/// A record as it would be written; `None` as for [`read`].
pub(in crate::kafka) fn rewritten(
    key: &[u8],
    value: Option<&[u8]>,
    expires_ms: Option<&[u8]>,
) -> Option<Written> {
    let record = match parse(key, value, expires_ms)? {
        Said::Entry(change) => Record::entry(&change).ok()?,
        Said::Fact { name, value } => Record::fact(&name, &value),
        Said::Owner(name) => Record::owner(&name),
    };
    Some((record.key, record.value, record.expires_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reread(record: &Record) -> Option<Said> {
        let digits = record.expires_ms.map(|at| at.to_string());
        parse(&record.key, record.value.as_deref(), digits.as_deref().map(str::as_bytes))
    }

    proptest! {
        #[test]
        fn an_entry_comes_back_as_it_was(
            namespace in ".{0,20}",
            key in prop::collection::vec(any::<u8>(), 0..20),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
            expires_ms in prop::option::of(any::<i64>()),
        ) {
            let expires_ms = value.as_ref().and(expires_ms);
            let change = StateChange { namespace, key, value, expires_ms };
            prop_assert_eq!(reread(&Record::entry(&change).unwrap()), Some(Said::Entry(change)));
        }

        #[test]
        fn strange_keys_are_no_records_of_ours_and_no_panic(
            key in prop::collection::vec(any::<u8>(), 0..9),
            expires_ms in prop::option::of(prop::collection::vec(any::<u8>(), 0..4)),
        ) {
            parse(&key, Some(b"v"), expires_ms.as_deref());
        }
    }

    #[test]
    fn facts_and_owners_come_back_and_never_meet_an_entry() {
        let fact = Said::Fact { name: "feed".into(), value: "sample".into() };
        assert_eq!(reread(&Record::fact("feed", "sample")), Some(fact));
        assert_eq!(reread(&Record::owner("a:1")), Some(Said::Owner("a:1".into())));
        assert_eq!(parse(b"e\0\x05ab", Some(b"v"), None), None);
        assert_eq!(parse(b"x", Some(b"v"), None), None);
    }

    #[test]
    fn two_namespaces_with_keys_that_join_to_the_same_bytes_are_apart() {
        let change = |namespace: &str, key: &str| {
            let (namespace, key) = (namespace.to_owned(), key.into());
            Record::entry(&StateChange { namespace, key, value: None, expires_ms: None }).unwrap().key
        };
        assert_ne!(change("a", "bc"), change("ab", "c"));
        let long = StateChange { namespace: "n".repeat(70_000), key: vec![], value: None, expires_ms: None };
        assert!(matches!(Record::entry(&long), Err(StateError::Refused(_))));
    }
}
