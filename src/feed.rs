//! From the words of `--feed` to a feed, and the store that belongs to it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use btc_producers::{Feed, FeedKind};
use btc_records::PoolList;
use trombe_connectors::{EmbeddedConfig, EmbeddedStore};

/// The fact under which a store keeps the feed it was filled by.
const FEED_FACT: &str = "feed";

/// Understands `--feed NAME [PATH...]`.
pub(crate) fn parse(words: &[String]) -> anyhow::Result<Feed> {
    let (name, arguments) =
        words.split_first().context("--feed wants sample, live, recording PATH... or blocks PATH...")?;
    let paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    let feed = match name.as_str() {
        "sample" => Feed::Sample,
        "live" => Feed::Live,
        "recording" => Feed::Recording(paths.clone()),
        "blocks" => Feed::Blocks(paths.clone()),
        other => {
            bail!("--feed {other}: no such feed; give sample, live, recording PATH... or blocks PATH...")
        }
    };
    match feed {
        Feed::Sample | Feed::Live => {
            ensure!(paths.is_empty(), "--feed {name} takes no path; leave {} out", arguments.join(" "));
        }
        Feed::Recording(_) | Feed::Blocks(_) => {
            ensure!(!paths.is_empty(), "--feed {name} wants at least one PATH, a file or a folder of files");
        }
    }
    if let Some(absent) = paths.iter().find(|path| !path.exists()) {
        bail!("--feed {name}: there is no file or folder {}; mend the path", absent.display());
    }
    Ok(feed)
}

/// The file of `--store`, or the one that belongs to the feed by default.
pub(crate) fn store_file(named: Option<&Path>, kind: FeedKind, purpose: &str) -> PathBuf {
    named.map_or_else(|| PathBuf::from(format!("bitcoin-dashboard-{kind}{purpose}.db")), Path::to_owned)
}

/// Opens (or makes) the store, and refuses one that another kind of feed has filled: sample and real money must
/// never be added up.
pub(crate) fn open_store(
    file: &Path,
    kind: FeedKind,
    config: &EmbeddedConfig,
) -> anyhow::Result<EmbeddedStore> {
    let store = EmbeddedStore::open(file, config.clone())?;
    let kind = kind.to_string();
    match store.meta_get(FEED_FACT)? {
        None => store.meta_set(FEED_FACT, &kind)?,
        Some(filled) => ensure!(
            filled == kind,
            "the store {} was filled by the {filled} feed, not {kind}; name another file with --store",
            file.display()
        ),
    }
    Ok(store)
}

/// The pools of `--pools`, or the built-in ones.
pub(crate) fn pools(file: Option<&Path>) -> anyhow::Result<PoolList> {
    let Some(file) = file else {
        return Ok(PoolList::builtin());
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read --pools {}", file.display()))?;
    PoolList::from_mempool_v2(&bytes).with_context(|| format!("--pools {}", file.display()))
}

/// Refuses files that are not there before anything is started.
pub(crate) fn expect_files(files: &[PathBuf], option: &str) -> anyhow::Result<()> {
    match files.iter().find(|file| !file.is_file()) {
        Some(absent) => bail!("{option}: there is no file {}; mend the path", absent.display()),
        None => Ok(()),
    }
}
