//! Blocks and transactions from the chain, whole and altered.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::{Block, Witness};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::transaction::Decoded;
use super::{decode_block, decode_block_with, encode_raw_block, encode_raw_transaction};
use crate::{ChainMessage, Limits, PoolList, hex, parse_chain};

/// Block 0.
const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c\
    3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c01010000000100000000000000000000000000000000000000\
    00000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72\
    206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe\
    5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d\
    5fac00000000";

/// Block 170: the first payment, 10 BTC to Hal Finney and 40 BTC of change.
const FIRST_PAYMENT: &str = "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab9\
    3e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e7002010000000100000000000000000000000000000000\
    00000000000000000000000000000000ffffffff0704ffff001d0102ffffffff0100f2052a01000000434104d46c4968bde02899d2aa0963367c\
    7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7b302140434bd725706957c092db53805b821a85b23a7ac61725bac00000000010000\
    0001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932b8af514961a1d3a1a2\
    5fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff02\
    00ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7\
    303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6\
    909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

#[track_caller]
fn check_refused(block: &[u8], expected: &Expect) {
    expected.assert_eq(&decode_block(block).unwrap_err().to_string());
}

#[test]
fn the_genesis_block() {
    let bytes = bytes(GENESIS);
    let block = decode_block(&bytes).unwrap();
    assert_eq!(
        block.hash().to_string(),
        "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    );
    assert_eq!(block.payout_addresses(), ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]);
    assert_eq!(
        (block.tx_count(), block.outputs().to_sat(), block.largest()),
        (1, 0, None)
    );
    assert_eq!(
        (block.height(), block.fees(), block.reward().btc_string()),
        (None, None, "50.00000000".into())
    );
    let miner = block.miner(&PoolList::builtin());
    assert!(
        miner
            .tag
            .unwrap()
            .contains("The Times 03/Jan/2009 Chancellor on brink")
    );
}

#[test]
fn the_first_payment() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    assert_eq!(block.tx_count(), 2);
    assert_eq!(block.outputs().btc_string(), "50.00000000");
    let largest = block.largest().unwrap();
    assert_eq!(
        largest.txid.to_string(),
        "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
    );
    // A bare public key's input reveals its signature only, so that the change is not recognised.
    assert_eq!(block.transactions()[0].adjusted(), block.outputs());
}

#[test]
fn altered_blocks() {
    let whole = bytes(FIRST_PAYMENT);
    let altered = |at: usize| {
        let mut block = whole.clone();
        block[at] ^= 1;
        block
    };
    check_refused(
        &altered(10),
        &expect![
            "byte 0: no proof of work: the header is altered or of another network, fetch the block again"
        ],
    );
    check_refused(
        &altered(whole.len() - 1),
        &expect!["message: merkle root mismatch: a transaction is altered, fetch the block again"],
    );
    check_refused(
        &altered(150),
        &expect!["message: merkle root mismatch: a transaction is altered, fetch the block again"],
    );
    check_refused(
        &altered(80),
        &expect!["byte 490: IO error: fetch it again from another node"],
    );
    check_refused(
        b"",
        &expect!["byte 0: header: IO error: fetch it again from another node"],
    );
    check_refused(
        &whole[..79],
        &expect!["byte 0: header: IO error: fetch it again from another node"],
    );
    check_refused(
        &whole[..80],
        &expect!["byte 80: IO error: fetch it again from another node"],
    );
    check_refused(
        &whole[..300],
        &expect!["byte 215: IO error: fetch it again from another node"],
    );
    check_refused(
        &[&whole[..], b"\0"].concat(),
        &expect!["byte 490: 1 bytes follow the end: fetch it again from another node"],
    );
    check_refused(
        &[&whole[..80], b"\0"].concat(),
        &expect!["message: no transaction: fetch the block again"],
    );
    check_refused(
        &[&whole[..80], &[0xff; 9]].concat(),
        &expect!["byte 89: IO error: fetch it again from another node"],
    );
    check_refused(
        &[&whole[..80], b"\xfd\x01\0"].concat(),
        &expect!["byte 80: non-minimal varint: fetch it again from another node"],
    );
    let limits = Limits {
        block_bytes_max: 100,
        ..Limits::DEFAULT
    };
    expect!["message: 490 bytes, at most 100 are read: raise the limit if the feed really sends that much"]
        .assert_eq(&decode_block_with(&whole, &limits).unwrap_err().to_string());
}

