//! Goal: `up` needs nothing, shows a living page, and Ctrl-C loses nothing. Method: start the binary on a free
//! port, read the page as a browser would, interrupt it, start it again on the same store.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, INDICES};

/// Longer than any sane machine needs; a condition that does not come by then has failed.
const PATIENCE: Duration = Duration::from_mins(1);
/// What an operator is promised.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

struct Up {
    child: Child,
    address: String,
}

impl Up {
    fn start(bench: &Bench, speed: &str) -> Self {
        let store = bench.store();
        let mut child = bench
            .command([
                "up",
                "--listen",
                "127.0.0.1:0",
                "--speed",
                speed,
                "--store",
                store.to_str().unwrap(),
            ])
            .env(
                "BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND",
                "0.2",
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("http://")?.1.split([' ', '/']).next()?.to_owned()))
            .expect("`up` says where the page is");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    #[track_caller]
    fn wait_for(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(
                Instant::now() < deadline,
                "{what} did not come within {PATIENCE:?}"
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Ctrl-C, and how long the end took.
    fn interrupt(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        let pid = self.child.id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        (status, started.elapsed())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // The child may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_page_lives_and_ctrl_c_loses_nothing() {
    let bench = Bench::new();
    let up = Up::start(&bench, "100");
    let (status, page) = up.get("/");
    assert_eq!(status, 200);
    assert!(
        page.contains("<html") && page.contains("sample"),
        "the page is labelled with its feed"
    );
    up.wait_for("readiness", |up| up.get("/ready").0 == 200);
    up.wait_for("a price on the page", |up| up.get("/").1.contains('€'));
    let (status, metrics) = up.get("/metrics");
    assert!(status == 200 && metrics.contains("trombe_"), "{metrics}");
    let (status, took) = up.interrupt();
    assert!(status.success(), "{status}");
    assert!(took < SHUTDOWN_MAX, "shutdown took {took:?}");
    let before: Vec<String> = INDICES.iter().map(|index| bench.export(index)).collect();
    assert!(!before[0].is_empty());

    let up = Up::start(&bench, "100");
    up.wait_for("readiness", |up| up.get("/ready").0 == 200);
    let (status, took) = up.interrupt();
    assert!(status.success() && took < SHUTDOWN_MAX, "{status} after {took:?}");
    for (index, before) in INDICES.iter().zip(&before) {
        let after = bench.export(index);
        let ids = |export: &str| -> Vec<String> {
            export
                .lines()
                .map(|line| line.split("\"_version\"").next().unwrap().to_owned())
                .collect()
        };
        let after_ids = ids(&after);
        let lost: Vec<String> = ids(before)
            .into_iter()
            .filter(|id| after_ids.binary_search(id).is_err())
            .collect();
        assert!(lost.is_empty(), "{index} lost {lost:?}");
    }
}
