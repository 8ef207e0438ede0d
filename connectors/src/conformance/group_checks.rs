//! What a log promises to groups whose members come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::log_steps::{BYTES_MAX, PARTITIONS, append, numbered, pause, topic};
use super::{PATIENCE, unique};
use crate::{Assignment, ConsumerOptions, Log, LogConsumer, Position, Revoked, Start};

/// A member that does its records at once, and says so to the group when it wishes.
struct Member {
    consumer: Box<dyn LogConsumer>,
    /// What it has done but not committed: the next offset of each partition.
    done: BTreeMap<(String, u32), u64>,
    given: Vec<Position>,
}

impl Member {
    fn join(log: &impl Log, topic: &str, group: &str) -> Self {
        let options = ConsumerOptions {
            group: group.to_owned(),
            topics: vec![topic.to_owned()],
            assignment: Assignment::Group,
            start: Start::Earliest,
            identity: "us".to_owned(),
        };
        let consumer = log.consumer(options).expect("the member opens");
        Self { consumer, done: BTreeMap::new(), given: Vec::new() }
    }

    fn poll(&mut self) {
        let mut records = Vec::new();
        self.consumer.poll(7, BYTES_MAX, &mut records).expect("the poll succeeds");
        for record in records {
            let Position { topic, partition, offset } = record.position.clone();
            self.done.insert((topic, partition), offset + 1);
            self.given.push(record.position);
        }
        self.leave();
    }

    fn commit(&mut self) {
        let next = std::mem::take(&mut self.done).into_iter();
        let next: Vec<_> =
            next.map(|((topic, partition), offset)| Position { topic, partition, offset }).collect();
        self.consumer.commit(&next).expect("the commit succeeds");
    }

    /// Finishes what the group wants back, commits it and lets go of it.
    fn leave(&mut self) {
        let (lost, wanted): (Vec<Revoked>, Vec<_>) =
            self.consumer.revoking().into_iter().partition(|revoked| revoked.lost);
        assert_eq!(lost, [], "no member is given up on while it polls");
        if !wanted.is_empty() {
            self.commit();
            self.consumer.release(&wanted).expect("the partitions are released");
        }
    }
}

/// The messages of a group's test, and who was given which.
struct Flow<'a, L> {
    log: &'a L,
    topic: String,
    group: String,
    appended: BTreeSet<Position>,
    /// What members that are gone were given.
    given: Vec<Position>,
}

impl<'a, L: Log> Flow<'a, L> {
    async fn new(log: &'a L, name: &str) -> Self {
        let topic = topic(log, name).await;
        Self { log, topic, group: unique("group"), appended: BTreeSet::new(), given: Vec::new() }
    }

    fn join(&self) -> Member {
        Member::join(self.log, &self.topic, &self.group)
    }

    /// Appends and polls until `is_there`, and the members have been given all that was appended.
    async fn until(
        &mut self,
        what: &str,
        members: &mut [&mut Member],
        is_there: impl Fn(&[&mut Member]) -> bool,
    ) {
        let deadline = Instant::now() + PATIENCE;
        while !(is_there(members) && self.is_given(members)) {
            assert!(Instant::now() < deadline, "{what}: {} of {}", self.count(members), self.appended.len());
            if !is_there(members) && self.appended.len() < 3_000 {
                let first = u32::try_from(self.appended.len()).expect("few messages");
                self.appended.extend(append(self.log, &self.topic, numbered(first..first + 3)).await);
            }
            for member in members.iter_mut() {
                member.poll();
            }
            pause();
        }
    }

    fn all<'b>(&'b self, members: &'b [&mut Member]) -> impl Iterator<Item = &'b Position> {
        self.given.iter().chain(members.iter().flat_map(|member| &member.given))
    }

    fn count(&self, members: &[&mut Member]) -> usize {
        self.all(members).collect::<BTreeSet<_>>().len()
    }

    fn is_given(&self, members: &[&mut Member]) -> bool {
        self.count(members) == self.appended.len()
    }
}

/// Each member was given something since the given counts.
fn all_are_fed(before: Vec<usize>) -> impl Fn(&[&mut Member]) -> bool {
    move |members| members.iter().zip(&before).all(|(member, before)| member.given.len() > *before)
}

fn counts(members: &[&mut Member]) -> Vec<usize> {
    members.iter().map(|member| member.given.len()).collect()
}

pub(super) async fn partitions_move_without_lost_or_doubled_records(log: &impl Log) {
    let mut flow = Flow::new(log, "rebalance").await;
    let mut first = flow.join();
    flow.until("the first joins", &mut [&mut first], |m| m[0].given.len() > 9).await;
    let mut second = flow.join();
    let mut members = [&mut first, &mut second];
    let fed = all_are_fed(counts(&members));
    flow.until("the second joins", &mut members, fed).await;
    let mut third = flow.join();
    let mut members = [&mut first, &mut second, &mut third];
    let fed = all_are_fed(counts(&members));
    flow.until("the third joins", &mut members, fed).await;
    let owners = |members: &[&mut Member]| -> BTreeSet<u32> {
        members.iter().flat_map(|member| &member.given).map(|position| position.partition).collect()
    };
    assert_eq!(owners(&members).len(), PARTITIONS as usize);
    // One that has committed all it was given takes leave.
    second.commit();
    flow.given.append(&mut second.given);
    drop(second);
    let mut members = [&mut first, &mut third];
    let before: BTreeSet<_> = flow.appended.clone();
    let partitions_since = move |members: &[&mut Member]| {
        let since =
            members.iter().flat_map(|member| &member.given).filter(|position| !before.contains(position));
        since.map(|position| position.partition).collect::<BTreeSet<_>>().len() == PARTITIONS as usize
    };
    flow.until("the second has left", &mut members, partitions_since).await;
    assert_eq!(flow.all(&members).count(), flow.appended.len(), "no record was given twice");
}

pub(super) async fn a_member_that_dies_loses_nothing(log: &impl Log) {
    let mut flow = Flow::new(log, "death").await;
    let (mut first, mut second) = (flow.join(), flow.join());
    let mut members = [&mut first, &mut second];
    flow.until("both join", &mut members, all_are_fed(vec![9, 9])).await;
    // What the second was given since its last commit was never done; it is given again.
    let is_open =
        |position: &&Position| second.done.contains_key(&(position.topic.clone(), position.partition));
    let uncommitted: BTreeSet<_> = second.given.iter().filter(is_open).cloned().collect();
    assert!(!uncommitted.is_empty());
    drop(second);
    let again =
        move |members: &[&mut Member]| uncommitted.iter().all(|position| members[0].given.contains(position));
    flow.until("the second has died", &mut [&mut first], again).await;
}
