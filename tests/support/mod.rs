mod daemon;
mod kraken;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::daemon::{Daemon, free_address, get};
pub(crate) use self::kraken::Kraken;

/// The binary.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bitcoin-dashboard"))
}

/// A scratch folder with a store in it, and the binary ready to run against it.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("test.db")
    }

    /// The binary in this folder, so that no configuration file of the checkout is read.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).env_remove("RUST_LOG");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BITCOIN_DASHBOARD")) {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Replays a feed into this folder's store and expects success.
    #[track_caller]
    pub(crate) fn replay(&self, feed: &[&str], environment: &[(&str, &str)]) {
        let store = self.store();
        let mut arguments = vec!["replay", "--store", store.to_str().unwrap(), "--feed"];
        arguments.extend_from_slice(feed);
        let output = self.command(&arguments).envs(environment.iter().copied()).output().unwrap();
        expect_success(&output);
    }

    #[track_caller]
    pub(crate) fn export(&self, index: &str) -> String {
        let store = self.store();
        let output = self.run(["export", "--store", store.to_str().unwrap(), "--index", index]);
        expect_success(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn documents(&self, index: &str) -> Vec<Value> {
        self.export(index).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A sample that reaches over midnight and holds a few thousand messages: enough hours, miners and batches to tell
/// results apart, and a quarter of what a test would otherwise wait for.
pub(crate) const SHORT_SAMPLE: [(&str, &str); 2] = [
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__HISTORY_HOURS", "30"),
    ("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND", "0.03"),
];

/// The indices whose documents must not depend on order, repetition, parallelism or crashes.
pub(crate) const INDICES: [&str; 6] =
    ["btc-value", "btc-volume", "btc-miner", "btc-raw-bpi", "btc-raw-blocks", "btc-raw-transactions"];

#[track_caller]
pub(crate) fn expect_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The shared recorded data, or `None` with a loud word where they are absent.
pub(crate) fn shared_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TROMBE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if folder.join("blocks/facts.json").is_file() {
        return Some(folder.canonicalize().unwrap());
    }
    eprintln!("skipped: {test}: no recorded data at {} (set TROMBE_DATA)", folder.display());
    None
}

/// Longer than any sane machine needs; a condition that does not come by then has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

#[track_caller]
pub(crate) fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, condition);
}

#[track_caller]
pub(crate) fn wait_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come within {patience:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Ctrl-C.
#[track_caller]
pub(crate) fn interrupt(child: &Child) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Moments drawn from a seed: `KILL_SEED`, or one of the clock's that a test prints.
pub(crate) struct Moments {
    seed: u64,
    state: u64,
}

impl Moments {
    pub(crate) fn new() -> Self {
        let given = std::env::var("KILL_SEED").ok().map(|seed| seed.parse().expect("KILL_SEED is a number"));
        let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
        let seed = given.unwrap_or_else(clock);
        Self { seed, state: seed }
    }

    /// From nothing up to `most`.
    pub(crate) fn below(&mut self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.next()) / f64::from(u32::MAX))
    }

    /// The upper half of a `SplitMix64` step.
    pub(crate) fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from(z >> 32).unwrap()
    }
}

impl std::fmt::Display for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KILL_SEED={}", self.seed)
    }
}
