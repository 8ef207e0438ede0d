//! The command line. These names are a contract: scripts and checks rely on them.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use btc_producers::FeedKind;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use trombe::sim::StrikeId;

/// The real-time Bitcoin dashboard: price in EUR, volume and largest transaction per hour, top miners.
///
/// Without a command it is `up`: the whole dashboard in one process, on a sample feed that needs no network.
#[derive(Debug, Parser)]
#[command(name = "bitcoin-dashboard", version)]
pub(crate) struct Cli {
    /// What to do; `up` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) up: RunArgs,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl Cli {
    /// Reads the command line. Options of `up` in front of a command's name would go unnoticed: they are refused.
    pub(crate) fn read() -> Self {
        let cli = Self::parse();
        let nothing = Self::parse_from(["bitcoin-dashboard"]);
        if cli.command.is_some() && cli.up != nothing.up {
            let why = "options stand after the command's name; only --config may stand before it";
            Self::command().error(ErrorKind::ArgumentConflict, why).exit();
        }
        cli
    }
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Configuration file (TOML); without it `bitcoin-dashboard.toml` is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run producers, topology and page in one process until Ctrl-C.
    Up(RunArgs),
    /// Run a feed to its end without a page, print a summary and exit.
    Replay(RunArgs),
    /// Print an index: one JSON object a line, sorted by `_id`.
    Export(ExportArgs),
    /// Run one producer: the live price APIs, the live blockchain, or a feed that has an end.
    Produce(ProduceArgs),
    /// Run the topology daemon, with the page if `--listen` is given.
    Topology(TopologyArgs),
    /// Run the page alone, beside a `topology --listen` in another process.
    Ui(UiArgs),
    /// Tee the live feeds into compressed NDJSON files for `--feed recording`.
    Record(RecordArgs),
    /// Write the raw topics to Parquet files in a folder or on S3, for `--feed archive`.
    Archive(ArchiveArgs),
    /// Set up the servers of a cluster: topics, index templates and indices, the Kibana dashboard. Without a
    /// target all of them. It may be repeated: only what is not as it should be is changed.
    Setup(SetupArgs),
    /// Run the topology in simulated worlds in which everything goes wrong, one a seed, and check its documents.
    Sim(SimArgs),
    /// Read the configuration, say what is in force and where it is wrong.
    CheckConfig,
}

/// Where messages come from and where results go.
#[derive(Clone, Debug, PartialEq, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: FeedArgs,
    /// The embedded store, one file; by default `bitcoin-dashboard-<feed>.db` here, and another one for
    /// `replay`, `bitcoin-dashboard-<feed>-replay.db`.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Address of the page; by default 127.0.0.1:8080. `replay` has no page.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Mining pools in mempool's pools-v2 format, instead of the built-in list.
    #[arg(long, value_name = "FILE")]
    pub(crate) pools: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The embedded store to read; in a cluster Elasticsearch is read.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// The index's name, e.g. btc-volume.
    #[arg(long, value_name = "NAME")]
    pub(crate) index: String,
}

