//! A reorganisation takes the orphaned blocks' rewards back, from the day and from the month.

use btc_topology::documents::MINER;

use crate::market::{FROM_S, block};
use crate::world::{World, config};

/// The blocks of each miner in the month.
fn blocks(world: &World) -> Vec<(String, u64)> {
    let month = world.sources(MINER).into_iter().filter(|(id, _)| id.starts_with("month:2024-10:"));
    month
        .map(|(_, miner)| (miner["miner"].as_str().unwrap().to_owned(), miner["blocks"].as_u64().unwrap()))
        .collect()
}

#[test]
fn one_to_three_blocks_deep() {
    for depth in 1..=3_u32 {
        let world = World::new();
        let line = |name: &str, miner: &str, length: u32| -> Vec<_> {
            let parent = |height| {
                if height == 0 { "root".to_owned() } else { format!("{name}{}", height - 1) }
            };
            let at = |height: u32| FROM_S + i64::from(height) * 600;
            (0..length).map(|h| block(&format!("{name}{h}"), &parent(h), 868_000 + h, at(h), miner)).collect()
        };
        world.append(&line("a", "AntPool", depth));
        world.drain(config(2));
        assert_eq!(blocks(&world), [("AntPool".to_owned(), u64::from(depth))]);

        world.append(&line("f", "Foundry USA", depth + 1));
        world.drain(config(2));
        let won = u64::from(depth) + 1;
        assert_eq!(blocks(&world), [("AntPool".to_owned(), 0), ("Foundry USA".to_owned(), won)], "{depth}");
        let rewards = world.sources(MINER);
        assert_eq!(rewards["day:2024-10-31:antpool"]["reward_sat"], 0);
        assert_eq!(rewards["day:2024-10-31:foundryusa"]["reward_sat"], 312_500_007 * won);
    }
}
