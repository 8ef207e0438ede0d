//! Keyed state in a compacted topic: a process that starts on another host reads it and goes on.
//!
//! Reads are answered from a table in memory; every apply is one Kafka transaction, and the table changes only once that is
//! committed. The topic holds one record for each key, a tombstone for a removed one, and the name of the owner.
//!
//! # Owners
//!
//! State has one owner at a time. [`KafkaState::open`] takes it over: it first shuts out the former owner, whose transaction, if one
//! is open, is undone and who commits nothing any more; then it marks every partition with its own name in a transaction; then it
//! reads the committed records up to its marks. So no change of a former owner can come later. That one's next apply fails with
//! [`StateError::Fenced`].
//!
//! # What durable means
//!
//! What is committed, and what is read, is with all in-sync replicas, `min_insync_replicas` of them at least. Kafka does not force it to their
//! disks by itself: it survives the death of processes and hosts one after the other, but if all replicas lose their power at once, they may
//! lose what they took last (`log.flush.interval.messages` of the brokers decides).
//!
//! # When a call fails
//!
//! An apply of any size is one transaction: its records are sent as the library's queue has room for them, within `apply_timeout_ms`. A
//! single change larger than `message_bytes_max` is refused, with all of its apply.
//!
//! An apply that failed while it sent is undone, and the next begins anew. Where nobody answered the commit, only the topic knows: the next
//! apply takes the state over once more, from itself, and reads the topic again before it changes anything. Until then reads give what was
//! there before; the changes of the failed call may turn out to be made, all of them. Whether another has become the owner meanwhile is looked for
//! after everybody else is shut out, so that nobody can between the look and the takeover; whoever was shut out by that look takes it over again.
//!
//! # Memory
//!
//! The whole table, at most `table_bytes_max`, and while it is read again a second one; the records of an apply, and the
//! library's queues (`producer_queue_bytes_max`, `consumer_queue_bytes_max`).

mod config;
pub(super) mod record;
mod restore;
mod table;
mod transaction;

use std::process;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub use self::config::KafkaStateConfig;

use self::record::{Record, Said};
use self::restore::Reader;
use self::table::Table;
use self::transaction::{Failure, Transactions};
use super::admin::Admin;
use super::client;
use super::config::KafkaConfig;
use crate::backoff::random;
use crate::state::now_ms;
use crate::{LogError, State, StateChange, StateError};

/// A handle to state in a topic of its own. Clones share the table and the ownership.
#[derive(Clone, Debug)]
pub struct KafkaState {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: KafkaConfig,
    state: KafkaStateConfig,
    /// The topic's full name, and the transactional id.
    topic: String,
    /// Our name, for whoever takes over.
    owner: String,
    table: RwLock<Table>,
    hold: Mutex<Hold>,
}

/// How we stand to the topic.
#[derive(Debug)]
enum Hold {
    /// It is ours and the table is what it holds. With the place of our mark in one partition.
    Owner(Transactions, (i32, i64)),
    /// It was ours; what the last transaction came to is not known.
    Doubt((i32, i64)),
    /// It is another's.
    Lost(StateError),
}

impl KafkaState {
    /// Makes the topic `name` if it is absent, takes its state over and reads it. Blocks until that is done.
    pub fn open(config: &KafkaConfig, state: &KafkaStateConfig, name: &str) -> Result<Self, StateError> {
        let refused = |error: super::KafkaConfigError| StateError::Refused(error.to_string());
        config.validate().map_err(refused)?;
        state.validate().map_err(refused)?;
        let settings = client::common(config).map_err(refused)?;
        let topic = format!("{}{name}", config.topic_prefix);
        let admin = Admin::new(config, &settings).map_err(state_error)?;
        admin.bring_about_compacted(&topic, state).map_err(state_error)?;
        let owner = owner();
        let (hold, table) = take_over(config, state, &topic, &owner, None)?;
        let (table, hold) = (RwLock::new(table), Mutex::new(hold));
        let shared = Shared { config: config.clone(), state: state.clone(), topic, owner, table, hold };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    fn table(&self) -> RwLockReadGuard<'_, Table> {
        // Every change is made of whole operations, so a panic elsewhere leaves nothing half done.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, act: impl FnOnce(&mut Table)) {
        act(&mut self.table.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn reader(&self) -> Reader<'_> {
        reader(&self.config, &self.state, &self.topic)
    }

    /// Writes what `records` makes of the table, in one transaction, then lets the table follow. One caller at a time.
    fn write<T>(
        &self,
        records: impl FnOnce(&Table) -> Result<(Vec<Record>, T), StateError>,
        follow: impl FnOnce(&mut Table, T),
    ) -> Result<(), StateError> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        self.resolve(&mut hold)?;
        let (transactions, mark) = match &*hold {
            Hold::Owner(transactions, mark) => (transactions, *mark),
            Hold::Lost(error) => return Err(error.clone()),
            Hold::Doubt(_) => return Err(StateError::Unavailable("the topic was not read again".to_owned())),
        };
        let (records, change) = records(&self.table())?;
        if records.is_empty() {
            return Ok(());
        }
        match transactions.write(&records) {
            Ok(()) => {
                self.change(|table| follow(table, change));
                Ok(())
            }
            Err(Failure::Undone(why)) => Err(why),
            Err(Failure::Unknown { why, is_fatal }) => {
                *hold = Hold::Doubt(mark);
                // Where nobody answers, nobody could say either who has the state now.
                if is_fatal {
                    self.look_for_a_later_owner(&mut hold, mark)?;
                }
                Err(passing(why))
            }
        }
    }

