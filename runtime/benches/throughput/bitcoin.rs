//! A million `utx` messages, over and over: parse; key by hour; count, volume and largest transaction an hour.
//!
//! The parser is the dashboard's own: it checks the whole message and also works out the volume without change. The table's checksum
//! is the same for everybody who reads the same file (`c23890c82c981259` for the kit's million).

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use btc_records::{ChainMessage, PoolList, Txid, parse_chain};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trombe::{
    Bolt, Emitter, Failure, Guarantee, KeyHasher, MemoryStore, Nothing, Spout, StateStore, StatefulBolt,
    Stream, Topology,
};

use crate::positioned::Positioned;
use crate::settings::Settings;
use crate::source::{Pump, Source};
use crate::{Bench, Finish, Stop};

pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("bitcoin"), Arc::default());
    let feed = Feed::new(settings)?;
    let lines = {
        let (settings, latencies, feed) = (settings.clone(), Arc::clone(&latencies), feed.clone());
        move || Pump::new(feed.part(), &settings, &latencies)
    };
    let table = Arc::new(Mutex::new(Table::default()));
    let merged = Arc::clone(&table);
    let hours = move || Hours { own: HashMap::default(), merged: Arc::clone(&merged) };
    let seen = seen(&topology, settings.tasks_count, lines);
    seen.by(|seen| &seen.hour).tasks(settings.tasks_count).bolt("hours", hours).end();
    let passes = Arc::clone(&feed.passes);
    let finish = Finish {
        stop: feed.stop(),
        checksum: Box::new(move || checksum(&unpoisoned(&table), unpoisoned(&passes).latest + 1)),
    };
    Ok(Bench { topology, latencies, finish: Some(finish) })
}

/// The same, and the table is kept exactly once.
pub(crate) fn once(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let topology = Topology::new("bitcoin-once");
    let store = Arc::new(MemoryStore::new());
    topology.state(Arc::clone(&store));
    let feed = Feed::new(settings)?;
    let lines = {
        let feed = feed.clone();
        move || Positioned::new(feed.part())
    };
    let seen = seen(&topology, settings.tasks_count, lines).by(|seen| &seen.hour);
    let hours = seen.tasks(settings.tasks_count).guarantee(Guarantee::ExactlyOnce);
    hours.stateful("hours", || KeptHours).end();
    let passes = Arc::clone(&feed.passes);
    let finish = Finish {
        stop: feed.stop(),
        checksum: Box::new(move || checksum(&stored(&store), unpoisoned(&passes).latest + 1)),
    };
    Ok(Bench { topology, latencies: Arc::default(), finish: Some(finish) })
}

fn seen<S: Spout<Item = &'static [u8]>>(
    topology: &Topology,
    tasks: usize,
    spout: impl Fn() -> S + Send + Sync + 'static,
) -> Stream<Seen> {
    let pools = PoolList::builtin();
    let parse = move |line: &'static [u8], out: &mut Emitter<Seen>| {
        out.emit(parsed(line, &pools)?);
        Ok(())
    };
    let lines = topology.tasks(tasks).spout("lines", spout);
    lines.local_or_shuffle().tasks(tasks).closure("parse", parse)
}

/// The file, dealt to the spout's tasks.
#[derive(Clone)]
struct Feed {
    bytes: &'static [u8],
    parts: Vec<Range<usize>>,
    made: Arc<AtomicUsize>,
    passes: Arc<Mutex<Passes>>,
    count: u64,
}

impl Feed {
    fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let bytes = mapped(settings)?;
        let (parts, count) = (parts(bytes, settings.tasks_count), settings.count.unwrap_or(u64::MAX));
        Ok(Self { bytes, parts, made: Arc::default(), passes: Arc::default(), count })
    }

    /// The next task's. Tasks are made in order, and none of them panics.
    fn part(&self) -> Lines {
        let part = self.parts[self.made.fetch_add(1, Ordering::Relaxed) % self.parts.len()].clone();
        let passes = Arc::clone(&self.passes);
        Lines { bytes: self.bytes, at: part.start, part, pass: 0, passes, left: self.count }
    }

    fn stop(&self) -> Stop {
        let passes = Arc::clone(&self.passes);
        Box::new(move || unpoisoned(&passes).stopped = true)
    }
}

/// The input, mapped as the other programs map it, for the rest of the process's life.
#[expect(unsafe_code, reason = "a mapping has no other way")]
fn mapped(settings: &Settings) -> Result<&'static [u8], Box<dyn Error>> {
    let path = settings.data.as_ref().ok_or("say data=FILE; `utx out=FILE` makes it")?;
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // SAFETY: undefined if somebody cuts the file off meanwhile; nobody changes an input while it is measured.
    let map = unsafe { Mmap::map(&file) }?;
    Ok(&**Box::leak(Box::new(map)))
}

/// Whole lines, about the same number of bytes for each task.
fn parts(bytes: &[u8], tasks: usize) -> Vec<Range<usize>> {
    let mut start = 0;
    let part = |task: usize| {
        let about = bytes.len() * (task + 1) / tasks.max(1);
        let end = line_end(bytes, about.saturating_sub(1)) + 1;
        let part = start..end.min(bytes.len());
        start = part.end;
        part
    };
    (0..tasks.max(1)).map(part).collect()
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at)
}

