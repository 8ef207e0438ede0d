//! What makes a raw transaction or block invalid.

use bitcoin::consensus::encode;

/// A raw transaction or block that breaks a rule. The sender altered it or lost a part: fetch it again
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFault {
    /// The bytes end before the transaction, or the block, does.
    #[error("cut short: fetch it again from another node")]
    CutShort,
    /// The bytes do not decode.
    #[error("{0}: fetch it again from another node")]
    Encoding(String),
    /// Bytes follow the end.
    #[error("{bytes} bytes follow the end: fetch it again from another node")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The header's hash is above its target, or the target above the network's.
    #[error("no proof of work: the header is altered or of another network, fetch the block again")]
    ProofOfWork,
    /// The header's merkle root is not that of the transactions.
    #[error("merkle root mismatch: a transaction is altered, fetch the block again")]
    MerkleRoot,
    /// The merkle tree repeats a pair, so that other transactions give the same root (CVE-2012-2459).
    #[error("repeated transactions under the same merkle root: fetch the block again")]
    RepeatedTransactions,
    /// The coinbase's commitment is not that of the witnesses (BIP 141).
    #[error("witness commitment mismatch: a witness is altered, fetch the block again")]
    WitnessCommitment,
    /// The block has no transaction.
    #[error("no transaction: fetch the block again")]
    Empty,
    /// The first transaction is no coinbase, or a further one is.
    #[error("the coinbase must be the first transaction and the only one: fetch the block again")]
    Coinbase,
}

impl From<encode::Error> for BlockFault {
    fn from(error: encode::Error) -> Self {
        match error {
            // Reading from memory fails only at its end.
            encode::Error::Io(_) => Self::CutShort,
            error => Self::Encoding(error.to_string()),
        }
    }
}
