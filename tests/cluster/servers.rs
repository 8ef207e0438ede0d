//! The servers, the daemons on them, and what can be asked of both.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::support::{Bench, INDICES, expect_success, interrupt, wait_for};

/// A document may be right and a dead letter all the same: that would be one too many.
pub(crate) const ALL_INDICES: [&str; 7] = {
    let [value, volume, miner, bpi, blocks, transactions] = INDICES;
    [value, volume, miner, bpi, blocks, transactions, "btc-dead-letter"]
};

/// A folder, and a prefix of its own on the shared servers.
pub(crate) struct Cluster {
    pub(crate) bench: Bench,
    environment: Vec<(String, String)>,
    services: Option<PathBuf>,
}

/// Servers are killed by one test at a time, and while no other test needs them.
static SERVERS: Mutex<()> = Mutex::new(());

pub(crate) fn exclusively() -> MutexGuard<'static, ()> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// `None`, with a loud word, where no servers are.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let (kafka, elasticsearch) = (std::env::var("TROMBE_KAFKA"), std::env::var("TROMBE_ELASTICSEARCH"));
        let (Ok(kafka), Ok(elasticsearch)) = (kafka, elasticsearch) else {
            eprintln!("skipped: {test}: no servers (run it with tests/services/run)");
            return None;
        };
        let prefix = format!("{test}-{}-", std::process::id());
        let environment = [
            ("BACKEND", "cluster"),
            ("KAFKA__BOOTSTRAP_SERVERS", &kafka),
            ("KAFKA__TOPIC_PREFIX", &prefix),
            ("ELASTICSEARCH__URLS", &elasticsearch),
            ("ELASTICSEARCH__INDEX_PREFIX", &prefix),
            // The tests wait for positions in the log; what is told of them is two periods old at most.
            ("TOPOLOGY__LAG_PERIOD_MS", "500"),
        ];
        let variable = |(name, value): (&str, &str)| (format!("BITCOIN_DASHBOARD__{name}"), value.to_owned());
        Some(Self {
            bench: Bench::new(),
            environment: environment.map(variable).to_vec(),
            services: std::env::var_os("TROMBE_SERVICES").map(PathBuf::from),
        })
    }

    /// Also `None` where the servers are not the tests' own, to be killed as they like.
    pub(crate) fn find_mortal(test: &str) -> Option<Self> {
        let cluster = Self::find(test)?;
        if cluster.services.is_none() {
            eprintln!("skipped: {test}: the servers are not ours to kill (run it with tests/services/run)");
            return None;
        }
        Some(cluster)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(arguments);
        command.envs(self.environment.iter().cloned());
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let output = self.command(arguments).envs(environment.iter().copied()).output().unwrap();
        expect_success(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn exports(&self) -> Vec<String> {
        ALL_INDICES.iter().map(|index| self.run(&["export", "--index", index], &[])).collect()
    }
}

/// `tests/services/NAME ARGUMENTS...`
#[track_caller]
pub(crate) fn service(name: &str, arguments: &[&str]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/services").join(name);
    let status = Command::new(script).args(arguments).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "tests/services/{name} {arguments:?}: {status}");
}

/// A running daemon of the cluster, with its words in a file.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn start(
        cluster: &Cluster,
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let log = cluster.bench.path(&format!("{name}.log"));
        let words = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = cluster.command(arguments);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(words);
        Self { child: command.spawn().unwrap(), log }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    #[track_caller]
    pub(crate) fn expect_running(&mut self, what: &str) {
        assert!(self.child.try_wait().unwrap().is_none(), "{what} has ended: {}", self.words());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub(crate) fn interrupt(mut self) {
        interrupt(&self.child);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.words());
    }

    /// Waits until it has ended by itself, and well.
    #[track_caller]
    pub(crate) fn finish(mut self, patience: Duration) {
        let code = self.end(patience);
        assert_eq!(code, Some(0), "{}", self.words());
    }

    /// Waits until it has ended by itself. The exit code, if it has one.
    #[track_caller]
    pub(crate) fn end(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            assert!(Instant::now() < deadline, "it does not end: {}", self.words());
            std::thread::park_timeout(Duration::from_millis(50));
        }
        self.child.wait().unwrap().code()
    }

    pub(crate) fn words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The most memory it has ever held, in MiB.
    pub(crate) fn resident_mib_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The topology daemon and the address of its page.
pub(crate) struct Topology {
    pub(crate) daemon: Daemon,
    address: String,
}

impl Topology {
    pub(crate) fn start(cluster: &Cluster, environment: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let arguments = ["topology", "--feed", "sample", "--listen", &address];
        let topology = Self { daemon: Daemon::start(cluster, "topology", &arguments, environment), address };
        wait_for("the topology's page", || topology.get("/metrics").is_some());
        topology
    }

    /// The body of an answer 200.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let (status, body) = self.ask(path)?;
        (status == 200).then_some(body)
    }

    /// Status and body, if there is an answer.
    pub(crate) fn ask(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://{}{path}", self.address);
        let output =
            Command::new("curl").args(["-s", "-m", "5", "-w", "\n%{http_code}", &url]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (body, status) = text.rsplit_once('\n')?;
        Some((status.parse().ok().filter(|&status| status > 0)?, body.to_owned()))
    }

    /// Messages in the log.
    #[track_caller]
    pub(crate) fn end(&self) -> f64 {
        self.reading("trombe_consumer_end_offset")
    }

    /// Messages that are computed for good.
    #[track_caller]
    pub(crate) fn committed(&self) -> f64 {
        self.reading("trombe_consumer_committed_offset")
    }

    /// Tuples acked, by all components.
    #[track_caller]
    pub(crate) fn acked(&self) -> f64 {
        self.reading("trombe_component_acked_total")
    }

    /// A metric that there is, as soon as it is told.
    #[track_caller]
    pub(crate) fn reading(&self, name: &str) -> f64 {
        let mut value = None;
        wait_for(name, || {
            value = self.metric(name);
            value.is_some()
        });
        value.unwrap()
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics")?;
        let mut values = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        let first = value(values.next()?)?;
        Some(values.filter_map(value).fold(first, |sum, value| sum + value))
    }
}
