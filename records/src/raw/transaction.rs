//! One raw transaction.

use bitcoin::Transaction;
use bitcoin::consensus::Decodable;
use bitcoin::hashes::{Hash, sha256d};

use super::BlockFault;
use super::payee::Payee;
use crate::adjusted;
use crate::error::ParseError;
use crate::hash::Txid;
use crate::money::{MoneyError, Satoshi};

/// A decoded transaction, borrowing from the bytes it was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawTransaction<'a> {
    bytes: &'a [u8],
    txid: Txid,
    outputs: Satoshi,
    adjusted: Satoshi,
}

impl<'a> RawTransaction<'a> {
    /// Its serialisation, witnesses included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its id.
    pub fn txid(&self) -> Txid {
        self.txid
    }

    /// The sum of its outputs.
    pub fn outputs(&self) -> Satoshi {
        self.outputs
    }

    /// The sum of the outputs that do not return to an address that the inputs reveal: the public key of
    /// P2PKH and P2WPKH, the script of P2SH and P2WSH. What an input of another kind returns is not
    /// recognised as change.
    pub fn adjusted(&self) -> Satoshi {
        self.adjusted
    }
}

/// A transaction as the `bitcoin` crate decodes it, beside the bytes it came from.
pub(super) struct Decoded<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) transaction: Transaction,
    pub(super) txid: Txid,
    /// Equals the txid where there is no witness (BIP 141).
    pub(super) wtxid: [u8; 32],
}

impl<'a> Decoded<'a> {
    /// Takes one transaction from the front of `rest`, which stands at `offset` in the message.
    pub(super) fn take(rest: &mut &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let start = *rest;
        let transaction = Transaction::consensus_decode_from_finite_reader(rest)
            .map_err(|error| ParseError::byte(offset, BlockFault::from(error)))?;
        let bytes = &start[..start.len() - rest.len()];
        let wtxid = sha256d::Hash::hash(bytes).to_byte_array();
        let segwit = transaction.input.iter().any(|input| !input.witness.is_empty());
        let txid = if segwit { transaction.compute_txid().to_byte_array() } else { wtxid };
        Ok(Self { bytes, transaction, txid: Txid::from_bytes(txid), wtxid })
    }

    /// The sums of the outputs, none of which exceeds all bitcoin.
    pub(super) fn sums(&self) -> Result<RawTransaction<'a>, MoneyError> {
        let mut inputs = Vec::with_capacity(self.transaction.input.len());
        for input in &self.transaction.input {
            Payee::of_input(input, &mut inputs);
        }
        for output in &self.transaction.output {
            Satoshi::new(output.value.to_sat())?;
        }
        let outputs = self.transaction.output.iter();
        let outputs = outputs.map(|output| {
            (Satoshi::from_sum(output.value.to_sat()), Payee::of_output(&output.script_pubkey))
        });
        let (outputs, adjusted) = adjusted::sums(inputs, outputs)?;
        // `bad-txns-txouttotal-toolarge` of Bitcoin Core's `CheckTransaction`.
        Satoshi::new(outputs.to_sat())?;
        Ok(RawTransaction { bytes: self.bytes, txid: self.txid, outputs, adjusted })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::consensus::serialize;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Witness};

    use super::*;

    #[test]
    fn outputs_that_are_more_than_all_bitcoin_together_are_refused() {
        let (previous_output, sequence) = (OutPoint::new(bitcoin::Txid::all_zeros(), 0), Sequence::MAX);
        let input = TxIn { previous_output, script_sig: ScriptBuf::new(), sequence, witness: Witness::new() };
        for (last_sat, is_good) in [(0, true), (1, false)] {
            let paid = |sat| TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::new() };
            let output = vec![paid(Satoshi::MAX_MONEY.to_sat() - 5), paid(5), paid(last_sat)];
            let (version, lock_time) = (Version::ONE, LockTime::ZERO);
            let bytes = serialize(&Transaction { version, lock_time, input: vec![input.clone()], output });
            let decoded = Decoded::take(&mut bytes.as_slice(), 0).unwrap();
            assert_eq!(decoded.sums().is_ok(), is_good, "{last_sat}");
        }
    }
}