#[test]
fn an_easy_target_is_no_proof_of_work() {
    let mut block = bytes(FIRST_PAYMENT);
    block[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes()); // regtest's
    check_refused(
        &block,
        &expect![
            "byte 0: no proof of work: the header is altered or of another network, fetch the block again"
        ],
    );
}

#[test]
fn the_coinbase_is_first_and_only() {
    let mut block: Block = deserialize(&bytes(FIRST_PAYMENT)).unwrap();
    block.txdata.swap(0, 1);
    check_refused(
        &serialize(&block),
        &expect![
            "message: the coinbase must be the first transaction and the only one: fetch the block again"
        ],
    );
    block.txdata[0] = block.txdata[1].clone();
    check_refused(
        &serialize(&block),
        &expect![
            "message: the coinbase must be the first transaction and the only one: fetch the block again"
        ],
    );
}

/// A witness is outside the txid, hence outside the merkle root: without the commitment anyone could add one.
#[test]
fn an_added_witness_is_refused() {
    let mut block: Block = deserialize(&bytes(FIRST_PAYMENT)).unwrap();
    block.txdata[1].input[0].witness = Witness::from_slice(&[[1_u8; 4]]);
    check_refused(
        &serialize(&block),
        &expect!["message: witness commitment mismatch: a witness is altered, fetch the block again"],
    );
    block.txdata[1].input[0].witness = Witness::new();
    block.txdata[0].input[0].witness = Witness::from_slice(&[[0_u8; 32]]);
    check_refused(
        &serialize(&block),
        &expect!["message: witness commitment mismatch: a witness is altered, fetch the block again"],
    );
}