    /// After a transaction with an unknown end: takes the state over from ourselves, unless another has it.
    fn resolve(&self, hold: &mut Hold) -> Result<(), StateError> {
        let Hold::Doubt(mark) = *hold else { return Ok(()) };
        // Most times this look is enough, and disturbs nobody.
        self.look_for_a_later_owner(hold, mark)?;
        let taken = take_over(&self.config, &self.state, &self.topic, &self.owner, Some(mark));
        if let Err(error @ StateError::Fenced(_)) = &taken {
            *hold = Hold::Lost(error.clone());
        }
        let (owned, restored) = taken?;
        *hold = owned;
        self.change(|table| *table = restored);
        tracing::info!(topic = self.topic, "the state was read again after a transaction without an answer");
        Ok(())
    }

    fn look_for_a_later_owner(&self, hold: &mut Hold, mark: (i32, i64)) -> Result<(), StateError> {
        let looked = expect_no_later_owner(&self.reader(), &self.owner, mark);
        if let Err(error @ StateError::Fenced(_)) = &looked {
            *hold = Hold::Lost(error.clone());
        }
        looked
    }

    fn check(&self, table: &Table, changes: &[StateChange], records: &[Record]) -> Result<(), StateError> {
        let bytes_max = self.config.message_bytes_max;
        if let Some((record, change)) =
            records.iter().zip(changes).find(|(record, _)| record.bytes() > bytes_max)
        {
            let key = String::from_utf8_lossy(&change.key).into_owned();
            return Err(StateError::TooLarge { bytes: record.bytes(), bytes_max, key });
        }
        let (bytes, bytes_max) = (table.bytes_with(changes), self.state.table_bytes_max);
        if bytes as u64 > bytes_max && bytes > table.bytes() {
            return Err(full(bytes, bytes_max));
        }
        Ok(())
    }
}

impl State for KafkaState {
    fn state_get(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.shared.table().get(namespace, key, now_ms()))
    }

    fn state_scan(
        &self,
        namespace: &str,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StateError> {
        self.shared.table().scan(namespace, prefix, now_ms(), each);
        Ok(())
    }

    fn state_apply(&self, mut changes: Vec<StateChange>) -> Result<(), StateError> {
        let shared = &self.shared;
        let records = |table: &Table| {
            if !changes.is_empty() {
                changes.extend(table.expired(now_ms(), shared.state.expired_count_max as usize, &changes));
            }
            let records: Vec<_> = changes.iter().map(Record::entry).collect::<Result<_, _>>()?;
            shared.check(table, &changes, &records)?;
            Ok((records, changes))
        };
        shared.write(records, |table, changes| changes.into_iter().for_each(|change| table.apply(change)))
    }

    fn meta_get(&self, key: &str) -> Result<Option<String>, StateError> {
        Ok(self.shared.table().fact(key))
    }

    fn meta_set(&self, key: &str, value: &str) -> Result<(), StateError> {
        let fact = Said::Fact { name: key.to_owned(), value: value.to_owned() };
        self.shared.write(|_| Ok((vec![Record::fact(key, value)], fact)), Table::take)
    }
}

