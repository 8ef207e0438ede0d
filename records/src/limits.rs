//! Every limit on outside input, in one place.

/// What a parser reads before it refuses.
///
/// The defaults are several times what the network's rules or the providers' longest real messages need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Length of a price message, in bytes. The longest real one has about 1.4 kB.
    pub price_bytes_max: usize,
    /// Length of a chain message, in bytes. A REST block with all its transactions has some 10 MB.
    pub chain_bytes_max: usize,
    /// Levels of JSON nesting. The deepest real message has 7.
    pub json_depth_max: usize,
    /// Length of a raw block, in bytes. Consensus permits 4,000,000 weight units, hence as many bytes at most
    /// ([BIP 141](https://github.com/bitcoin/bips/blob/master/bip-0141.mediawiki)).
    pub block_bytes_max: usize,
    /// Length of a pool list, in bytes. The real one has 60 kB.
    pub pool_list_bytes_max: usize,
    /// Pools in a list.
    pub pools_max: usize,
    /// Tags, or addresses, of one pool.
    pub pool_facts_max: usize,
    /// Length of a coinbase tag, in bytes.
    pub tag_bytes_max: usize,
    /// A shorter tag would match by chance, in bytes.
    pub tag_bytes_min: usize,
}

impl Limits {
    /// Inputs, or outputs, of one transaction in a JSON message. Consensus permits some 110,000 of the
    /// smallest outputs.
    pub const TRANSACTION_PARTS_MAX: usize = 120_000;
    /// Length of a coinbase script, in bytes, by consensus; what a message adds to it is not looked at.
    pub const COINBASE_SCRIPT_BYTES_MAX: usize = 100;
    /// Blocks in one message. mempool.space sends 8 blocks, its REST pages 15.
    pub const BLOCKS_MAX: usize = 200;

    /// The defaults.
    pub const DEFAULT: Self = Self {
        price_bytes_max: 64 * 1024,
        chain_bytes_max: 32 * 1024 * 1024,
        json_depth_max: 64,
        block_bytes_max: 4_000_000,
        pool_list_bytes_max: 4 * 1024 * 1024,
        pools_max: 10_000,
        pool_facts_max: 1_000,
        tag_bytes_max: 200,
        tag_bytes_min: 3,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
