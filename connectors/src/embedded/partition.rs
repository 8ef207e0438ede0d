//! A partition's bookkeeping: which offsets it holds, and the segments in which retention deletes them.

use rusqlite::Connection;

use super::config::EmbeddedConfig;

/// Partition ids are below this, so that the place after the last message of the last one fits into 64 bits too.
pub(super) const IDS_MAX: i64 = (1 << 23) - 1;
const OFFSET_BITS: u32 = 40;
/// Offsets are below this.
pub(super) const OFFSETS_MAX: i64 = 1 << OFFSET_BITS;
/// A partition that is limited in bytes has about this many segments, hence exceeds its limit by this part at most.
const SEGMENTS_OF_LIMIT: u64 = 8;

/// A message's place in the table `batches`. The offset is below [`OFFSETS_MAX`].
pub(super) fn place(partition_id: i64, offset: i64) -> i64 {
    (partition_id << OFFSET_BITS) + offset
}

/// The offset within its partition of the message at a place.
pub(super) fn offset_of(place: i64) -> i64 {
    place & (OFFSETS_MAX - 1)
}

/// A row of the table `partitions`.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) id: i64,
    pub(super) start_offset: i64,
    pub(super) end_offset: i64,
    pub(super) bytes: i64,
    pub(super) segment_offset: i64,
    pub(super) segment_bytes: i64,
    pub(super) appended_ms: i64,
}

impl Partition {
    pub(super) fn load(connection: &Connection, id: i64) -> rusqlite::Result<Self> {
        connection
            .prepare_cached(
                "SELECT start_offset, end_offset, bytes, segment_offset, segment_bytes, appended_ms
                 FROM partitions WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok(Self {
                    id,
                    start_offset: row.get(0)?,
                    end_offset: row.get(1)?,
                    bytes: row.get(2)?,
                    segment_offset: row.get(3)?,
                    segment_bytes: row.get(4)?,
                    appended_ms: row.get(5)?,
                })
            })
    }

    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE partitions SET start_offset = ?2, end_offset = ?3, bytes = ?4, segment_offset = ?5,
                 segment_bytes = ?6, appended_ms = ?7 WHERE id = ?1",
            )?
            .execute((
                self.id,
                self.start_offset,
                self.end_offset,
                self.bytes,
                self.segment_offset,
                self.segment_bytes,
                self.appended_ms,
            ))?;
        Ok(())
    }

    /// Counts one message more and gives the place where it belongs.
    pub(super) fn push(&mut self, bytes: i64, now_ms: i64) -> i64 {
        let place = place(self.id, self.end_offset);
        self.end_offset += 1;
        self.bytes += bytes;
        self.segment_bytes += bytes;
        self.appended_ms = now_ms;
        place
    }

    /// Closes the open segment if it is full, and tells whether it was. This comes before a message is added and not after, so that the newest
    /// one is always in the open segment.
    pub(super) fn roll(
        &mut self,
        connection: &Connection,
        config: &EmbeddedConfig,
    ) -> rusqlite::Result<bool> {
        let bytes_max = config.partition_bytes_max.unwrap_or(u64::MAX) / SEGMENTS_OF_LIMIT;
        let is_full = self.end_offset - self.segment_offset >= i64::from(config.segment_count_max.max(1))
            || self.segment_bytes.cast_unsigned() >= bytes_max.max(1);
        if !is_full {
            return Ok(false);
        }
        connection
            .prepare_cached(
                "INSERT INTO segments (partition_id, start_offset, end_offset, bytes, appended_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((self.id, self.segment_offset, self.end_offset, self.segment_bytes, self.appended_ms))?;
        self.segment_offset = self.end_offset;
        self.segment_bytes = 0;
        Ok(true)
    }

    /// Lets segments that were closed at a time still to come count from now: the clock has been put back since, and
    /// retention would wait for that time with all that follows them.
    pub(super) fn heed_clock(&mut self, connection: &Connection, now_ms: i64) -> rusqlite::Result<()> {
        if now_ms < self.appended_ms {
            connection
                .prepare_cached(
                    "UPDATE segments SET appended_ms = ?2 WHERE partition_id = ?1 AND appended_ms > ?2",
                )?
                .execute((self.id, now_ms))?;
            self.appended_ms = now_ms;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_different_partitions_never_meet() {
        for id in [0, 1, IDS_MAX - 1] {
            let last = place(id, OFFSETS_MAX - 1);
            assert_eq!(offset_of(last), OFFSETS_MAX - 1);
            assert_eq!(last.checked_add(1), Some(place(id + 1, 0)), "{id}");
        }
    }
}
