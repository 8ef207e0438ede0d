//! Goal: order, repetition, the number of tasks and restarts change no byte of any document.
//!
//! Method: the same messages are run in these variations, each on a store of its own, and the exports compared.

use btc_topology::documents::{MINER, VALUE, VOLUME};

use crate::market::{Dice, FROM_S, market, price, transaction};
use crate::world::{Export, World, assert_same, config};

/// The export of the market in its own order by one task.
pub(crate) fn reference() -> Export {
    let world = World::new();
    world.append(&market());
    let summary = world.drain(config(1));
    assert_eq!(summary.failed, 0);
    assert_eq!(world.lag(), 0);
    world.export()
}

#[test]
fn the_export_is_complete() {
    let world = World::new();
    let messages = market();
    world.append(&messages);
    let summary = world.drain(config(2));
    assert_eq!((summary.acked, summary.failed), (messages.len() as u64, 0));
    let (volume, value, miner) = (world.sources(VOLUME), world.sources(VALUE), world.sources(MINER));
    assert_eq!((volume.len(), value.len()), (5, 110), "some are seen again an hour later");
    assert_eq!(volume.values().map(|hour| hour["tx_count"].as_u64().unwrap()).sum::<u64>(), 600);
    let month = miner.iter().filter(|(id, _)| id.starts_with("month:"));
    assert_eq!(month.map(|(_, miner)| miner["blocks"].as_u64().unwrap()).sum::<u64>(), 24);
    assert!(volume.values().any(|hour| (0.1..0.9).contains(&hour["priced_share"].as_f64().unwrap())));
    assert_eq!(world.export().len(), messages.len() + 5 + 110 + miner.len());
}

#[test]
fn shuffled_repeated_and_by_any_number_of_tasks() {
    let expected = reference();
    for (seed, tasks_count) in [(1, 1), (2, 2), (3, 8)] {
        let mut messages = [market(), market()].concat();
        Dice(seed).shuffle(&mut messages);
        let world = World::new();
        world.append(&messages);
        let summary = world.drain(config(tasks_count));
        assert_eq!((summary.acked, summary.failed), (messages.len() as u64, 0));
        assert_same(&world.export(), &expected, (seed, tasks_count));
    }
}

/// Orderly restarts with other numbers of tasks, so that key groups move and all state is read back; the prices come last.
#[test]
fn in_parts_with_restarts() {
    let expected = reference();
    let mut messages = market();
    Dice(5).shuffle(&mut messages);
    messages.sort_by_key(|(topic, _)| *topic == btc_topology::BPI);
    let world = World::new();
    for (messages, tasks_count) in messages.chunks(messages.len() / 4).zip([3, 1, 8, 2, 2]) {
        world.append(messages);
        world.drain(config(tasks_count));
    }
    assert_same(&world.export(), &expected, "in parts");
}

/// A price an hour later prices what had none; a nearer one that comes even later changes it again.
#[test]
fn late_prices_correct_what_is_there() {
    let world = World::new();
    let hour = |world: &World| world.sources(VOLUME).remove("2024-10-31T22:00:00Z").unwrap();
    world.append(&[transaction(1, FROM_S + 90, 100_000_000)]);
    world.drain(config(2));
    assert_eq!(
        (hour(&world)["priced_share"].as_f64(), hour(&world)["max_tx_eur"].as_f64()),
        (Some(0.0), None)
    );
    for (time_s, eur, expected) in [
        (FROM_S + 3_000, "50000", "50000.0005"),
        (FROM_S + 200, "60000", "60000.0006"),
        (FROM_S + 2_000, "70000", "60000.0006"),
        (FROM_S + 119, "65000.5", "65000.500650005"),
        (FROM_S - 10, "40000", "65000.500650005"),
    ] {
        world.append(&[price(time_s, eur)]);
        world.drain(config(2));
        assert_eq!(hour(&world)["volume_eur_exact"], expected, "after {eur}");
    }
    assert_eq!(hour(&world)["priced_share"].as_f64(), Some(1.0));
}
