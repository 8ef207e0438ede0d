//! Where reading begins: Storm's rules, applied to what the group has committed and to what the partition still holds.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::Start;

/// A partition by its topic's full name and its number.
pub(super) type Slot = (String, i32);

/// Where reading of a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    /// The offset of the first record to give.
    pub(super) next: u64,
    /// The commit that this start goes by: none before it counts any more.
    pub(super) committed: Option<u64>,
    /// Records between the commit and the oldest that retention has left.
    pub(super) missed: u64,
    /// The end of the partition.
    pub(super) end: u64,
}

/// A commit as the group's coordinator keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Committed {
    offset: u64,
    identity: String,
}

/// Asks the brokers where each partition begins. Blocks, up to a few times `timeout`.
pub(super) fn begin<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    slots: &[Slot],
    start: Start,
    identity: &str,
    timeout: Duration,
) -> KafkaResult<Vec<Begin>> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let committed = committed(client, slots, timeout)?;
    let (low, end) = (lows(client, slots, timeout)?, ends(client, slots, timeout)?);
    let at = match start {
        Start::Timestamp(at_ms) => offsets(client, slots, Offset::Offset(at_ms.max(0)), timeout)?,
        _ => vec![None; slots.len()],
    };
    let begin = |index: usize| {
        let committed = committed[index].as_ref();
        choose(start, identity, committed, low[index], end[index], at[index])
    };
    Ok((0..slots.len()).map(begin).collect())
}

/// The oldest offset of each partition.
pub(super) fn lows<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    slots: &[Slot],
    timeout: Duration,
) -> KafkaResult<Vec<u64>> {
    let lows = offsets(client, slots, Offset::Beginning, timeout)?;
    Ok(lows.into_iter().map(Option::unwrap_or_default).collect())
}

/// The end of each partition: where the next record will stand, but for those of transactions that are still open.
pub(super) fn ends<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    slots: &[Slot],
    timeout: Duration,
) -> KafkaResult<Vec<u64>> {
    let ends = offsets(client, slots, Offset::End, timeout)?;
    Ok(ends.into_iter().map(Option::unwrap_or_default).collect())
}

/// A list of partitions and their offsets.
pub(super) fn list(slots: impl IntoIterator<Item = (Slot, Offset)>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in slots {
        list.add_partition_offset(&topic, partition, offset)?;
    }
    Ok(list)
}

/// The offset of the first record of a time, which `Beginning` and `End` count as; none, if there is none so late.
fn offsets<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    slots: &[Slot],
    time: Offset,
    timeout: Duration,
) -> KafkaResult<Vec<Option<u64>>> {
    let times = list(slots.iter().map(|slot| (slot.clone(), time)))?;
    let found = client.offsets_for_times(times, timeout)?;
    each(&found, slots, |offset, _| match offset {
        Offset::Offset(offset) => u64::try_from(offset).ok(),
        _ => None,
    })
}

fn committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    slots: &[Slot],
    timeout: Duration,
) -> KafkaResult<Vec<Option<Committed>>> {
    let wanted = list(slots.iter().map(|slot| (slot.clone(), Offset::Invalid)))?;
    let found = client.committed_offsets(wanted, timeout)?;
    each(&found, slots, |offset, identity| match offset {
        Offset::Offset(offset) => {
            Some(Committed { offset: u64::try_from(offset).ok()?, identity: identity.to_owned() })
        }
        _ => None,
    })
}

fn each<T>(
    found: &TopicPartitionList,
    slots: &[Slot],
    read: impl Fn(Offset, &str) -> Option<T>,
) -> KafkaResult<Vec<Option<T>>> {
    let of = |(topic, partition): &Slot| {
        let element = found.find_partition(topic, *partition).ok_or(KafkaError::Canceled)?;
        element.error()?;
        Ok(read(element.offset(), element.metadata()))
    };
    slots.iter().map(of).collect()
}

fn choose(
    start: Start,
    identity: &str,
    committed: Option<&Committed>,
    low: u64,
    end: u64,
    at: Option<u64>,
) -> Begin {
    let counts = |committed: &&Committed| match start {
        Start::UncommittedEarliest | Start::UncommittedLatest => true,
        Start::Earliest | Start::Latest | Start::Timestamp(_) => committed.identity == identity,
    };
    if let Some(&Committed { offset, .. }) = committed.filter(counts) {
        if offset > end {
            // The topic was made anew, or its newest records were lost with their broker. What is there now was never read.
            return Begin { next: low, committed: None, missed: 0, end };
        }
        return Begin {
            next: offset.max(low),
            committed: Some(offset),
            missed: low.saturating_sub(offset),
            end,
        };
    }
    let next = match start {
        Start::Earliest | Start::UncommittedEarliest => low,
        Start::Latest | Start::UncommittedLatest => end,
        Start::Timestamp(_) => at.unwrap_or(end),
    };
    Begin { next, committed: None, missed: 0, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_has_its_rule() {
        let own = Committed { offset: 50, identity: "us".to_owned() };
        let foreign = Committed { offset: 50, identity: "them".to_owned() };
        let cases = [
            (Start::UncommittedEarliest, None, 10),
            (Start::UncommittedEarliest, Some(&own), 50),
            (Start::UncommittedEarliest, Some(&foreign), 50),
            (Start::UncommittedLatest, None, 90),
            (Start::UncommittedLatest, Some(&own), 50),
            (Start::UncommittedLatest, Some(&foreign), 50),
            (Start::Earliest, None, 10),
            (Start::Earliest, Some(&own), 50),
            (Start::Earliest, Some(&foreign), 10),
            (Start::Latest, None, 90),
            (Start::Latest, Some(&own), 50),
            (Start::Latest, Some(&foreign), 90),
            (Start::Timestamp(5), None, 70),
            (Start::Timestamp(5), Some(&own), 50),
            (Start::Timestamp(5), Some(&foreign), 70),
        ];
        for (start, committed, next) in cases {
            let begin = choose(start, "us", committed, 10, 90, Some(70));
            assert_eq!(begin.next, next, "{start:?} with {committed:?}");
            assert_eq!(begin.committed.is_some(), next == 50, "{start:?} with {committed:?}");
        }
    }

    #[test]
    fn a_time_after_all_records_begins_at_the_end() {
        assert_eq!(choose(Start::Timestamp(5), "", None, 10, 90, None).next, 90);
    }

    #[test]
    fn a_commit_outside_of_what_is_left_begins_at_the_oldest() {
        let committed = |offset| Committed { offset, identity: String::new() };
        let deleted = choose(Start::default(), "", Some(&committed(4)), 10, 90, None);
        assert_eq!((deleted.next, deleted.missed, deleted.committed), (10, 6, Some(4)));
        let beyond = choose(Start::default(), "", Some(&committed(91)), 10, 90, None);
        assert_eq!((beyond.next, beyond.missed, beyond.committed), (10, 0, None));
        assert_eq!(choose(Start::default(), "", Some(&committed(90)), 10, 90, None).next, 90);
    }
}
