//! The rules that a block can be held to without its ancestors.

use bitcoin::Transaction;
use bitcoin::block::Header;
use bitcoin::hashes::{Hash, HashEngine, sha256d};
use bitcoin::pow::Target;

use super::BlockFault;

/// From this height on a block with witnesses commits to them
/// ([BIP 141](https://github.com/bitcoin/bips/blob/master/bip-0141.mediawiki), activated at 481,824).
const SEGWIT_HEIGHT: u32 = 481_824;
/// The output script of a witness commitment starts with these: `OP_RETURN`, 36 bytes, magic.
const COMMITMENT_PREFIX: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The header's hash meets its target, and the target mainnet's limit.
pub(super) fn proof_of_work(header: &Header) -> Result<(), BlockFault> {
    let target = header.target();
    if target > Target::MAX_ATTAINABLE_MAINNET || header.validate_pow(target).is_err() {
        return Err(BlockFault::ProofOfWork);
    }
    Ok(())
}

/// The root of the merkle tree over `leaves`, unless two equal hashes meet in it.
///
/// An odd level pairs its last hash with itself, so that a list whose tail is repeated has the same root as
/// the list itself. Accepting it would let anyone spoil a valid block (CVE-2012-2459).
pub(super) fn merkle_root(mut leaves: Vec<[u8; 32]>) -> Result<[u8; 32], BlockFault> {
    while leaves.len() > 1 {
        let (pairs, rest) = leaves.as_chunks::<2>();
        if pairs.iter().any(|[left, right]| left == right) {
            return Err(BlockFault::RepeatedTransactions);
        }
        let mut above: Vec<_> = pairs.iter().map(|[left, right]| hash_pair(left, right)).collect();
        above.extend(rest.iter().map(|last| hash_pair(last, last)));
        leaves = above;
    }
    leaves.pop().ok_or(BlockFault::Empty)
}

/// The coinbase's commitment is that of the witnesses. `wtxids` holds those of all transactions but the
/// coinbase.
///
/// Before segregated witness, miners were free to write anything into an output of that form; there a block
/// without the coinbase's witness is believed.
pub(super) fn witness_commitment(
    coinbase: &Transaction,
    wtxids: impl Iterator<Item = [u8; 32]>,
    any_witness: bool,
    height: Option<u32>,
) -> Result<(), BlockFault> {
    let scripts = coinbase.output.iter().rev().map(|output| output.script_pubkey.as_bytes());
    let commitment =
        scripts.filter_map(|script| script.strip_prefix(&COMMITMENT_PREFIX)).find_map(<[u8]>::first_chunk);
    let witness = coinbase.input.first().map(|input| input.witness.to_vec());
    let reserved = match witness.as_deref() {
        None | Some([]) => None,
        Some([reserved]) if reserved.len() == 32 => Some(reserved),
        _ => return Err(BlockFault::WitnessCommitment),
    };
    match (commitment, reserved) {
        (None, None) if !any_witness => Ok(()),
        (Some(_), None) if !any_witness && height.is_none_or(|height| height < SEGWIT_HEIGHT) => Ok(()),
        (Some(commitment), Some(reserved)) => {
            // The coinbase cannot commit to itself: zeros stand for it.
            let root = merkle_root(std::iter::once([0; 32]).chain(wtxids).collect())?;
            if hash_pair(&root, reserved) == *commitment {
                Ok(())
            } else {
                Err(BlockFault::WitnessCommitment)
            }
        }
        _ => Err(BlockFault::WitnessCommitment),
    }
}

/// The height at the start of a coinbase script ([BIP
/// 34](https://github.com/bitcoin/bips/blob/master/bip-0034.mediawiki)), which blocks state from version 2
/// on.
///
/// It takes three bytes: version 2 came when the chain was longer than two could tell, and four will not be
/// needed before 2106, when the header's time ends. A push of another length is something else, such as the
/// target's four bytes that miners used to put there.
pub(super) fn stated_height(version: i32, script: &[u8]) -> Option<u32> {
    match *script {
        // The highest bit is the sign.
        [3, low, middle, high @ ..=0x7f, ..] if version >= 2 => {
            Some(u32::from_le_bytes([low, middle, high, 0]))
        }
        _ => None,
    }
}

