//! Mining pools and their real shares: mempool.space's count of one week's blocks.

use crate::random::Random;

/// A pool as the sample needs it.
#[derive(Debug)]
pub(super) struct Pool {
    /// mempool.space's number.
    pub(super) id: u32,
    pub(super) name: &'static str,
    pub(super) slug: &'static str,
    /// What it writes into its coinbase.
    pub(super) tag: &'static str,
    /// Blocks in that week, out of [`BLOCKS`].
    blocks: u64,
}

/// All blocks of that week.
const BLOCKS: u64 = 1_024;

const fn pool(id: u32, name: &'static str, slug: &'static str, tag: &'static str, blocks: u64) -> Pool {
    Pool { id, name, slug, tag, blocks }
}

const POOLS: [Pool; 21] = [
    pool(111, "Foundry USA", "foundryusa", "Foundry USA Pool", 323),
    pool(44, "AntPool", "antpool", "Mined by AntPool", 171),
    pool(73, "ViaBTC", "viabtc", "/ViaBTC/", 166),
    pool(36, "F2Pool", "f2pool", "F2Pool", 104),
    pool(115, "MARA Pool", "marapool", "MARA Pool", 66),
    pool(102, "SpiderPool", "spiderpool", "SpiderPool", 46),
    pool(141, "SECPOOL", "secpool", "SecPool", 30),
    pool(105, "Binance Pool", "binancepool", "/Binance/", 28),
    pool(4, "Luxor", "luxor", "/LUXOR/", 28),
    pool(142, "OCEAN", "ocean", "OCEAN.XYZ", 12),
    pool(43, "Braiins Pool", "braiinspool", "/slush/", 12),
    pool(112, "SBI Crypto", "sbicrypto", "/SBICrypto.com Pool/", 8),
    pool(151, "Carbon Negative", "carbonnegative", "", 7),
    pool(6, "BTC.com", "btccom", "/BTC.COM/", 5),
    pool(161, "Mining Squared", "miningsquared", "/bsquared/", 4),
    pool(94, "Poolin", "poolin", "/poolin.com", 4),
    pool(0, "Unknown", "unknown", "", 4),
    pool(143, "WhitePool", "whitepool", "WhitePool", 3),
    pool(2, "ULTIMUSPOOL", "ultimuspool", "/ultimus/", 1),
    pool(49, "Solo CK", "solock", "/solo.ckpool.org/", 1),
    pool(157, "BitFuFuPool", "bitfufupool", "/BitFuFu/", 1),
];

/// Draws a pool by its share.
pub(super) fn draw(random: &mut Random) -> &'static Pool {
    let mut ticket = random.below(BLOCKS);
    for pool in &POOLS {
        if ticket < pool.blocks {
            return pool;
        }
        ticket -= pool.blocks;
    }
    &POOLS[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_whole() {
        assert_eq!(POOLS.iter().map(|pool| pool.blocks).sum::<u64>(), BLOCKS);
    }
}
