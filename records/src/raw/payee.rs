//! Whom an output pays, and whom an input pays from, without asking the chain.
//!
//! An input does not name its address, but what it reveals to spend the coin often does: the public key or
//! the script whose hash is the address. That covers P2PKH, P2SH (multisig, nested P2WPKH and P2WSH among
//! them), P2WPKH and P2WSH. It does not cover bare P2PK and multisig, whose inputs reveal signatures only,
//! nor P2TR, whose output key is not derivable from a key path at all and from a script path only by curve
//! arithmetic.
//!
//! A wrong guess does no harm: an output counts as change only if it pays to the hash of what the input
//! reveals.

use bitcoin::hashes::{Hash, hash160, sha256};
use bitcoin::script::{Instruction, Script};
use bitcoin::{Address, Network, TxIn, Witness};

/// An address, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Payee {
    /// P2PKH, by the hash of the key.
    Key([u8; 20]),
    /// P2SH, by the hash of the script.
    Script([u8; 20]),
    /// P2WPKH, by the hash of the key.
    WitnessKey([u8; 20]),
    /// P2WSH, by the hash of the script.
    WitnessScript([u8; 32]),
}

impl Payee {
    /// Whom an output pays, if an input could reveal it. A bare public key counts as its hash, as explorers
    /// show it.
    pub(super) fn of_output(script: &Script) -> Option<Self> {
        match *script.as_bytes() {
            [0x76, 0xa9, 20, ref hash @ .., 0x88, 0xac] => array(hash).map(Self::Key),
            [0xa9, 20, ref hash @ .., 0x87] => array(hash).map(Self::Script),
            [0x00, 20, ref hash @ ..] => array(hash).map(Self::WitnessKey),
            [0x00, 32, ref hash @ ..] => array(hash).map(Self::WitnessScript),
            _ => public_key(script).map(|key| Self::Key(hash160(key))),
        }
    }

    /// Adds to `payees` whom `input` may pay from.
    pub(super) fn of_input(input: &TxIn, payees: &mut Vec<Self>) {
        let script = input.script_sig.as_script();
        if script.is_empty() {
            payees.extend(Self::of_witness(&input.witness));
        } else if let Some(revealed) = last_push(script) {
            let hash = hash160(revealed);
            if is_key(revealed) {
                payees.push(Self::Key(hash));
            }
            payees.push(Self::Script(hash));
        }
    }

    fn of_witness(witness: &Witness) -> Option<Self> {
        let revealed = witness.last()?;
        match (witness.len(), revealed) {
            (2, [2 | 3, ..]) if revealed.len() == 33 => Some(Self::WitnessKey(hash160(revealed))),
            (1, _) if matches!(revealed.len(), 64 | 65) => None, // a key path's signature (BIP 341)
            (_, [0x50 | 0xc0.., ..]) => None,                    // an annex, or a script path's control block
            _ => Some(Self::WitnessScript(sha256::Hash::hash(revealed).to_byte_array())),
        }
    }
}

/// The address that an output pays to, as explorers print it: a bare public key's is that of its hash.
pub(super) fn address(script: &Script) -> Option<String> {
    let address = match public_key(script) {
        Some(key) => {
            let hash = bitcoin::PubkeyHash::from_byte_array(hash160(key));
            Address::p2pkh(hash, Network::Bitcoin)
        }
        None => Address::from_script(script, Network::Bitcoin).ok()?,
    };
    Some(address.to_string())
}

/// The key of a bare public key output.
fn public_key(script: &Script) -> Option<&[u8]> {
    match script.as_bytes() {
        [33, key @ .., 0xac] if key.len() == 33 && is_key(key) => Some(key),
        [65, key @ .., 0xac] if key.len() == 65 && is_key(key) => Some(key),
        _ => None,
    }
}

fn is_key(bytes: &[u8]) -> bool {
    matches!((bytes.len(), bytes.first()), (33, Some(2 | 3)) | (65, Some(4 | 6 | 7)))
}

fn last_push(script: &Script) -> Option<&[u8]> {
    match script.instructions().last()?.ok()? {
        Instruction::PushBytes(bytes) if !bytes.is_empty() => Some(bytes.as_bytes()),
        _ => None,
    }
}

fn hash160(bytes: &[u8]) -> [u8; 20] {
    hash160::Hash::hash(bytes).to_byte_array()
}

fn array<const LENGTH: usize>(hash: &[u8]) -> Option<[u8; LENGTH]> {
    hash.try_into().ok()
}
