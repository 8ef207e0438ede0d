//! What each miner has earned, from a handful of blocks.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::HashMap;

use trombe::{Bolt, Emitter, Topology};

fn main() -> trombe::Result {
    let topology = Topology::new("miners");

    let blocks = topology.spout("blocks", blocks());
    let totals = blocks.by(|block| &block.miner).tasks(4).bolt("earned", Earned::default);
    totals.global().for_each("print", |(miner, sat)| println!("{miner}: {sat} sat"));

    println!("{}", topology.plan()?);
    println!("{}", topology.run_local()?);
    Ok(())
}

/// Satoshi earned so far, per miner.
#[derive(Default)]
struct Earned(HashMap<String, u64>);

impl Bolt for Earned {
    type In = Block;
    type Out = (String, u64);

    fn execute(&mut self, block: Block, out: &mut Emitter<Self::Out>) -> trombe::Result {
        let total = self.0.entry(block.miner.clone()).or_default();
        *total += block.reward_sat;
        out.emit((block.miner, *total)); // anchored to `block`, which is acked on Ok and failed on Err
        Ok(())
    }
}

/// As much of a block as this example needs. It can be cloned because an iterator's items are kept for replay.
#[derive(Clone)]
struct Block {
    miner: String,
    reward_sat: u64,
}

fn blocks() -> Vec<Block> {
    [("foundry", 318_750_000), ("antpool", 314_200_000), ("foundry", 312_900_000), ("f2pool", 316_010_000)]
        .map(|(miner, reward_sat)| Block { miner: miner.to_owned(), reward_sat })
        .into()
}
