//! Blocks and transactions from the chain, whole and altered.

mod change;
mod messages;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::{Block, Witness};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{decode_block, decode_block_with};
use crate::{Limits, PoolList, hex};

/// Block 0.
const GENESIS: &str = "\
    0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f61\
    7fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c010100000001000000000000000000000000000000000000\
    0000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f3230303920436861\
    6e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f205\
    2a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e5\
    1ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";

/// Block 170: the first payment, 10 BTC to Hal Finney and 40 BTC of change.
const FIRST_PAYMENT: &str = "\
    0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e\
    9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70020100000001000000000000000000000000000000000000\
    0000000000000000000000000000ffffffff0704ffff001d0102ffffffff0100f2052a01000000434104d46c4968bde02899d2aa\
    0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7b302140434bd725706957c092db53805b821a85b23a7ac61\
    725bac000000000100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd37040000000048473044\
    02204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d\
    831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b\
    2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000\
    000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160b\
    fa9b8b64f9d4c03f999b8643f656b412a3ac00000000";

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
    assert_eq!(block.hash().to_string(), "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    assert_eq!(block.payout_addresses(), ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]);
    assert_eq!((block.tx_count(), block.outputs().to_sat(), block.largest()), (1, 0, None));
    assert_eq!(
        (block.height(), block.fees(), block.reward().btc_string()),
        (None, None, "50.00000000".into())
    );
    let miner = block.miner(&PoolList::builtin());
    assert!(miner.tag.unwrap().contains("The Times 03/Jan/2009 Chancellor on brink"));
}

#[test]
fn the_first_payment() {
    let bytes = bytes(FIRST_PAYMENT);
    let block = decode_block(&bytes).unwrap();
    assert_eq!(block.tx_count(), 2);
    assert_eq!(block.outputs().btc_string(), "50.00000000");
    let largest = block.largest().unwrap();
    assert_eq!(largest.txid.to_string(), "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
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
    check_refused(&altered(80), &expect!["byte 490: cut short: fetch it again from another node"]);
    check_refused(b"", &expect!["byte 0: cut short: fetch it again from another node"]);
    check_refused(&whole[..79], &expect!["byte 0: cut short: fetch it again from another node"]);
    check_refused(&whole[..80], &expect!["byte 80: cut short: fetch it again from another node"]);
    check_refused(&whole[..300], &expect!["byte 215: cut short: fetch it again from another node"]);
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
        &expect!["byte 89: cut short: fetch it again from another node"],
    );
    check_refused(
        &[&whole[..80], b"\xfd\x01\0"].concat(),
        &expect!["byte 80: non-minimal varint: fetch it again from another node"],
    );
    let limits = Limits { block_bytes_max: 100, ..Limits::DEFAULT };
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