/// Transactions of the chain that return something to their own input, one for each kind of address.
#[test]
fn change_is_recognised() {
    let check = |kind: &str, transaction: &str, outputs: u64, adjusted: u64| {
        let bytes = bytes(transaction);
        let mut rest = &bytes[..];
        let sums = Decoded::take(&mut rest, 0).unwrap().sums().unwrap();
        assert!(rest.is_empty(), "{kind}");
        assert_eq!(
            (sums.outputs().to_sat(), sums.adjusted().to_sat()),
            (outputs, adjusted),
            "{kind}"
        );
    };
    check(
        "p2pkh",
        "01000000012bd2a155ff547332dc2a2a68dc3af6d19fec71cd16b9b051f921e587848174d2000000006a47304402200a\
         2d74650a66ad11e84a6ba56441e97d505ee8ba5e9fd56ecd7d12ce24138b2202201a5fc5c069340a0d570f44c7aca703\
         e419a8166d454ac07c9fdae4e8a07b809a0121029e327a887d04cf47cb5c3c0a98752bc14b91a868b0a7d7354ac2028e\
         cae6cbd3ffffffff01a832d504000000001976a9147af1bab2645028cd20a491b7929dec96f94d5efc88ac00000000",
        81_081_000,
        0,
    );
    check(
        "p2sh",
        "010000000155d0aa78e3b51b5d65b15445bffc1623b7dde2d326ba61ecaae9c80d7067ef93010000006f004730440220\
         188e5fcb41a6729f90bb639ff05fda66077b4616ddfb9b19dbfed4943fd07d0c02207b53cb42db25d2479ec6845e3068\
         049f6b21af9a0ff091218cfcbc77f7c18f0f01255121030ec111fb923515ba4747f3c7005b4398e81d816a66ba50306a\
         acac2f405ac72651aeffffffff02d42f06000000000017a9144ec119d52b23b3e84549adc1cdd01065b4ae87198738b7\
         7f160000000017a9146c98c19a033bdbd421a9c7d24ad5e0e3a3318ec18700000000",
        377_874_188,
        405_460,
    );
    check(
        "p2sh-p2wpkh",
        "010000000001015da05cc97078d3cc1955adea3c810d05692a6f3b34fa2b4fd9a349817bc6ae5e010000001716001404\
         03d6d245e28f05fff7ca5b8eca080eeda67445feffffff02a0f019000000000017a914a2f8eacc57a1d17838322bb3a2\
         cb90665f50bfb187848799000000000017a914f5abdad28a9dec32e17a81ce9e1a30876a26d75f870247304402205e62\
         3083959527e0606e755f8c6fcdc0cbe3b453909e47f9a1f63361a46a2c9b022001c68b1b910aefb7e2d7152170e187fd\
         bfa549115e3b8b4599557a9ba270eedd012102850cd13db6c137daebe6e00c3d087f566ad64dc238a489884fa6f6d5b7\
         3941edbbd90700",
        11_761_700,
        1_700_000,
    );
    check(
        "p2sh-p2wsh",
        "01000000000101a84f7ad9fdd3cd89d15c97b4e3da6d324ada66c6ca8df444da3c3197debc6a27000000002322002039\
         6e410c1f0faa6cf44962c0624cd22732a29701c600c1d906e0db9f939fa239ffffffff0269e33e2f0000000017a91482\
         e7e273ec4e0dff2590e50d5fec2ebc665cd1f78740420f000000000017a914f33ae83efc5dd930b387b7bd7df6c83228\
         2fd6b28703473044022042271a5a923ccc52223df075ce633649ed7cda385757cc105f4abe78e8f0b5140220380afd3e\
         3f068331f63adf74f912e997a3b955967002057ac4f66493636c103a012102d941dfddbc2339802d015e0777dc30cd41\
         6ff591acd587c3e34824c6583b4dac1976a914d1cd43434d93559101682b017ed06e55a1c7119e88ac00000000",
        793_650_601,
        1_000_000,
    );
    check(
        "p2wpkh",
        "02000000000101620ce4b480caf6b9d8f8fb0f9292cbd072915fe84ff54d78b3dd50fc52ed02a94600000000ffffffff\
         01b255020000000000160014b86bdfe8c0432b3ab84615831931fdc3295442e002473044022076e233f1a5038a61028a\
         79f7ad617227dbca4a4af45b448681fa802a5fabaede022025cd8d1cabddfed73586a12c7fbed1b369526477c8c5e436\
         90e8cb9cba68bceb0121034591391170727731c14b9d83ea01bb4f2cb33387c5c8889940d03044247b685e00000000",
        153_010,
        0,
    );
    check(
        "p2wsh",
        "01000000000101bb2a9ff17af9fb88888652927cef14944bdd551d1d734ddb3da1cb0a2dfedfec0100000000ffffffff\
         025a180b00000000001976a914dd8096f14dc6b1aeb0f2e97b9e746894ab48370588ac8b9c1b0100000000220020192b\
         c81975d3cc2e730f0912e10f48562ca2f0fb5087c868978813f85b91662a0400473044022041c0acce855b19365760cd\
         d0a1e61304dac48acc00df8be25eca1c163549898302200365e4647d4af6301b86e5db33f1432a36685cab892e6420cd\
         9a29bbf79255f00147304402205070512043f5588c6a007885db78024c7f548951e49c6f1e9c27e2bc216bb094022002\
         9111af466980620a6afb3675091423d5200ea77daff85af4616db15463e38301475221034e575ca6d94cf162cdf7aa18\
         ed9fcf5a4b996e9dd26d6a40fb813ce28bb36a362102ac8ae5f4d44a0b807762d02ee218bbf70c623622e17438fa0e0f\
         5b5ee8b1a10e52ae00000000",
        19_313_893,
        727_130,
    );
}

fn parse(source: &str, message: &str) -> Result<ChainMessage, crate::ParseError> {
    parse_chain(source, message.as_bytes(), 0, &PoolList::builtin())
}

#[test]
fn messages_round_trip() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    let message = String::from_utf8(encode_raw_block(&block, Some(170))).unwrap();
    let ChainMessage::Blocks(records) = parse("raw-block", &message).unwrap() else {
        panic!("{message}")
    };
    let expected = crate::BlockRecord {
        height: Some(170),
        fees: Some(crate::Satoshi::ZERO),
        ..block.record(&PoolList::builtin())
    };
    assert_eq!(records, [expected]);

    let transaction = &block.transactions()[0];
    let message = String::from_utf8(encode_raw_transaction(transaction, block.time())).unwrap();
    let ChainMessage::Transaction(record) = parse("raw-transaction", &message).unwrap() else {
        panic!("{message}")
    };
    assert_eq!((record.txid, record.time), (transaction.txid(), block.time()));
    assert_eq!(
        (record.outputs, record.adjusted),
        (transaction.outputs(), transaction.adjusted())
    );
}

