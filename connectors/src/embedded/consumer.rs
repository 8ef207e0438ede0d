//! Reading the log.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::Shared;
use super::batch::{Messages, SELECT_FROM, Stored};
use super::commit::{Commit, Committed};
use super::error::Fault;
use super::lease::Lease;
use super::message::size;
use super::partition::{OFFSETS_MAX, Partition, offset_of, place};
use super::start::{Origin, is_own_only};
use super::topic::Topic;
use crate::{
    Assignment, ConsumerOptions, IDENTITY_BYTES_MAX, Lag, LogConsumer, LogError, Message, Position, Record,
};

/// A member of a consumer group. It has its own connection, so that it waits for nobody.
pub(super) struct Consumer {
    shared: Arc<Shared>,
    connection: Connection,
    group: String,
    origin: Origin,
    assigned: Vec<Assigned>,
    /// The partition that the next poll begins with.
    turn: usize,
    /// `SQLite`'s mark of the file's state when the partitions were last looked at.
    data_version: i64,
    missed: u64,
}

struct Assigned {
    topic: String,
    number: u32,
    id: i64,
    next_offset: i64,
    /// What is left of the row that was read last.
    left: Messages,
    /// Where reading began.
    begun: i64,
    /// Nothing was left at the last look.
    drained: bool,
    /// Held for its drop.
    _lease: Lease,
}

impl Consumer {
    pub(super) fn open(shared: Arc<Shared>, options: ConsumerOptions) -> Result<Self, LogError> {
        let ConsumerOptions { group, mut topics, assignment, start, identity } = options;
        let Assignment::Member { member, members } = assignment else {
            let reason = "the embedded log has no group protocol; give each member its number";
            return Err(LogError::Refused(reason.to_owned()));
        };
        if group.is_empty() || member >= members {
            let reason = format!(
                "member {member} of {members} in group `{group}`: a group has a name and members from 0"
            );
            return Err(LogError::Refused(reason));
        }
        if identity.len() > IDENTITY_BYTES_MAX {
            let bytes = identity.len();
            let reason = format!("an identity of {bytes} bytes: at most {IDENTITY_BYTES_MAX} are stored");
            return Err(LogError::Refused(reason));
        }
        let origin = Origin { start, identity };
        topics.sort_unstable();
        topics.dedup();
        let connection = shared.readers.open()?;
        let mut assigned = Vec::new();
        for topic in topics {
            let found = Topic::find(&connection, &topic).map_err(Fault::from)?;
            let found = found.ok_or_else(|| LogError::NoSuchTopic(topic.clone()))?;
            for number in (member..found.partitions).step_by(members as usize) {
                let id = found.first_partition + i64::from(number);
                let lease = Lease::acquire(&shared.leases, &group, &topic, number)?;
                let next_offset = origin.first_offset(&connection, &group, id).map_err(Fault::from)?;
                assigned.push(Assigned {
                    topic: topic.clone(),
                    number,
                    id,
                    next_offset,
                    left: Messages::default(),
                    begun: next_offset,
                    drained: false,
                    _lease: lease,
                });
            }
        }
        Ok(Self { shared, connection, group, origin, assigned, turn: 0, data_version: 0, missed: 0 })
    }

    /// Looks at every partition again if anything was committed to the file since, by whichever process.
    fn notice_writes(&mut self) -> rusqlite::Result<()> {
        let version =
            self.connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))?;
        if version != self.data_version {
            self.data_version = version;
            self.assigned.iter_mut().for_each(|assigned| assigned.drained = false);
        }
        Ok(())
    }

    /// Gives each partition that holds something an equal share of the room, round after round, until the room or
    /// the records are used up.
    fn fill(&mut self, mut room: Room, records: &mut Vec<Record>) -> rusqlite::Result<()> {
        let snapshot = self.connection.unchecked_transaction()?;
        let count = self.assigned.len();
        self.turn = (self.turn + 1) % count;
        while room.is_left() {
            let mut waiting = self.assigned.iter().filter(|assigned| !assigned.drained).count();
            if waiting == 0 {
                break;
            }
            for step in 0..count {
                let assigned = &mut self.assigned[(self.turn + step) % count];
                if !assigned.drained && room.is_left() {
                    let share = room.share(waiting);
                    let (taken, missed) = assigned.take(&snapshot, share, records)?;
                    room.take(&taken);
                    self.missed += missed;
                    waiting -= 1;
                }
            }
        }
        snapshot.commit()
    }

    fn assigned(&self, position: &Position) -> Result<&Assigned, LogError> {
        let wanted =
            |assigned: &&Assigned| assigned.topic == position.topic && assigned.number == position.partition;
        self.assigned.iter().find(wanted).ok_or_else(|| {
            LogError::Refused(format!("{position} is in none of the partitions that this consumer reads"))
        })
    }
}

