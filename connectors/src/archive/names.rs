//! What the archive's files are called.

use chrono::{DateTime, Datelike as _, NaiveDate};

/// What the archive says of itself.
pub(super) const MANIFEST: &str = "_archive.json";

/// Where the commits are. Readers of partitioned data pass over names that begin with an underscore.
pub(super) const COMMITS: &str = "_commits";

/// The UTC day of a message's time. Times that no calendar of four-digit years holds share the first day of 1970.
pub(super) fn date_of(timestamp_ms: i64) -> NaiveDate {
    let time =
        DateTime::from_timestamp_millis(timestamp_ms).filter(|time| (0..=9_999).contains(&time.year()));
    time.unwrap_or_default().date_naive()
}

/// Whether a topic's name can be part of a path as it is: what Kafka allows.
pub(super) fn is_topic(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name != "." && name != ".." && name.bytes().all(allowed)
}

/// A commit's path. Whoever creates the next number of a partition decides what belongs to it.
pub(super) fn commit(topic: &str, partition: u32, sequence: u64) -> String {
    format!("{}/{sequence:012}.json", commits_of(topic, partition))
}

/// The folder of a partition's commits.
pub(super) fn commits_of(topic: &str, partition: u32) -> String {
    format!("{COMMITS}/topic={topic}/partition={partition}")
}

/// The topic, partition and number of a commit's path; `None` if it is no such path.
pub(super) fn parse_commit(path: &str) -> Option<(&str, u32, u64)> {
    let rest = path.strip_prefix(COMMITS)?.strip_prefix("/topic=")?;
    let (topic, rest) = rest.split_once("/partition=")?;
    let (partition, rest) = rest.split_once('/')?;
    let (partition, sequence) = (partition.parse().ok()?, rest.strip_suffix(".json")?.parse().ok()?);
    (commit(topic, partition, sequence) == path).then_some((topic, partition, sequence))
}

/// What a data file's name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataName {
    pub(super) topic: String,
    pub(super) date: NaiveDate,
    pub(super) partition: u32,
    pub(super) first: u64,
    pub(super) last: u64,
    /// The head of the content's SHA-256 in hexadecimal: two attempts of different content never share a name.
    pub(super) hash: String,
}

/// Hexadecimal digits of a [`DataName::hash`].
pub(super) const HASH_DIGITS: usize = 16;

impl DataName {
    pub(super) fn path(&self) -> String {
        let Self { topic, date, partition, first, last, hash } = self;
        format!("topic={topic}/date={date}/{partition}-{first}-{last}-{hash}.parquet")
    }

    /// `None` if the path is not one of a data file; such files are somebody else's.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (topic, rest) = path.strip_prefix("topic=")?.split_once("/date=")?;
        let (date, name) = rest.split_once('/')?;
        let mut parts = name.strip_suffix(".parquet")?.splitn(4, '-');
        let found = Self {
            topic: topic.to_owned(),
            date: date.parse().ok()?,
            partition: parts.next()?.parse().ok()?,
            first: parts.next()?.parse().ok()?,
            last: parts.next()?.parse().ok()?,
            hash: parts.next()?.to_owned(),
        };
        let is_hash = found.hash.len() == HASH_DIGITS && found.hash.bytes().all(|b| b.is_ascii_hexdigit());
        (is_hash && is_topic(topic) && found.path() == path).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_strange_ones_are_not() {
        let name = DataName {
            topic: "p3-btc-bpi".to_owned(),
            date: date_of(1_729_382_399_999),
            partition: 8,
            first: 17,
            last: 4_000,
            hash: "00ff00ff00ff00ff".to_owned(),
        };
        let path = name.path();
        assert_eq!(path, "topic=p3-btc-bpi/date=2024-10-19/8-17-4000-00ff00ff00ff00ff.parquet");
        assert_eq!(DataName::parse(&path), Some(name));
        for strange in [
            "topic=a/date=2024-10-19/notes.txt",
            "topic=a/date=2024-10-19/8-17-4000-short.parquet",
            "topic=a/date=2024-13-19/8-17-4000-00ff00ff00ff00ff.parquet",
            "topic=a/date=2024-10-19/08-17-4000-00ff00ff00ff00ff.parquet",
            "topic=a/../date=2024-10-19/8-17-4000-00ff00ff00ff00ff.parquet",
        ] {
            assert_eq!(DataName::parse(strange), None, "{strange}");
        }
        let path = commit("p3-btc-bpi", 3, 42);
        assert_eq!(path, "_commits/topic=p3-btc-bpi/partition=3/000000000042.json");
        assert_eq!(parse_commit(&path), Some(("p3-btc-bpi", 3, 42)));
        assert_eq!(parse_commit("_commits/topic=p3-btc-bpi/partition=3/42.json"), None);
    }

    #[test]
    fn the_date_is_the_utc_day() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (1_729_382_400_000, "2024-10-20"),
            (i64::MAX, "1970-01-01"),
        ];
        for (timestamp_ms, date) in cases {
            assert_eq!(date_of(timestamp_ms).to_string(), date);
        }
    }
}
