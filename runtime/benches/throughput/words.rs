//! Sentences of eight words, split, counted by word. A message is a sentence.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasherDefault, Hash};
use std::hint::black_box;
use std::sync::Arc;

use trombe::{Bolt, Emitter, Failure, KeyHasher, Topology};

use crate::Bench;
use crate::settings::Settings;
use crate::source::numbered;

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
    let tasks = settings.tasks_count;
    let sentence = |id: u64| black_box(SENTENCES[usize::try_from(id % 5).unwrap_or(0)]);
    let sentences = topology.tasks(tasks).spout("sentences", numbered(settings, &latencies, sentence));
    let split = |sentence: &'static str| sentence.split_ascii_whitespace();
    let words = sentences.local_or_shuffle().tasks(tasks).flat_map("split", split);
    words.by(|word| *word).tasks(tasks).bolt("count", Count::default).end();
    Ok(Bench::endless(topology, &latencies))
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
