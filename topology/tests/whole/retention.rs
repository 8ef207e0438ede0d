//! What the log forgets before it is read is lost, but not in silence.

use btc_topology::documents::RAW_TRANSACTIONS;

use crate::market::{FROM_S, transaction};
use crate::world::{World, config};

#[test]
fn records_that_retention_deleted_unread_are_counted() {
    let world = World::new();
    world.append(&[transaction(1, FROM_S, 5)]);
    world.drain(config(1));
    assert_eq!(world.health.missed_records(), 0);

    world.limit_retention(1);
    world.append(&[transaction(1, FROM_S + 1, 5), transaction(1, FROM_S + 2, 5)]);
    world.store.prune(i64::MAX).unwrap();
    world.append(&[transaction(1, FROM_S + 3, 5)]);
    world.drain(config(1));
    assert_eq!((world.health.missed_records(), world.lag()), (2, 0));
    assert_eq!(world.sources(RAW_TRANSACTIONS).len(), 2);
}