#[test]
fn contradicting_messages() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    let message = String::from_utf8(encode_raw_block(&block, None)).unwrap();
    let check_block = |from: &str, to: &str, expected: &Expect| {
        let altered = message.replacen(from, to, 1);
        assert_ne!(altered, message);
        expected.assert_eq(&parse("raw-block", &altered).unwrap_err().to_string());
    };
    check_block(
        "{\"hash\":\"0",
        "{\"hash\":\"1",
        &expect!["hash: not the hash of `header`: produce it again"],
    );
    check_block(
        "\"header\":\"01",
        "\"header\":\"02",
        &expect!["hash: not the hash of `header`: produce it again"],
    );
    check_block(
        "\"header\":\"01",
        "\"header\":\"",
        &expect!["header: 79 bytes instead of 80: fetch it again from another node"],
    );
    check_block(
        "\"header\":\"01",
        "\"header\":\"zz",
        &expect!["header: not hexadecimal: write two digits for every byte"],
    );
    check_block(
        "\"coinbase\":\"01",
        "\"coinbase\":\"",
        &expect!["coinbase: unsupported segwit version: 0: fetch it again from another node"],
    );
    check_block(
        "00000000\",\"n_tx\"",
        "0000000000\",\"n_tx\"",
        &expect!["coinbase: 1 bytes follow the end: fetch it again from another node"],
    );
    check_block(
        "\"n_tx\":2",
        "\"n_tx\":-2",
        &expect!["n_tx: invalid value: integer `-2`, expected u32: see the provider's documentation"],
    );
    check_block(
        "\"outputs_sat\":5",
        "\"outputs_sat\":0.5",
        &expect![
            "outputs_sat: invalid type: floating point `0.5`, expected u64: see the provider's documentation"
        ],
    );

    let message = encode_raw_transaction(&block.transactions()[0], block.time());
    let message = String::from_utf8(message).unwrap();
    let check_transaction = |from: &str, to: &str, expected: &Expect| {
        let altered = message.replacen(from, to, 1);
        assert_ne!(altered, message);
        expected.assert_eq(&parse("raw-transaction", &altered).unwrap_err().to_string());
    };
    check_transaction(
        "\"txid\":\"f4",
        "\"txid\":\"f5",
        &expect!["txid: not the id of the transaction in `hex`: produce it again"],
    );
    check_transaction(
        "\"hex\":\"01",
        "\"hex\":\"0",
        &expect!["hex: not hexadecimal: write two digits for every byte"],
    );
    check_transaction(
        "\"time\":12",
        "\"time\":-12",
        &expect![
            "time: invalid type: integer `-1231731025`, expected Unix seconds from 1231006505 to 4294967295: see the provider's documentation"
        ],
    );
    check_transaction(
        "00286bee00000000",
        "ffffffffffffffff",
        &expect!["txid: not the id of the transaction in `hex`: produce it again"],
    );
    let coinbase = encode_raw_transaction(block.coinbase(), block.time());
    let coinbase = parse("raw-transaction", &String::from_utf8(coinbase).unwrap());
    expect!["hex: a coinbase moves no money: send it in the block's message"]
        .assert_eq(&coinbase.unwrap_err().to_string());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(decode_block(&bytes).is_err());
    }

    /// Behind a valid header anything may follow.
    #[test]
    fn arbitrary_transactions_never_panic(rest: Vec<u8>) {
        let block = [&bytes(GENESIS)[..80], &rest].concat();
        prop_assert!(decode_block(&block).is_err());
    }

    #[test]
    fn no_altered_block_is_believed(at in 0_usize..490, bit in 0_u8..8, cut in 0_usize..490) {
        let mut block = bytes(FIRST_PAYMENT);
        block[at] ^= 1 << bit;
        prop_assert!(decode_block(&block).is_err());
        prop_assert!(decode_block(&block[..cut]).is_err());
    }
}
