//! Counts words.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::HashMap;

use trombe::{Bolt, Emitter, Topology};

fn main() -> trombe::Result {
    let topology = Topology::new("word-count");

    let lines =
        topology.spout("lines", ["the cow jumped over the moon", "an apple a day", "the cow ate an apple"]);
    let words =
        lines.shuffle().flat_map("split", |line| line.split(' ').map(String::from).collect::<Vec<_>>());
    let counts = words.by(|word| word).tasks(4).bolt("count", Count::default);
    counts.global().for_each("print", |(word, count)| println!("{word}: {count}"));

    topology.run_local()?;
    Ok(())
}

/// How often each word has come by.
#[derive(Default)]
struct Count(HashMap<String, u64>);

impl Bolt for Count {
    type In = String;
    type Out = (String, u64);

    fn execute(&mut self, word: String, out: &mut Emitter<Self::Out>) -> trombe::Result {
        let count = self.0.entry(word.clone()).or_default();
        *count += 1;
        out.emit((word, *count)); // anchored to `word`, which is acked on Ok and failed on Err
        Ok(())
    }
}
