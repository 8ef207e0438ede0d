//! The 35 blocks against the facts that were computed independently, the block file, and damage to all of
//! them.

use std::collections::HashSet;

use btc_records::blk::{BlkReader, XorKey};
use btc_records::{
    BlockRecord, ChainMessage, MatchedBy, PoolList, RawTransaction, Satoshi, decode_block, encode_raw_block,
    encode_raw_transaction, parse_chain,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Facts {
    file: String,
    height: u32,
    hash: String,
    prev_hash: String,
    time: i64,
    version: i32,
    size: u32,
    n_tx: u32,
    outputs_non_coinbase_sat: u64,
    largest_tx: Option<String>,
    largest_tx_sat: u64,
    coinbase_total_sat: u64,
    subsidy_sat: u64,
    fees_sat: u64,
    coinbase_script_hex: String,
    coinbase_ascii: String,
    coinbase_payout_addresses: Vec<String>,
    pool: Option<String>,
    pool_matched_by: Option<String>,
}

fn facts() -> Vec<Facts> {
    let text = super::read_text("blocks/facts.json");
    text.map(|text| serde_json::from_str(&text).expect("facts")).unwrap_or_default()
}

fn bytes(facts: &Facts) -> Vec<u8> {
    super::read(&facts.file).expect("a block for every fact")
}

/// Change-adjusted volume of every block, in satoshi, computed independently of this crate.
const ADJUSTED_SAT: [(u32, u64); 35] = [
    (57_043, 1_000_000_000_000),
    (68_555, 31_000_000),
    (150_013, 196_835_288_295),
    (169_482, 98_748_341_529),
    (176_149, 4_430_289_798_050),
    (227_835, 171_696_060_865),
    (227_836, 48_279_450_832),
    (255_018, 86_073_582_480),
    (277_647, 171_133_122_347),
    (300_025, 489_993_557_346),
    (332_208, 151_095_026_172),
    (357_238, 364_621_604_649),
    (363_703, 574_038_438_666),
    (367_891, 105_756_906_454),
    (370_505, 2_190_732_530_939),
    (370_661, 326_463_723_338),
    (383_616, 2_741_182_955_558),
    (403_617, 1_271_989_126_962),
    (413_567, 882_474_695_218),
    (426_884, 569_123_076_445),
    (478_558, 90_607_531_297),
    (481_815, 797_229_818_484),
    (481_829, 1_300_827_808_836),
    (482_202, 458_349_491_838),
    (482_253, 2_737_116_328_623),
    (482_300, 506_833_845_659),
    (482_683, 2_102_369_665),
    (514_485, 960_885_153_133),
    (514_492, 735_059_129_479),
    (540_107, 49_699_356_722),
    (556_977, 836_019_486_788),
    (574_200, 832_517_416_044),
    (702_861, 378_514_101_781),
    (757_739, 2_141_629_684),
    (757_753, 2_515_991_177),
];

#[test]
fn every_fact_of_every_block() {
    let pools = PoolList::builtin();
    for (facts, (height, adjusted_sat)) in facts().into_iter().zip(ADJUSTED_SAT) {
        let bytes = bytes(&facts);
        let block = decode_block(&bytes).unwrap_or_else(|error| panic!("{}: {error}", facts.height));
        assert_eq!(height, facts.height);
        assert_eq!(block.hash().to_string(), facts.hash);
        assert_eq!(block.prev_hash().to_string(), facts.prev_hash, "{height}");
        assert_eq!(block.time().timestamp(), facts.time, "{height}");
        assert_eq!(block.height(), (facts.version >= 2).then_some(height));
        assert_eq!(block.tx_count(), facts.n_tx, "{height}");
        assert_eq!(block.outputs().to_sat(), facts.outputs_non_coinbase_sat, "{height}");
        let largest = block.largest().map(|largest| (largest.txid.to_string(), largest.outputs.to_sat()));
        assert_eq!(largest, facts.largest_tx.clone().map(|txid| (txid, facts.largest_tx_sat)), "{height}");
        assert_eq!(block.reward().to_sat(), facts.coinbase_total_sat, "{height}");
        assert_eq!(Satoshi::subsidy(height).to_sat(), facts.subsidy_sat, "{height}");
        assert_eq!(facts.coinbase_total_sat - facts.subsidy_sat, facts.fees_sat, "{height}");
        let script =
            block.coinbase_script().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(script, facts.coinbase_script_hex, "{height}");
        assert_eq!(block.payout_addresses(), facts.coinbase_payout_addresses, "{height}");
        let miner = block.miner(&pools);
        assert_eq!(miner.name, facts.pool.as_deref().unwrap_or("unknown"), "{height}");
        assert_eq!(miner.tag.as_deref(), Some(facts.coinbase_ascii.as_str()), "{height}");
        let by_address = facts.pool_matched_by.as_deref() == Some("address");
        assert_eq!(matches!(miner.matched_by, MatchedBy::Address(_)), by_address, "{height}");
        let adjusted = Satoshi::checked_sum(block.transactions().iter().map(RawTransaction::adjusted));
        assert_eq!(adjusted, Some(Satoshi::from_sum(adjusted_sat)), "{height}");
    }
}

#[test]
fn blocks_survive_the_log() {
    let pools = PoolList::builtin();
    for facts in facts() {
        let bytes = bytes(&facts);
        let block = decode_block(&bytes).expect("decoded above");
        let message = encode_raw_block(&block, Some(facts.height));
        let ChainMessage::Blocks(records) =
            parse_chain("raw-block", &message, 0, &pools).expect("our own message")
        else {
            panic!("{}: no block", facts.height);
        };
        let expected = BlockRecord {
            height: Some(facts.height),
            fees: Some(Satoshi::from_sum(facts.fees_sat)),
            ..block.record(&pools)
        };
        assert_eq!(records, [expected]);
        assert_eq!(records[0].size_bytes, Some(facts.size));
        let mut total = Satoshi::ZERO;
        for transaction in block.transactions().iter().take(50) {
            let message = encode_raw_transaction(transaction, block.time());
            let ChainMessage::Transaction(record) =
                parse_chain("raw-transaction", &message, 0, &pools).expect("our own message")
            else {
                panic!("{}: no transaction", transaction.txid());
            };
            assert_eq!((record.txid, record.time), (transaction.txid(), block.time()));
            assert_eq!((record.outputs, record.adjusted), (transaction.outputs(), transaction.adjusted()));
            total = total.checked_add(record.outputs).expect("fits");
        }
        assert!(total <= block.outputs());
    }
}

#[test]
fn no_altered_block_is_believed() {
    for facts in facts() {
        let bytes = bytes(&facts);
        // Every verification decodes the whole block: a few places of the large ones.
        let step = (bytes.len() / 3).max(61);
        for at in (0..bytes.len()).step_by(step) {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert!(decode_block(&altered).is_err(), "{}: byte {at} altered", facts.height);
            assert!(decode_block(&bytes[..at]).is_err(), "{}: cut to {at} bytes", facts.height);
        }
        if bytes.len() < 100_000 {
            let longer = [&bytes[..], &[0]].concat();
            let error = decode_block(&longer).expect_err("a trailing byte");
            assert_eq!(error.place().to_string(), format!("byte {}", bytes.len()));
        }
    }
}

/// A block whose last transaction is sent twice: an odd level of the tree pairs its last hash with itself.
#[test]
fn a_repeated_tail_is_refused() {
    // An odd number of transactions: its last one twice gives the same merkle root.
    for facts in facts().into_iter().filter(|facts| facts.n_tx % 2 == 1 && facts.n_tx < 253) {
        let bytes = bytes(&facts);
        let block = decode_block(&bytes).expect("decoded above");
        let last = block.transactions().last().expect("more than the coinbase").bytes();
        let mut repeated = [&bytes[..], last].concat();
        repeated[80] += 1;
        let error = decode_block(&repeated).expect_err("repeated").to_string();
        assert!(error.contains("repeated transactions"), "{}: {error}", facts.height);
    }
}

const BLK: &str = "blocks/chain/mainnet_0-589.blk";

#[test]
fn the_block_file_is_a_chain() {
    let Some(file) = super::read(BLK) else { return };
    let mut tip = "0".repeat(64);
    let mut with_transfers = Vec::new();
    for (height, item) in BlkReader::new(&file[..], None).enumerate() {
        let item = item.expect("an undamaged file");
        let block = decode_block(&item.bytes).unwrap_or_else(|error| panic!("{height}: {error}"));
        assert_eq!(block.prev_hash().to_string(), tip, "{height}");
        assert_eq!(block.reward(), Satoshi::subsidy(0), "{height}");
        if !block.transactions().is_empty() {
            with_transfers.push(height);
        }
        tip = block.hash().to_string();
    }
    assert_eq!(with_transfers, [170, 181, 182, 183, 187, 221, 248, 496, 524, 545, 546, 586]);
}

#[test]
fn a_damaged_block_file_costs_only_the_damaged_blocks() {
    let Some(mut file) = super::read(BLK) else { return };
    let all: Vec<_> = BlkReader::new(&file[..], None).map(|item| item.expect("undamaged")).collect();
    // The length of block 100, the magic of block 200, and half of the last block.
    let frame = |height: usize| usize::try_from(all[height].offset).expect("small") - 8;
    let (length, magic) = (frame(100) + 4, frame(200));
    file[length] ^= 0x20;
    file[magic] ^= 0xff;
    file.truncate(frame(589) + 8 + 100);
    let (read, errors): (Vec<_>, Vec<_>) = BlkReader::new(&file[..], None).partition(Result::is_ok);
    let read: HashSet<_> = read.into_iter().flatten().map(|block| block.bytes).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    let lost: Vec<_> = (0..all.len()).filter(|&height| !read.contains(&all[height].bytes)).collect();
    assert_eq!(lost, [100, 200, 589]);
}

#[test]
fn an_obfuscated_block_file_reads_alike() {
    let Some(mut file) = super::read(BLK) else { return };
    let count = BlkReader::new(&file[..], None).count();
    let key = XorKey::from_file(b"\x10\x00\xff\x37\x80\x01\xaa\x55").expect("eight bytes");
    key.apply(0, &mut file);
    assert_eq!(BlkReader::new(&file[..], Some(key)).flatten().count(), count);
    assert!(BlkReader::new(&file[..], None).all(|item| item.is_err()), "without its key nothing is there");
}
