//! Files that somebody names on the command line.

use std::io::Cursor;

use btc_producers::{Topic, fuzzing};
use btc_records::blk::{BlkReader, XorKey};
use btc_records::{Limits, PoolList, parse_price};
use bytes::Bytes;
use trombe_connectors::Message;

use crate::chain::genesis;
use crate::{choose, chosen, texts};

const MAGIC: [u8; 4] = [0xf9, 0xbe, 0xb4, 0xd9];
const KEY: [u8; 8] = [0x5a, 1, 0, 0xff, 7, 0x80, 3, 0xc4];

/// Blocks come in the order of the file, and together with what was skipped are no more than the file.
pub(crate) fn check_blk(data: &[u8]) -> bool {
    let Some((keyed, file)) = choose(data, 2) else { return false };
    let key = (keyed == 1).then(|| XorKey::from_file(&KEY)).flatten();
    let limits = Limits::DEFAULT;
    let (mut end, mut blocks) = (0, 0);
    for (number, read) in BlkReader::with_limits(Cursor::new(file), key, &limits).enumerate() {
        assert!(number <= file.len(), "it does not come to an end");
        if let Ok(block) = read {
            assert!(block.offset >= end, "blocks overlap");
            assert!(block.bytes.len() <= limits.block_bytes_max);
            end = block.offset + block.bytes.len() as u64;
            blocks += 1;
        }
    }
    assert!(end <= file.len() as u64);
    blocks > 0
}

pub(crate) fn blk_seeds() -> Vec<Vec<u8>> {
    let block = genesis();
    let length = u32::try_from(block.len()).expect("a small block").to_le_bytes();
    let record = [&MAGIC[..], &length, &block].concat();
    let mut file = [&record[..], &record, &[0; 40], &record].concat();
    let plain = chosen(0, &file);
    XorKey::from_file(&KEY).expect("eight bytes").apply(0, &mut file);
    vec![plain, chosen(1, file), chosen(0, record)]
}

pub(crate) fn check_pools(data: &[u8]) -> bool {
    let Ok(pools) = PoolList::from_mempool_v2(data) else { return false };
    // Whatever the tags are, attribution ends, and names somebody.
    let miner = pools.attribute(data, &["1First", "1Nobody"]);
    assert!(!miner.name.is_empty() && !miner.slug.is_empty(), "{miner:?}");
    true
}

pub(crate) fn pools_seeds() -> Vec<Vec<u8>> {
    texts(&[
        r#"[{"id":1,"name":"First","addresses":["1First"],"tags":["/first/"],"link":"https://first.example"},{"id":4,"name":"Silent"}]"#,
        r#"[{"id":3,"name":"七彩","tags":["🐟","st\\.op"]},{"id":2,"name":"Second Pool","addresses":["1Second"],"tags":["/SECOND/"]}]"#,
    ])
}

/// Every line is a message or a dead letter, and a message written as a line is read as itself.
pub(crate) fn check_recording(data: &[u8]) -> bool {
    let Ok(events) = fuzzing::recording(data.to_vec()) else { return false };
    let mut good = false;
    for event in &events {
        if event.topic == Topic::DeadLetters {
            continue;
        }
        good = true;
        let line = fuzzing::recording_line(event.topic, &event.message).expect("it came out of a line");
        let again = fuzzing::recording(line).expect("it is not compressed");
        assert_eq!(again, std::slice::from_ref(event));
    }
    good
}

pub(crate) fn recording_seeds() -> Vec<Vec<u8>> {
    let message = |key: &str, value: &str| Message {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        timestamp_ms: 1_727_740_800_000,
        headers: vec![("source".to_owned(), "kraken".into())],
    };
    let lines = [
        (Topic::Prices, message("kraken:1727740800", r#"{"error":[],"result":{}}"#)),
        (Topic::Transactions, message("ab", "no JSON \"at\" all\n")),
    ];
    let lines: Vec<u8> = lines
        .iter()
        .flat_map(|(topic, message)| {
            fuzzing::recording_line(*topic, message).expect("text").into_iter().chain([b'\n'])
        })
        .collect();
    let compressed = zstd::encode_all(&lines[..], 3).expect("memory");
    vec![lines, compressed]
}

/// Every row is a price or a dead letter, and what a good row became is a price.
pub(crate) fn check_prices_csv(data: &[u8]) -> bool {
    let events = fuzzing::prices_csv(data);
    let rows = data.split(|byte| *byte == b'\n').count();
    assert!(events.len() <= rows, "{} messages of {rows} rows", events.len());
    let mut good = false;
    for event in events.iter().filter(|event| event.topic == Topic::Prices) {
        good = true;
        let price = parse_price("csv", &event.message.value, 0).expect("a row that was accepted");
        assert_eq!(price.observed_at.timestamp() * 1_000, event.message.timestamp_ms);
    }
    good
}

pub(crate) fn prices_csv_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "time,open\n1727740800,56874.6,1,2\r\n\n\"1727741700000\",\"56735.0\"\n1727742600000000,1",
        "\u{feff}1727740800,1\n1727740860\nx,2\n1727740900,-3\n",
    ])
}