impl LogConsumer for Consumer {
    fn poll(
        &mut self,
        records_max: usize,
        bytes_max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        let room = Room { records: records_max, bytes: bytes_max };
        if !room.is_left() {
            return Ok(());
        }
        self.notice_writes().map_err(Fault::from)?;
        if self.assigned.iter().any(|assigned| !assigned.drained) {
            let (start, missed) = (records.len(), self.missed);
            let offsets: Vec<_> = self.assigned.iter().map(|assigned| assigned.next_offset).collect();
            if let Err(error) = self.fill(room, records) {
                records.truncate(start);
                self.missed = missed;
                for (assigned, offset) in self.assigned.iter_mut().zip(offsets) {
                    (assigned.next_offset, assigned.drained) = (offset, false);
                    assigned.left = Messages::default();
                }
                return Err(Fault::from(error).into());
            }
        }
        Ok(())
    }

    fn read(&mut self, position: &Position) -> Result<Option<Record>, LogError> {
        let assigned = self.assigned(position)?;
        // Beyond this the next partition's places begin.
        let offset = i64::try_from(position.offset).ok();
        let Some(offset) = offset.filter(|&offset| offset < OFFSETS_MAX) else {
            return Ok(None);
        };
        let found = find(&self.connection, assigned.id, offset).map_err(Fault::from)?;
        Ok(found.map(|message| Record { position: position.clone(), message }))
    }

    fn commit(&mut self, next: &[Position]) -> Result<(), LogError> {
        let offsets = next
            .iter()
            .map(|position| Ok((self.assigned(position)?.id, position.offset)))
            .collect::<Result<_, LogError>>()?;
        let commit = Commit {
            group: self.group.clone(),
            identity: self.origin.identity.clone(),
            is_own_only: is_own_only(self.origin.start),
            offsets,
        };
        Ok(self.shared.writer.submit_blocking(commit)?)
    }

    fn lag(&mut self) -> Result<Vec<Lag>, LogError> {
        let snapshot = self.connection.unchecked_transaction().map_err(Fault::from)?;
        let lag = |assigned: &Assigned| {
            let partition = Partition::load(&snapshot, assigned.id)?;
            let committed = Committed::find(&snapshot, &self.group, assigned.id)?;
            let committed = self.origin.counted(committed.as_ref()).unwrap_or(assigned.begun);
            let offset = committed.max(partition.start_offset).cast_unsigned();
            Ok(Lag {
                committed: Position { topic: assigned.topic.clone(), partition: assigned.number, offset },
                end_offset: partition.end_offset.cast_unsigned(),
            })
        };
        let lags: rusqlite::Result<_> = self.assigned.iter().map(lag).collect();
        Ok(lags.map_err(Fault::from)?)
    }

    fn missed(&self) -> u64 {
        self.missed
    }
}

impl Assigned {
    /// Reads on, at most as much as there is room for. Gives what was taken, and how many records were deleted
    /// before they could be.
    fn take(
        &mut self,
        connection: &Connection,
        share: Room,
        records: &mut Vec<Record>,
    ) -> rusqlite::Result<(Room, u64)> {
        let next = place(self.id, self.next_offset);
        let unread = next.max(self.left.end_place());
        let mut select = connection.prepare_cached(SELECT_FROM)?;
        let mut rows = select.query((unread, place(self.id + 1, 0)))?;
        let mut taken = Room { records: 0, bytes: 0 };
        let mut missed = 0;
        while taken.records < share.records && taken.bytes <= share.bytes {
            let Some(message) = self.left.next() else {
                let Some(row) = rows.next()? else {
                    self.drained = true;
                    break;
                };
                self.left = Stored::from(row, next)?.messages();
                continue;
            };
            let (place, message) = message?;
            let offset = offset_of(place);
            missed += (offset - self.next_offset).cast_unsigned();
            self.next_offset = offset + 1;
            taken.records += 1;
            taken.bytes += size(&message);
            let position = Position {
                topic: self.topic.clone(),
                partition: self.number,
                offset: offset.cast_unsigned(),
            };
            records.push(Record { position, message });
        }
        Ok((taken, missed))
    }
}

/// The message at an offset.
fn find(connection: &Connection, partition_id: i64, offset: i64) -> rusqlite::Result<Option<Message>> {
    let (wanted, end) = (place(partition_id, offset), place(partition_id + 1, 0));
    let found = connection
        .prepare_cached(SELECT_FROM)?
        .query_row((wanted, end), |row| Stored::from(row, wanted)?.first())
        .optional()?;
    Ok(found.flatten().filter(|(place, _)| *place == wanted).map(|(_, message)| message))
}

/// How much a poll may still take.
#[derive(Clone, Copy)]
struct Room {
    records: usize,
    bytes: usize,
}

impl Room {
    fn is_left(self) -> bool {
        self.records > 0 && self.bytes > 0
    }

    fn share(self, of: usize) -> Self {
        Self { records: self.records.div_ceil(of), bytes: self.bytes.div_ceil(of) }
    }

    fn take(&mut self, taken: &Self) {
        self.records -= taken.records;
        self.bytes = self.bytes.saturating_sub(taken.bytes);
    }
}
