//! Which partition a key belongs to.

/// The partition of a key: `murmur2(key)` without its sign, modulo the number of partitions.
///
/// Kafka's own clients place keys in this way, so a message keeps its partition number when a dashboard moves
/// between the embedded log and Kafka, and messages of one key keep their order whoever produces them.
///
/// ```
/// assert_eq!(trombe_connectors::partition_of(b"foobar", 9), 0);
/// ```
///
/// # Panics
///
/// When `partitions` is 0: no topic is without partitions.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// Austin Appleby's `MurmurHash2` with the seed that Kafka chose.
fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;

    let (words, tail) = key.as_chunks::<4>();
    // Kafka's lengths are 32 bits wide, and so is this one.
    #[expect(clippy::cast_possible_truncation, reason = "the hash is defined on the length modulo 2^32")]
    let mut hash = SEED ^ key.len() as u32;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        k ^= k >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of Kafka's Java client.
    #[test]
    fn the_hash_is_kafkas() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
