//! Raw blocks: files of one block each, and bitcoind's `blk*.dat` files.
//!
//! Each transaction but the coinbase becomes a message at the block's time, then the block itself. One block is
//! in memory at a time. A block that does not verify becomes a dead letter, and the run goes on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use btc_records::blk::{BlkReader, XorKey};
use btc_records::{BlockHash, RawBlock, decode_block, encode_raw_block, encode_raw_transaction};

use super::files::{self, Counted};
use crate::error::ProduceError;
use crate::message::{Event, FeedKind, Topic};
use crate::progress::Progress;

/// A file of one block may be this long; consensus permits about half of it.
const BLOCK_BYTES_MAX: u64 = 8 << 20;

/// What each block of a `blk*.dat` file of the main network begins with.
const MAGIC: [u8; 4] = [0xf9, 0xbe, 0xb4, 0xd9];

/// The source of everything that concerns a block's bytes.
const RAW_BLOCK: &str = "raw-block";

/// The events of all blocks of the files, file by file.
#[derive(Debug)]
pub(super) struct BlockFiles {
    files: VecDeque<PathBuf>,
    open: Option<Framed>,
    made: vec::IntoIter<Event>,
    heights: Heights,
    progress: Arc<Progress>,
}

/// A `blk*.dat` file under way.
#[derive(Debug)]
struct Framed {
    name: String,
    blocks: BlkReader<BufReader<Counted>>,
}

impl BlockFiles {
    /// Finds the files; a file that cannot be read is found out when its turn comes.
    pub(super) fn open(paths: &[PathBuf], progress: &Arc<Progress>) -> Result<Self, ProduceError> {
        let files = files::list(paths, may_hold_blocks)?;
        progress.expect_work(files::total_bytes(&files)?);
        let made = Vec::new().into_iter();
        let heights = Heights::default();
        Ok(Self { files: files.into(), open: None, made, heights, progress: Arc::clone(progress) })
    }

    /// Makes the events of the next block; `false` after the last.
    fn make(&mut self) -> Result<bool, ProduceError> {
        if let Some(open) = &mut self.open {
            match open.blocks.next() {
                Some(Ok(block)) => {
                    let place = format!("{} byte {}", open.name, block.offset);
                    self.made = events(&block.bytes, None, &place, &mut self.heights).into_iter();
                }
                Some(Err(error)) => {
                    let reason = format!("{}: {error}", open.name);
                    let letter = Event::dead_letter(&reason, RAW_BLOCK, FeedKind::Blocks, 0, &[]);
                    self.made = vec![letter].into_iter();
                }
                None => self.open = None,
            }
            return Ok(true);
        }
        let Some(path) = self.files.pop_front() else {
            return Ok(false);
        };
        if is_framed(&path)? {
            let name = files::name(&path);
            let reader = BufReader::new(Counted::open(&path, &self.progress)?);
            self.open = Some(Framed { name, blocks: BlkReader::new(reader, xor_key(&path)) });
        } else {
            let mut bytes = Vec::new();
            let file = Counted::open(&path, &self.progress)?;
            file.take(BLOCK_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(|source| files::unreadable(&path, source))?;
            let name = files::name(&path);
            self.made = events(&bytes, height_in(&name), &name, &mut self.heights).into_iter();
        }
        Ok(true)
    }
}

impl Iterator for BlockFiles {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.made.next() {
                return Some(Ok(event));
            }
            match self.make() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A block's transactions, then the block; or one dead letter.
fn events(bytes: &[u8], named_height: Option<u32>, place: &str, heights: &mut Heights) -> Vec<Event> {
    let block = match decode_block(bytes) {
        Ok(block) => block,
        Err(error) => {
            let reason = format!("{place}: {error}");
            let time_ms = header_time_ms(bytes);
            return vec![Event::dead_letter(&reason, RAW_BLOCK, FeedKind::Blocks, time_ms, bytes)];
        }
    };
    let time = block.time();
    let time_ms = time.timestamp_millis();
    let event = |topic, source, key: String, value: Vec<u8>| {
        Event::new(topic, source, FeedKind::Blocks, key, value, time_ms)
    };
    let mut events = Vec::with_capacity(block.transactions().len() + 1);
    for transaction in block.transactions() {
        let value = encode_raw_transaction(transaction, time);
        events.push(event(Topic::Transactions, "raw-transaction", transaction.txid().to_string(), value));
    }
    let height = heights.of(&block, named_height);
    let value = encode_raw_block(&block, height);
    events.push(event(Topic::Blocks, RAW_BLOCK, block.hash().to_string(), value));
    events
}

/// Heights of blocks that do not state their own: the genesis block's is known, and so is that of a block
/// right after one whose height is known.
#[derive(Debug, Default)]
struct Heights {
    last: Option<(BlockHash, u32)>,
}

impl Heights {
    fn of(&mut self, block: &RawBlock<'_>, named: Option<u32>) -> Option<u32> {
        let previous = block.prev_hash();
        let followed = match self.last {
            Some((last, height)) if last == previous => Some(height + 1),
            _ if previous.as_bytes() == &[0; 32] => Some(0),
            _ => None,
        };
        let height = block.height().or(followed).or(named);
        self.last = height.map(|height| (block.hash(), height));
        height
    }
}

/// The height in a name such as `000170-00000000d1145790.raw`.
fn height_in(name: &str) -> Option<u32> {
    name.split_once('-')?.0.parse().ok()
}

/// The time in the header of a block that does not verify, in so far as it has one.
fn header_time_ms(bytes: &[u8]) -> i64 {
    let time = bytes.get(68..72).and_then(|time| time.try_into().ok()).map_or(0, u32::from_le_bytes);
    i64::from(time) * 1_000
}

/// Whether a file of a folder is read. What else lies in bitcoind's folder, and what plainly is text, is not.
fn may_hold_blocks(name: &str) -> bool {
    let is_text = ["json", "jsonl", "md", "txt", "csv"].contains(&extension(name));
    let is_bitcoinds_other = name == "xor.dat" || (name.starts_with("rev") && extension(name) == "dat");
    !is_text && !is_bitcoinds_other
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Whether a file is a series of framed blocks rather than one bare block.
fn is_framed(path: &Path) -> Result<bool, ProduceError> {
    let name = files::name(path);
    if name.starts_with("blk") && extension(&name) == "dat" {
        return Ok(true);
    }
    let unreadable = |source| files::unreadable(path, source);
    let mut start = Vec::new();
    File::open(path).map_err(unreadable)?.take(4).read_to_end(&mut start).map_err(unreadable)?;
    Ok(start == MAGIC)
}

/// The key beside a `blk*.dat` file, with which Bitcoin Core 28 and later obfuscates it.
fn xor_key(path: &Path) -> Option<XorKey> {
    let key = std::fs::read(path.with_file_name("xor.dat")).ok()?;
    XorKey::from_file(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_heights() {
        assert_eq!(height_in("057043-00000000152340ca.raw"), Some(57_043));
        assert_eq!(height_in("block.raw"), None);
        assert_eq!(height_in("blk-7.raw"), None);
    }

    #[test]
    fn a_folder_of_bitcoind_is_read_without_its_other_files() {
        assert!(may_hold_blocks("blk00000.dat") && may_hold_blocks("057043.raw") && may_hold_blocks("x"));
        assert!(
            !may_hold_blocks("rev00000.dat") && !may_hold_blocks("xor.dat") && !may_hold_blocks("a.json")
        );
    }
}