/// All tasks read their parts equally often, so that the table can be divided.
#[derive(Default)]
struct Passes {
    stopped: bool,
    latest: u64,
}

impl Passes {
    /// Whether a task that is through with its part begins this pass.
    fn begin(&mut self, pass: u64) -> bool {
        let goes_on = !self.stopped || pass <= self.latest;
        if goes_on {
            self.latest = self.latest.max(pass);
        }
        goes_on
    }
}

/// The lines of a part, again and again. An id is a line's place in the file, and the pass.
struct Lines {
    bytes: &'static [u8],
    part: Range<usize>,
    at: usize,
    pass: u64,
    passes: Arc<Mutex<Passes>>,
    left: u64,
}

impl Source for Lines {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<(u64, &'static [u8])> {
        self.left = self.left.checked_sub(1)?;
        if self.at == self.part.end {
            if !unpoisoned(&self.passes).begin(self.pass + 1) {
                return None;
            }
            self.pass += 1;
            self.at = self.part.start;
        }
        let (start, end) = (self.at, line_end(self.bytes, self.at));
        self.at = (end + 1).min(self.part.end);
        Some((self.pass * self.bytes.len() as u64 + start as u64, &self.bytes[start..end]))
    }

    fn again(&mut self, id: u64) -> &'static [u8] {
        let start = usize::try_from(id % self.bytes.len() as u64).unwrap_or(0);
        &self.bytes[start..line_end(self.bytes, start)]
    }
}

/// What the table needs of a transaction.
struct Seen {
    hour: i64,
    satoshi: u64,
    txid: Txid,
}

fn parsed(line: &[u8], pools: &PoolList) -> Result<Seen, Failure> {
    match parse_chain("blockchain-info", line, 0, pools) {
        Ok(ChainMessage::Transaction(seen)) => {
            Ok(Seen { hour: seen.time.timestamp() / 3600, satoshi: seen.outputs.to_sat(), txid: seen.txid })
        }
        Ok(_) => Err(Failure::reject("not a transaction")),
        Err(error) => Err(Failure::reject(error.to_string())),
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Hour {
    count: u64,
    volume: u64,
    largest: (u64, Txid),
}

impl Hour {
    fn of(seen: &Seen) -> Self {
        Self { count: 1, volume: seen.satoshi, largest: (seen.satoshi, seen.txid) }
    }

    /// Of two equally large transactions the one whose printed hash comes first, so that order does not matter.
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.volume += other.volume;
        let printed = |txid: &Txid| txid.as_bytes().iter().rev().copied().collect::<Vec<u8>>();
        let is_larger = other.largest.0 > self.largest.0
            || other.largest.0 == self.largest.0 && printed(&other.largest.1) < printed(&self.largest.1);
        if is_larger {
            self.largest = other.largest;
        }
    }
}

type Table = BTreeMap<i64, Hour>;

struct Hours {
    own: HashMap<i64, Hour, BuildHasherDefault<KeyHasher>>,
    merged: Arc<Mutex<Table>>,
}

impl Bolt for Hours {
    type In = Seen;
    type Out = ();

    fn execute(&mut self, seen: Seen, _out: &mut Emitter<()>) -> Result<(), Failure> {
        let one = Hour::of(&seen);
        if let Some(hour) = self.own.get_mut(&seen.hour) {
            hour.add(&one);
        } else {
            self.own.insert(seen.hour, one);
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        let mut merged = unpoisoned(&self.merged);
        for (hour, total) in self.own.drain() {
            if let Some(sum) = merged.get_mut(&hour) {
                sum.add(&total);
            } else {
                merged.insert(hour, total);
            }
        }
    }
}

/// The same table; the engine keeps it.
struct KeptHours;

impl StatefulBolt for KeptHours {
    type In = Seen;
    type State = Option<Hour>;
    type Out = Nothing;

    fn update(&mut self, hour: &mut Option<Hour>, seen: &Seen) -> Result<(), Failure> {
        let one = Hour::of(seen);
        match hour {
            Some(hour) => hour.add(&one),
            None => *hour = Some(one),
        }
        Ok(())
    }
}

/// The table as it is in the store, where a key ends in the hour.
fn stored(store: &MemoryStore) -> Table {
    let mut table = Table::default();
    let read = store.scan("bitcoin-once/hours", &[], &mut |key, value| {
        let hour = key.last_chunk().map(|hour| i64::from_le_bytes(*hour));
        let value = serde_json::from_slice(value).expect("an hour of ours");
        table.extend(hour.zip(value));
    });
    read.expect("a store in memory");
    table
}

/// The first 16 digits of the table's SHA-256, for one pass over the input.
fn checksum(table: &Table, passes: u64) -> String {
    let mut text = String::new();
    for (hour, Hour { count, volume, largest: (satoshi, txid) }) in table {
        let (count, volume) = (count / passes, volume / passes);
        writeln!(text, "{hour} {count} {volume} {satoshi} {txid}").expect("a string");
    }
    btc_records::hex::encode(&Sha256::digest(&text)[..8])
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
