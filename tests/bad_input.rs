//! Goal: bad input is explained and stops nothing. Method: feed damaged blocks, files and messages beside good
//! ones; the good ones' documents are complete and each bad one has a dead letter with its reason.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Bench, shared_data};

#[track_caller]
fn expect_reason<'a>(letters: &'a [Value], words: &str) -> &'a Value {
    letters
        .iter()
        .find(|letter| letter["_source"]["reason"].as_str().is_some_and(|reason| reason.contains(words)))
        .unwrap_or_else(|| panic!("no dead letter says `{words}`: {letters:#?}"))
}

fn some_blocks(data: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(data.join("blocks/mainnet")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|path| path.metadata().unwrap().len());
    files.truncate(6);
    files
}

#[test]
fn an_altered_block_is_a_dead_letter_and_the_others_count() {
    let Some(data) = shared_data("an_altered_block_is_a_dead_letter_and_the_others_count") else {
        return;
    };
    let bench = Bench::new();
    let folder = bench.path("blocks");
    std::fs::create_dir(&folder).unwrap();
    let files = some_blocks(&data);
    for (number, file) in files.iter().enumerate() {
        let mut bytes = std::fs::read(file).unwrap();
        if number == 0 {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        std::fs::write(folder.join(file.file_name().unwrap()), bytes).unwrap();
    }
    bench.replay(&["blocks", folder.to_str().unwrap()], &[]);
    assert_eq!(bench.documents("btc-raw-blocks").len(), files.len() - 1);
    let letters = bench.documents("btc-dead-letter");
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let letter = &letters[0]["_source"];
    assert!(!letter["reason"].as_str().unwrap().is_empty());
    assert!(letter["raw_base64"].as_str().is_some_and(|raw| !raw.is_empty()), "{letter}");
}

#[test]
fn a_truncated_blk_file_gives_all_blocks_before_the_cut() {
    let Some(data) = shared_data("a_truncated_blk_file_gives_all_blocks_before_the_cut") else {
        return;
    };
    let bench = Bench::new();
    let whole = std::fs::read(data.join("blocks/chain/mainnet_0-589.blk")).unwrap();
    let file = bench.path("blk00000.dat");
    std::fs::write(&file, &whole[..whole.len() - 50]).unwrap();
    bench.replay(&["blocks", file.to_str().unwrap()], &[]);
    assert_eq!(bench.documents("btc-raw-blocks").len(), 589);
    assert_eq!(bench.documents("btc-dead-letter").len(), 1);
}

/// A line of a recording.
fn line(topic: &str, source: &str, value: &str) -> String {
    let key = format!("key-{}", value.len());
    json!({"topic": topic, "key": key, "source": source, "received_ms": 1_730_160_000_000_i64, "value": value}).to_string()
}

#[test]
fn hostile_messages_are_dead_letters_and_the_good_one_counts() {
    let nested = "[".repeat(200_000);
    let utx = |amount: &str| {
        format!(
            r#"{{"op":"utx","x":{{"hash":"{}","time":1730160000,"inputs":[],"out":[{{"value":{amount},"addr":"1BitcoinEaterAddressDontSendf59kuE"}}]}}}}"#,
            "ab".repeat(32)
        )
    };
    let messages = [
        line("p3-btc-transactions", "blockchain-info", &nested),
        line("p3-btc-transactions", "blockchain-info", &utx("-1")),
        line("p3-btc-transactions", "blockchain-info", &utx("9223372036854775808")),
        line("p3-btc-transactions", "blockchain-info", &utx("2100000000000001")),
        line("p3-btc-transactions", "blockchain-info", &utx("\"many\"")),
        line("p3-btc-transactions", "blockchain-info", "{\"op\":\"utx\",\"x\":"),
        line("p3-btc-transactions", "nobody", "{}"),
        line("p3-btc-blocks", "mempool-space", r#"{"block":{"id":7}}"#),
        line("p3-btc-bpi", "kraken", r#"{"error":["EService:Unavailable"]}"#),
        line("p3-btc-bpi", "csv", r#"{"time":1730160000,"eur":"-5"}"#),
        "this line is not JSON".to_owned(),
        line("p3-btc-transactions", "blockchain-info", &utx("100000000")),
        line("p3-btc-bpi", "csv", r#"{"time":1730160000,"eur":"60000.5"}"#),
    ];
    let bench = Bench::new();
    let file = bench.path("hostile.ndjson");
    std::fs::write(&file, messages.join("\n")).unwrap();
    bench.replay(&["recording", file.to_str().unwrap()], &[]);

    let letters = bench.documents("btc-dead-letter");
    assert_eq!(letters.len(), messages.len() - 2, "{letters:#?}");
    expect_reason(&letters, "Unavailable");
    expect_reason(&letters, "nobody");
    let volumes = bench.documents("btc-volume");
    assert_eq!(volumes.len(), 1);
    assert_eq!(volumes[0]["_id"], "2024-10-29T00:00:00Z");
    assert_eq!(volumes[0]["_source"]["volume_sat"], 100_000_000);
    assert_eq!(volumes[0]["_source"]["volume_eur_exact"], "60000.5");
    assert_eq!(volumes[0]["_source"]["tx_count"], 1);
    assert_eq!(bench.documents("btc-value").len(), 1);
}