fn hash_pair(left: &[u8], right: &[u8]) -> [u8; 32] {
    let mut engine = sha256d::Hash::engine();
    engine.input(left);
    engine.input(right);
    sha256d::Hash::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, ScriptBuf, TxIn, TxOut, Witness};

    use super::*;

    #[test]
    fn heights() {
        for (version, script, height) in [
            (2, "03fc7903062f", Some(227_836)),
            (0x2000_0000, "03eb8f0b2cfa", Some(757_739)),
            (2, "0401000001", None),
            (2, "04ffff001d0104", None),
            (2, "03ffff7f", Some(0x7f_ffff)),
            (2, "03000080", None),
            (1, "03fc7903062f", None),
            (2, "", None),
            (2, "03fc79", None),
            (2, "0500000000000000", None),
            (2, "0400000080", None),
            (-1, "03fc7903", None),
        ] {
            assert_eq!(stated_height(version, &crate::hex::decode(script).unwrap()), height, "{script}");
        }
    }

    #[test]
    fn a_repeated_tail_is_refused_though_its_root_is_the_same() {
        let leaves: Vec<[u8; 32]> = (1..=3).map(|leaf| [leaf; 32]).collect();
        let root = merkle_root(leaves.clone()).unwrap();
        let by_hand = hash_pair(&hash_pair(&[1; 32], &[2; 32]), &hash_pair(&[3; 32], &[3; 32]));
        assert_eq!(root, by_hand);
        let repeated = [leaves, vec![[3; 32]]].concat();
        assert_eq!(merkle_root(repeated), Err(BlockFault::RepeatedTransactions));
        // One level up: six leaves whose last pair is repeated.
        let pairs: Vec<[u8; 32]> = [1, 2, 3, 4, 5, 6, 5, 6].map(|leaf| [leaf; 32]).into();
        assert_eq!(merkle_root(pairs), Err(BlockFault::RepeatedTransactions));
        assert_eq!(merkle_root(vec![]), Err(BlockFault::Empty));
    }

    /// A coinbase with a witness and an output script for each of `scripts`.
    fn coinbase(witness: &[[u8; 32]], scripts: &[&[u8]]) -> Transaction {
        let input = TxIn { witness: Witness::from_slice(witness), ..TxIn::default() };
        let output = scripts.iter().map(|script| TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::from_bytes(script.to_vec()),
        });
        Transaction {
            version: Version::ONE,
            lock_time: LockTime::ZERO,
            input: vec![input],
            output: output.collect(),
        }
    }

    #[test]
    fn commitments() {
        let (wtxid, reserved) = ([1; 32], [0; 32]);
        let commitment = hash_pair(&hash_pair(&[0; 32], &wtxid), &reserved);
        let right = &[&COMMITMENT_PREFIX[..], &commitment, b"and more"].concat()[..];
        let wrong = &[&COMMITMENT_PREFIX[..], &[7; 32]].concat()[..];
        let refused = Err(BlockFault::WitnessCommitment);
        let check = |coinbase: Transaction, any_witness, height, expected: &Result<(), BlockFault>| {
            let outcome = witness_commitment(&coinbase, std::iter::once(wtxid), any_witness, height);
            assert_eq!(&outcome, expected, "{coinbase:?}");
        };
        let (before, after) = (Some(SEGWIT_HEIGHT - 1), Some(SEGWIT_HEIGHT));
        check(coinbase(&[reserved], &[&[], right, &[]]), true, after, &Ok(()));
        check(coinbase(&[reserved], &[wrong, right]), true, after, &Ok(())); // the last one counts
        check(coinbase(&[reserved], &[right, wrong]), true, after, &refused);
        check(coinbase(&[[9; 32]], &[right]), true, after, &refused);
        check(coinbase(&[[9; 32], reserved], &[right]), true, after, &refused);
        check(coinbase(&[], &[right]), true, after, &refused);
        check(coinbase(&[], &[right]), false, after, &refused);
        check(coinbase(&[], &[wrong]), false, before, &Ok(()));
        check(coinbase(&[], &[wrong]), false, None, &Ok(()));
        check(coinbase(&[reserved], &[&[]]), false, after, &refused);
        check(coinbase(&[], &[&right[..20]]), false, after, &Ok(()));
        check(coinbase(&[], &[]), true, before, &refused);
    }
}
