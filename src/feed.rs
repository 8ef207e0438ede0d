//! From the words of `--feed` to a feed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use btc_producers::{Feed, FeedKind, FeedOptions, Run, Speed};
use btc_records::PoolList;

use crate::cli::FeedArgs;
use crate::settings::Settings;

/// What `--feed` may be.
const FEEDS: &str = "sample, live, recording PATH..., blocks PATH... or archive URL";

/// Understands `--feed NAME [PATH...]`.
async fn parse(words: &[String]) -> anyhow::Result<Feed> {
    let (name, arguments) = words.split_first().with_context(|| format!("--feed wants {FEEDS}"))?;
    if name == "archive" {
        let [address] = arguments else {
            bail!("--feed archive wants one URL: a folder or s3://bucket/prefix")
        };
        return archive(address).await;
    }
    let paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    let feed = match name.as_str() {
        "sample" => Feed::Sample,
        "live" => Feed::Live,
        "recording" => Feed::Recording(paths.clone()),
        "blocks" => Feed::Blocks(paths.clone()),
        other => {
            bail!("--feed {other}: no such feed; give {FEEDS}")
        }
    };
    match feed {
        Feed::Sample | Feed::Live => {
            ensure!(paths.is_empty(), "--feed {name} takes no path; leave {} out", arguments.join(" "));
        }
        Feed::Recording(_) | Feed::Blocks(_) | Feed::Archive { .. } => {
            ensure!(!paths.is_empty(), "--feed {name} wants at least one PATH, a file or a folder of files");
        }
    }
    if let Some(absent) = paths.iter().find(|path| !path.exists()) {
        bail!("--feed {name}: there is no file or folder {}; mend the path", absent.display());
    }
    Ok(feed)
}

/// The archive at this address, labelled as the feed that it was written from.
#[cfg(feature = "archive")]
async fn archive(address: &str) -> anyhow::Result<Feed> {
    use trombe_connectors::archive::{Manifest, Place};
    let manifest = Manifest::read(&Place::at(address)?).await?;
    let manifest = manifest.with_context(|| format!("there is no archive at {address}; mend the URL"))?;
    let kind = FeedKind::from_name(&manifest.origin.feed).with_context(|| {
        format!("the archive at {address} is of an unknown feed, {}", manifest.origin.feed)
    })?;
    Ok(Feed::Archive { address: address.to_owned(), kind })
}

#[cfg(not(feature = "archive"))]
#[expect(clippy::unused_async, reason = "its other half waits")]
async fn archive(_: &str) -> anyhow::Result<Feed> {
    Err(btc_producers::ProduceError::NoArchive.into())
}

/// The store's purpose, in its default name: what an archive gives is computed apart from what it was made of.
pub(crate) fn purpose<'a>(feed: &Feed, otherwise: &'a str) -> &'a str {
    if matches!(feed, Feed::Archive { .. }) { "-archive" } else { otherwise }
}

/// The feed, its prices and its pace as the command line says; `unhurried` is the pace if none is asked for.
pub(crate) async fn options(
    source: FeedArgs,
    unhurried: impl Fn(FeedKind) -> Speed,
    run: Run,
    settings: &Settings,
) -> anyhow::Result<FeedOptions> {
    let feed = parse(&source.feed).await?;
    expect_files(&source.prices, "--prices")?;
    let unhurried = if matches!(feed, Feed::Archive { .. }) { Speed::Max } else { unhurried(feed.kind()) };
    let speed = source.speed.map_or(unhurried, Speed::Factor);
    Ok(FeedOptions { feed, prices_csv: source.prices, speed, run, config: settings.producers.clone() })
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
fn expect_files(files: &[PathBuf], option: &str) -> anyhow::Result<()> {
    match files.iter().find(|file| !file.is_file()) {
        Some(absent) => bail!("{option}: there is no file {}; mend the path", absent.display()),
        None => Ok(()),
    }
}
