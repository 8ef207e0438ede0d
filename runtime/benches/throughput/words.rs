//! Sentences of eight words, split, counted by word. A message is a sentence.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasherDefault, Hash};
use std::hint::black_box;
use std::sync::Arc;

use trombe::{
    Bolt, Emitter, Failure, Guarantee, KeyHasher, MemoryStore, Nothing, Spout, StatefulBolt, Stream, Topology,
};

use crate::Bench;
use crate::positioned::Positioned;
use crate::settings::Settings;
use crate::source::{counted, numbered};

const SENTENCES: [&str; 5] = [
    "the cow jumped over the bright full moon",
    "an apple a day keeps the doctor away",
    "four score and seven years ago our fathers",
    "snow white and the seven dwarfs went home",
    "i am at two with nature and weather",
];

#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn bench(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let (topology, latencies) = (Topology::new("wordcount"), Arc::default());
    let spout = numbered(settings, &latencies, sentence);
    let words = words(&topology, settings.tasks_count, spout);
    words.by(|word| *word).tasks(settings.tasks_count).bolt("count", Count::default).end();
    Ok(Bench::endless(topology, &latencies))
}

/// The same, and the counts are kept exactly once.
#[expect(clippy::unnecessary_wraps, reason = "a workload's function")]
pub(crate) fn once(settings: &Settings) -> Result<Bench, Box<dyn Error>> {
    let topology = Topology::new("wordcount-once");
    topology.state(MemoryStore::new());
    let spout = {
        let settings = settings.clone();
        move || Positioned::new(counted(&settings, sentence))
    };
    let words = words(&topology, settings.tasks_count, spout);
    let counts = words.by(|word| *word).tasks(settings.tasks_count).guarantee(Guarantee::ExactlyOnce);
    counts.stateful("count", || Kept).end();
    Ok(Bench::endless(topology, &Arc::default()))
}

fn sentence(id: u64) -> &'static str {
    black_box(SENTENCES[usize::try_from(id % 5).unwrap_or(0)])
}

fn words<S: Spout<Item = &'static str>>(
    topology: &Topology,
    tasks: usize,
    spout: impl Fn() -> S + Send + Sync + 'static,
) -> Stream<&'static str> {
    let sentences = topology.tasks(tasks).spout("sentences", spout);
    let split = |sentence: &'static str| sentence.split_ascii_whitespace();
    sentences.local_or_shuffle().tasks(tasks).flat_map("split", split)
}

/// How often each key was seen; the engine keeps it.
struct Kept;

impl StatefulBolt for Kept {
    type In = &'static str;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, count: &mut u64, _word: &&'static str) -> Result<(), Failure> {
        *count += 1;
        Ok(())
    }
}

/// How often each key was seen.
pub(crate) struct Count<K>(HashMap<K, u64, BuildHasherDefault<KeyHasher>>);

impl<K> Default for Count<K> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Hash + Eq + Send + 'static> Bolt for Count<K> {
    type In = K;
    type Out = ();

    fn execute(&mut self, key: K, _out: &mut Emitter<()>) -> Result<(), Failure> {
        *self.0.entry(key).or_default() += 1;
        Ok(())
    }
}
