//! From the words of `--feed` to a feed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use btc_producers::{Feed, FeedKind, FeedOptions, Run, Speed};
use btc_records::PoolList;

use crate::cli::FeedArgs;
use crate::settings::Settings;

/// Understands `--feed NAME [PATH...]`.
fn parse(words: &[String]) -> anyhow::Result<Feed> {
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

/// The feed, its prices and its pace as the command line says; `unhurried` is the pace if none is asked for.
pub(crate) fn options(
    source: FeedArgs,
    unhurried: impl Fn(FeedKind) -> Speed,
    run: Run,
    settings: &Settings,
) -> anyhow::Result<FeedOptions> {
    let feed = parse(&source.feed)?;
    expect_files(&source.prices, "--prices")?;
    let speed = source.speed.map_or_else(|| unhurried(feed.kind()), Speed::Factor);
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
