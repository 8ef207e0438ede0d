//! A second index receives every document too, at its own pace: the first one never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use btc_topology::documents::{DEAD_LETTER, VALUE};
use btc_topology::{Connections, DOCUMENTS, Health, bitcoin, create_documents_topic};
use futures_util::FutureExt;
use trombe_connectors::{ConsumerOptions, EmbeddedStore, Index, IndexError, Lag, Log, Message, Outcome};

use crate::disturbed::{Disturbed, store};
use crate::market::{FROM_S, market, price};
use crate::same_documents::reference;
use crate::world::{World, assert_same, config, end, export, until};

/// A world with a second store.
struct Twin {
    world: World,
    second: EmbeddedStore,
    is_away: Arc<AtomicBool>,
}

impl Twin {
    fn new() -> Self {
        let (world, second) = (World::new(), EmbeddedStore::open_in_memory().unwrap());
        world.block_on(create_documents_topic(&world.store, &config(1))).unwrap();
        Self { world, second, is_away: Arc::default() }
    }

    /// The second store, away when told so.
    fn secondary(&self) -> Arc<dyn Index> {
        let is_away = Arc::clone(&self.is_away);
        Arc::new(Disturbed::new(&self.second, move |index, documents| {
            let is_away = Arc::clone(&is_away);
            async move {
                if is_away.load(Ordering::SeqCst) {
                    return Err(IndexError::Unavailable("connection refused".to_owned()));
                }
                index.bulk(documents).await
            }
            .boxed()
        }))
    }

    fn connections(&self, secondary: Arc<dyn Index>) -> Connections {
        let index = self.world.index();
        Connections { secondary: Some(secondary), ..self.world.connections(index, self.world.state()) }
    }

    /// How many records of the documents' topic are not committed.
    fn lag(&self) -> u64 {
        let options = ConsumerOptions::member(&config(1).consumer_group, &[DOCUMENTS], 0, 1);
        let lag = self.world.store.consumer(options).unwrap().lag().unwrap();
        lag.iter().map(Lag::records).sum()
    }
}

#[test]
fn it_holds_the_same_documents() {
    let expected = reference();
    let twin = Twin::new();
    twin.world.append(&market());
    twin.world.feed_over.set();
    let summary = end(twin.world.start_on(twin.connections(twin.secondary()), config(2)));
    assert_eq!((summary.failed, twin.lag()), (0, 0));
    assert_same(&twin.world.export(), &expected, "the first");
    assert_same(&export(&twin.world, &twin.second), &expected, "the second");
}

#[test]
fn the_first_is_complete_while_the_second_is_away_and_then_the_second_catches_up() {
    let expected = reference();
    let twin = Twin::new();
    twin.is_away.store(true, Ordering::SeqCst);
    twin.world.append(&market());
    let running = twin.world.start_on(twin.connections(twin.secondary()), config(2));
    until(&running, "the first is complete", || twin.world.export() == expected);
    let lag = |of_secondary: bool| -> u64 {
        let lags = twin.world.health.lag();
        lags.iter().filter(|lag| (lag.committed.topic == DOCUMENTS) == of_secondary).map(Lag::records).sum()
    };
    until(&running, "only the second is behind", || lag(false) == 0 && lag(true) > 0);
    until(&running, "the second is seen to be away", || twin.world.health.secondary_away().is_some());
    let why = twin.world.health.secondary_away().unwrap();
    assert!(why.starts_with("secondary: ") && why.contains("connection refused"), "{why}");
    assert_eq!(twin.world.health.away(), None, "the first is well");
    drop(running);

    // It need not even be the same process that catches up.
    twin.is_away.store(false, Ordering::SeqCst);
    let health = Health::new();
    twin.world.feed_over.set();
    let (connections, feed_over) = (twin.connections(twin.secondary()), twin.world.feed_over.clone());
    let topology = bitcoin(connections, config(1), feed_over, health.clone()).unwrap();
    let summary = end(topology.start(config(1).engine()).unwrap());
    assert_eq!((summary.failed, twin.lag(), health.secondary_away()), (0, 0, None));
    assert_same(&export(&twin.world, &twin.second), &expected, "after it was away");
}

/// What only the second one rejects is a dead letter; what is no document at all too; and both end the run.
#[test]
fn what_it_rejects_is_a_dead_letter() {
    let twin = Twin::new();
    twin.world.append(&[price(FROM_S, "60000")]);
    let junk = Message { value: "junk".into(), ..Default::default() };
    twin.world.block_on(twin.world.store.append(DOCUMENTS, vec![junk])).unwrap();
    let strict = Disturbed::new(&twin.second, |index, documents| {
        async move {
            let mut outcomes = Vec::new();
            for document in documents {
                outcomes.push(if document.index == VALUE {
                    Outcome::Rejected("strict_dynamic_mapping_exception".to_owned())
                } else {
                    store(&index, document).await?
                });
            }
            Ok(outcomes)
        }
        .boxed()
    });
    twin.world.feed_over.set();
    let summary = end(twin.world.start_on(twin.connections(Arc::new(strict)), config(2)));
    assert_eq!((summary.failed, twin.lag(), twin.world.health.dead_letters()), (1, 0, 2));
    let reasons: Vec<String> =
        twin.world.sources(DEAD_LETTER).values().map(|letter| letter["reason"].to_string()).collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("the secondary rejected the document")),
        "{reasons:?}"
    );
    assert!(reasons.iter().any(|reason| reason.contains("this is no document")), "{reasons:?}");
    let letters = twin.world.block_on(twin.second.count(DEAD_LETTER)).unwrap();
    assert_eq!((letters, twin.world.sources(VALUE).len()), (2, 1));
}