/// What a feed is read from, and how fast.
#[derive(Clone, Debug, PartialEq, Args)]
pub(crate) struct FeedArgs {
    /// sample, live, recording PATH..., blocks PATH... (raw block files, blk*.dat files, folders of them) or archive
    /// URL (what `archive` has written).
    #[arg(long, num_args = 1.., value_names = ["FEED", "PATH"], default_value = "sample")]
    pub(crate) feed: Vec<String>,
    /// CSV of prices beside the feed, rows `unix,price[,...]`: each an observation at that time.
    #[arg(long, num_args = 1.., value_name = "CSV")]
    pub(crate) prices: Vec<PathBuf>,
    /// How many times faster than real the feed runs; by default `up` runs the sample at 1, and files, `replay` and
    /// `produce` run as fast as they can.
    #[arg(long, value_name = "N", value_parser = parse_speed, allow_negative_numbers = true)]
    pub(crate) speed: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct ProduceArgs {
    /// Which producer.
    #[arg(value_enum)]
    pub(crate) producer: Producer,
    /// The embedded store to write into; by default `bitcoin-dashboard-<feed>.db` here.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: FeedArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Producer {
    /// Polls the price APIs.
    Bpi,
    /// Holds the blockchain websockets.
    Blockchain,
    /// Reads the feed of `--feed` to its end.
    Feed,
}

#[derive(Debug, Args)]
pub(crate) struct TopologyArgs {
    /// The embedded store to read from and index into, in a cluster the bolts' state; by default
    /// `bitcoin-dashboard-<feed>.db` here, in a cluster `bitcoin-dashboard-<feed>-state.db`.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Which kind of feed the log holds: live, sample, recording or blocks. Another kind is refused.
    #[arg(long, value_name = "FEED", value_parser = parse_kind, default_value = "live")]
    pub(crate) feed: FeedKind,
    /// Serve the page at this address too.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Mining pools in mempool's pools-v2 format, instead of the built-in list.
    #[arg(long, value_name = "FILE")]
    pub(crate) pools: Option<PathBuf>,
    /// Print the plan (components, groupings, tasks) and exit.
    #[arg(long)]
    pub(crate) plan: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UiArgs {
    /// The embedded store to read, by default `bitcoin-dashboard-<feed>.db` here; in a cluster Elasticsearch is read.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Which kind of feed is shown: live, sample, recording or blocks.
    #[arg(long, value_name = "FEED", value_parser = parse_kind, default_value = "live")]
    pub(crate) feed: FeedKind,
    /// Address of the page; by default 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the topology daemon answers (its `--listen`).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub(crate) topology: String,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The folder for the recording's files; it is created if absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SetupArgs {
    /// The topics: 9 partitions, replicas and retention as configured; with `state = "kafka"` the state's too.
    #[arg(long)]
    pub(crate) kafka: bool,
    /// The index templates and indices.
    #[arg(long)]
    pub(crate) elasticsearch: bool,
    /// The dashboard.
    #[arg(long)]
    pub(crate) kibana: bool,
    /// Change nothing; say what is not as it should be, and exit with 1 if anything is not.
    #[arg(long)]
    pub(crate) check: bool,
    /// What `topology --store` is told, if it is: the topic of the state is named like it.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// What `topology --feed` is told: the topic of the state is named by it unless `--store` is given.
    #[arg(long, value_name = "FEED", value_parser = parse_kind, default_value = "live")]
    pub(crate) feed: FeedKind,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// A folder, `file:///folder` or `s3://bucket/prefix` (credentials and endpoint by the environment's `AWS_` variables).
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// The embedded store to read from; by default `bitcoin-dashboard-live.db` here. A cluster's log is Kafka.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Write what is in the log, and end.
    #[arg(long)]
    pub(crate) once: bool,
}

fn parse_kind(text: &str) -> Result<FeedKind, String> {
    let kind = FeedKind::from_name(text);
    kind.ok_or_else(|| format!("give one of {}", FeedKind::ALL.map(FeedKind::as_str).join(", ")))
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// The seeds A to B - 1. A seed is one world, and always the same one.
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = parse_seeds)]
    pub(crate) seeds: Range<u64>,
    /// The faults that may happen, by name and separated by commas; by default all of them.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) faults: Option<Vec<String>>,
    /// Messages of each seed.
    #[arg(long, value_name = "N", default_value_t = btc_topology::sim::MESSAGES)]
    pub(crate) messages: usize,
    /// Exactly these strikes, as a failing seed prints them.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) strikes: Option<Vec<StrikeId>>,
    /// Seeds that run at the same time; by default as many as there are cores.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let seeds = ends.filter(|(from, to)| from < to).map(|(from, to)| from..to);
    seeds.ok_or_else(|| "two whole numbers, the second the greater one, as in 0..100".to_owned())
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 && speed <= SPEED_MAX => Ok(speed),
        _ => Err(format!("give a number above 0 and at most {SPEED_MAX}")),
    }
}

/// Beyond this factor a feed is faster run by `replay`, which does not wait at all.
const SPEED_MAX: f64 = 1_000_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_is_not_empty() {
        assert_eq!(parse_seeds("0..1000"), Ok(0..1000));
        assert_eq!(parse_seeds("18446744073709551614..18446744073709551615"), Ok(u64::MAX - 1..u64::MAX));
        for strange in
            ["", "..", "7", "5..5", "9..3", "-1..3", "0..=3", "0...3", "a..b", "0..18446744073709551616"]
        {
            assert!(parse_seeds(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn a_speed_is_a_number_above_zero_and_within_its_limit() {
        assert_eq!(parse_speed("0.5"), Ok(0.5));
        for strange in ["", "0", "-1", "nan", "inf", "1e300", "1000001", "fast"] {
            assert!(parse_speed(strange).is_err(), "{strange}");
        }
    }
}