fn expect_no_later_owner(reader: &Reader<'_>, owner: &str, mark: (i32, i64)) -> Result<(), StateError> {
    restore::later_owner(reader, owner, mark)?.map_or(Ok(()), |later| Err(StateError::Fenced(later)))
}

/// Takes the state over, unless another has become its owner since we marked it there.
fn take_over(
    config: &KafkaConfig,
    state: &KafkaStateConfig,
    topic: &str,
    owner: &str,
    mark: Option<(i32, i64)>,
) -> Result<(Hold, Table), StateError> {
    let transactions = Transactions::take_over(config, state, topic)?;
    if let Some(mark) = mark {
        expect_no_later_owner(&reader(config, state, topic), owner, mark)?;
    }
    // Whoever is shut out here already may try once more.
    let marks = transactions.mark(&Record::owner(owner)).map_err(|failure| match failure {
        Failure::Undone(why) => why,
        Failure::Unknown { why, .. } => passing(why),
    })?;
    let mut table = Table::default();
    restore::up_to(&reader(config, state, topic), &marks, &mut |said| {
        table.take(said);
        let bytes = table.bytes();
        if bytes as u64 > state.table_bytes_max { Err(full(bytes, state.table_bytes_max)) } else { Ok(()) }
    })?;
    let mark = marks.first().copied().unwrap_or_default();
    Ok((Hold::Owner(transactions, mark), table))
}

fn reader<'a>(config: &'a KafkaConfig, state: &KafkaStateConfig, topic: &'a str) -> Reader<'a> {
    Reader { config, topic, timeout: Duration::from_millis(state.read_timeout_ms) }
}

/// Whatever it was: another try begins with a new producer.
fn passing(why: StateError) -> StateError {
    if why.is_transient() { why } else { StateError::Unavailable(why.to_string()) }
}

fn full(bytes: usize, bytes_max: u64) -> StateError {
    StateError::Refused(format!(
        "the state would take {bytes} bytes and {bytes_max} are allowed: raise `table_bytes_max` or keep state for a shorter time"
    ))
}

/// A name that no other owner has, and that leads a person to the process.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "a host".to_owned());
    format!("process {} on {} ({:08x})", process::id(), host.trim(), random() & 0xffff_ffff)
}

fn state_error(error: LogError) -> StateError {
    match error {
        LogError::Unavailable(reason) => StateError::Unavailable(reason),
        other => StateError::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> StateChange {
        StateChange { namespace: "n".into(), key: key.into(), value: Some(b"v".to_vec()), expires_ms: None }
    }

    /// Goal: who comes back from doubt never takes the state from an owner that came after him, however late that one came. Method: the second
    /// half of a resolution, after a takeover that the first half, a look, has not seen.
    #[test]
    fn a_takeover_between_look_and_return_stands() {
        let Ok(servers) = std::env::var("TROMBE_KAFKA") else {
            eprintln!("skipped: no servers (run it with tests/services/run)");
            return;
        };
        let bootstrap_servers = servers.split(',').map(str::to_owned).collect();
        let config =
            KafkaConfig { bootstrap_servers, topic_prefix: "test-".to_owned(), ..KafkaConfig::default() };
        let (state, name) = (KafkaStateConfig::default(), format!("state-doubt-{}", process::id()));
        let first = KafkaState::open(&config, &state, &name).unwrap();
        first.state_apply(vec![put("a")]).unwrap();
        let mark = match &*first.shared.hold.lock().unwrap() {
            Hold::Owner(_, mark) => *mark,
            other => panic!("{other:?}"),
        };
        let second = KafkaState::open(&config, &state, &name).unwrap();

        let Shared { topic, owner, .. } = &*first.shared;
        let error = take_over(&config, &state, topic, owner, Some(mark)).unwrap_err();
        assert_eq!(error, StateError::Fenced(second.shared.owner.clone()));
        // Shut out, but still the last who has marked the topic: one call fails at most.
        if let Err(error) = second.state_apply(vec![put("b")]) {
            assert!(error.is_transient(), "{error}");
            second.state_apply(vec![put("b")]).unwrap();
        }
        let fenced = first.state_apply(vec![put("c")]).unwrap_err();
        assert_eq!(fenced, StateError::Fenced(second.shared.owner.clone()));
        let seen = |key: &[u8]| second.state_get("n", key).unwrap().is_some();
        assert_eq!([&b"a"[..], b"b", b"c"].map(seen), [true, true, false]);
    }
}
