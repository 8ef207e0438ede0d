//! Counts words, each exactly once.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use trombe::{Emitter, StatefulBolt, Topology};

fn main() -> trombe::Result {
    let topology = Topology::new("word-count");

    let lines =
        topology.spout("lines", ["the cow jumped over the moon", "an apple a day", "the cow ate an apple"]);
    let words =
        lines.shuffle().flat_map("split", |line| line.split(' ').map(String::from).collect::<Vec<_>>());
    let counts = words.by(|word| word).tasks(4).stateful("count", || Count);
    counts.global().for_each("print", |(word, count)| println!("{word}: {count}"));

    topology.run_local()?;
    Ok(())
}

/// How often each word has come by.
struct Count;

impl StatefulBolt for Count {
    type In = String;
    type State = u64;
    type Out = (String, u64);

    fn update(&mut self, count: &mut u64, _word: &String) -> trombe::Result {
        *count += 1; // once for each word, also if its sentence comes again
        Ok(())
    }

    fn emit(&mut self, count: &u64, word: String, out: &mut Emitter<Self::Out>) -> trombe::Result {
        out.emit((word, *count)); // anchored to `word`, which is acked when the count is durable
        Ok(())
    }
}
