//! A bad record never stops the stream: it is in the dead letters with its reason, and its offset advances.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use btc_topology::documents::{DEAD_LETTER, RAW_BPI, VALUE};
use btc_topology::{BLOCKS, BPI, DEAD_LETTERS, TRANSACTIONS};
use bytes::Bytes;
use futures_util::FutureExt;
use trombe_connectors::{EmbeddedConfig, EmbeddedStore, Index, Message, Outcome};

use crate::disturbed::{Disturbed, store};
use crate::market::{FROM_S, block, price, transaction};
use crate::world::{World, config, end};

fn raw(source: &str, value: &'static [u8]) -> Message {
    let headers = vec![("source".to_owned(), Bytes::copy_from_slice(source.as_bytes()))];
    Message { key: Bytes::from_static(b"k"), value: Bytes::from_static(value), timestamp_ms: 1_000, headers }
}

#[test]
fn what_is_not_understood_is_kept_with_its_reason() {
    let world = World::new();
    let bad = [
        (BPI, raw("csv", b"{\"time\":1730412000,\"eur\":\"-1\"}"), "csv"),
        (BPI, raw("coinbase", b"\xff\xfe"), "coinbase"),
        (BPI, raw("no-such-source", b"{}"), "no-such-source"),
        (BPI, Message { headers: vec![], ..raw("", b"headless") }, "unknown"),
        (TRANSACTIONS, raw("blockchain-info", b"{\"op\":\"utx\",\"x\":{"), "blockchain-info"),
        (TRANSACTIONS, block("b", "a", 1, FROM_S, "x").1, "mempool-space"),
        (BLOCKS, raw("raw-block", b"{\"hash\":\"00\"}"), "raw-block"),
        (BLOCKS, transaction(1, FROM_S, 5).1, "blockchain-info"),
        (DEAD_LETTERS, raw("x", b"not a dead letter"), "x"),
    ];
    let messages: Vec<_> = bad.iter().map(|(topic, message, _)| (*topic, message.clone())).collect();
    world.append(&messages);
    world.append(&[price(FROM_S, "60000"), transaction(2, FROM_S, 5)]);
    let summary = world.drain(config(2));
    assert_eq!((summary.failed, world.lag()), (0, 0));

    let letters = world.sources(DEAD_LETTER);
    assert_eq!(letters.len(), bad.len());
    for (topic, message, source) in &bad {
        let bytes = STANDARD.encode(&message.value);
        let letter = letters.values().find(|letter| letter["raw_base64"] == bytes.as_str()).unwrap();
        assert_eq!((letter["topic"].as_str(), letter["source"].as_str()), (Some(*topic), Some(*source)));
        assert!(letter["offset"].is_u64() && letter["partition"].is_u64(), "{letter}");
        assert_eq!(letter["raw_bytes"].as_u64(), Some(message.value.len() as u64));
        assert!(!letter["reason"].as_str().unwrap().is_empty());
    }
    assert_eq!(world.health.dead_letters(), bad.len() - 1, "one was in the topic already");
    assert_eq!((world.sources(VALUE).len(), world.sources(RAW_BPI).len()), (1, 1));
}

/// A letter is larger than its record, so there are records that fit into the log and whose letters do not.
#[test]
fn a_letter_too_large_for_the_log_does_not_stop_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let limits = EmbeddedConfig { message_bytes_max: 2_048, ..EmbeddedConfig::default() };
    let world = World::on(EmbeddedStore::open(folder.path().join("store"), limits).unwrap());
    world.append(&[
        (BPI, raw("csv", &[b'x'; 1_900])),
        (BPI, raw("coinbase", b"bad")),
        (BPI, raw(&"\0".repeat(1_900), b"bad")),
        price(FROM_S, "60000"),
    ]);
    let summary = world.drain(config(1));
    assert_eq!((summary.failed, world.lag()), (0, 0));
    let letters = world.sources(DEAD_LETTER);
    let raws: BTreeMap<_, _> =
        letters.values().map(|letter| (letter["source"].as_str().unwrap(), &letter["raw_base64"])).collect();
    assert_eq!(
        raws,
        BTreeMap::from([("csv", &"".into()), ("coinbase", &STANDARD.encode("bad").into())]),
        "one without its bytes, one whole, and one that only the program's own log tells of"
    );
    assert_eq!(world.sources(VALUE).len(), 1);
}

/// An index that rejects every document of one kind.
fn strict(world: &World, rejects: &'static str) -> Arc<dyn Index> {
    Arc::new(Disturbed::new(&world.store, move |index, documents| {
        async move {
            let mut outcomes = Vec::new();
            for document in documents {
                outcomes.push(if document.index == rejects {
                    Outcome::Rejected("strict_dynamic_mapping_exception".to_owned())
                } else {
                    store(&index, document).await?
                });
            }
            Ok(outcomes)
        }
        .boxed()
    }))
}

#[test]
fn what_the_index_rejects_is_a_dead_letter_too() {
    let world = World::new();
    world.append(&[price(FROM_S, "60000")]);
    world.feed_over.set();
    let summary = end(world.start(strict(&world, VALUE), world.state(), config(2)));
    assert_eq!((summary.failed, world.lag()), (0, 0));
    let letters = world.sources(DEAD_LETTER);
    let letter = letters.values().next().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letter["source"], "index:btc-value");
    assert!(letter["reason"].as_str().unwrap().ends_with("strict_dynamic_mapping_exception"));
    assert!(letter["topic"].is_null());
}

/// A rejected dead letter must not become a dead letter: that would go on for ever.
#[test]
fn a_rejected_dead_letter_ends_there() {
    let world = World::new();
    world.append(&[(BPI, raw("coinbase", b"bad"))]);
    world.feed_over.set();
    let summary = end(world.start(strict(&world, DEAD_LETTER), world.state(), config(2)));
    assert_eq!((summary.failed, world.lag(), world.health.dead_letters()), (0, 0, 1));
    assert!(world.sources(DEAD_LETTER).is_empty());
}
