//! Goal: `up` needs nothing, shows a living page, and Ctrl-C loses nothing. Method: start the binary on a free
//! port, read the page as a browser would, interrupt it, start it again on the same store.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Bench, INDICES, PATIENCE, get, interrupt, wait_for};

/// What an operator is promised.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

struct Up {
    child: Child,
    address: String,
}

impl Up {
    fn start(bench: &Bench, feed: &[&str]) -> Self {
        let store = bench.store();
        let mut child = bench
            .command(["up", "--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()])
            .args(feed)
            .env("BITCOIN_DASHBOARD__PRODUCERS__SAMPLE__TRANSACTIONS_PER_SECOND", "0.2")
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
        get(&self.address, path).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        wait_for(what, || condition(self));
    }

    /// A client that never finishes its request.
    fn stalled(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        stream
    }

    /// Ctrl-C.
    fn signal(&self) {
        interrupt(&self.child);
    }

    /// Ctrl-C, and how long the end took.
    fn interrupt(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal();
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
    let up = Up::start(&bench, &["--speed", "100"]);
    let (status, page) = up.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("<html") && page.contains("sample"), "the page is labelled with its feed");
    up.wait_for("readiness", |up| up.get("/ready").0 == 200);
    up.wait_for("a price on the page", |up| up.get("/").1.contains('€'));
    let (status, metrics) = up.get("/metrics");
    assert!(status == 200 && metrics.contains("trombe_"), "{metrics}");
    let (status, took) = up.interrupt();
    assert!(status.success(), "{status}");
    assert!(took < SHUTDOWN_MAX, "shutdown took {took:?}");
    let before: Vec<String> = INDICES.iter().map(|index| bench.export(index)).collect();
    assert!(!before[0].is_empty());

    let up = Up::start(&bench, &["--speed", "100"]);
    up.wait_for("readiness", |up| up.get("/ready").0 == 200);
    let _stalled = up.stalled();
    let (status, took) = up.interrupt();
    assert!(status.success() && took < SHUTDOWN_MAX, "{status} after {took:?}");
    for (index, before) in INDICES.iter().zip(&before) {
        let after = bench.export(index);
        let ids = |export: &str| -> Vec<String> {
            export.lines().map(|line| line.split("\"_version\"").next().unwrap().to_owned()).collect()
        };
        let after_ids = ids(&after);
        let lost: Vec<String> =
            ids(before).into_iter().filter(|id| after_ids.binary_search(id).is_err()).collect();
        assert!(lost.is_empty(), "{index} lost {lost:?}");
    }
}

#[test]
fn files_are_read_at_once_however_long_their_past() {
    let bench = Bench::new();
    let transaction = |time: i64| {
        let value = format!(
            r#"{{"op":"utx","x":{{"hash":"{time:064}","time":{time},"inputs":[],"out":[{{"value":1,"addr":"1BitcoinEaterAddressDontSendf59kuE"}}]}}}}"#
        );
        let key = format!("{time:064}");
        json!({"topic": "p3-btc-transactions", "key": key, "source": "blockchain-info", "received_ms": time * 1_000, "value": value})
    };
    let file = bench.path("decade.ndjson");
    let decade = [1_414_540_800, 1_730_160_000].map(|time| transaction(time).to_string());
    std::fs::write(&file, decade.join("\n")).unwrap();

    let up = Up::start(&bench, &["--feed", "recording", file.to_str().unwrap()]);
    up.wait_for("both ends of the decade", |up| {
        let hours = up.get("/api/volume").1;
        hours.contains("2014-10-29T00:00:00Z") && hours.contains("2024-10-29T00:00:00Z")
    });
    up.wait_for("the end of the history", |up| !up.get("/").1.contains("Reading the history"));
    let (status, took) = up.interrupt();
    assert!(status.success() && took < SHUTDOWN_MAX, "{status} after {took:?}");
}

/// A connection that never finishes its request would hold the orderly end up for ten minutes.
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let bench = Bench::new();
    let patient = "[page]\nshutdown_ms_max = 600000\nheader_ms_max = 600000\n";
    std::fs::write(bench.path("bitcoin-dashboard.toml"), patient).unwrap();
    let mut up = Up::start(&bench, &[]);
    let _stalled = up.stalled();
    up.wait_for("readiness", |up| up.get("/ready").0 == 200);

    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        assert!(Instant::now() < deadline, "it did not end within {PATIENCE:?}");
        up.signal();
        std::thread::park_timeout(Duration::from_millis(50));
        if let Some(status) = up.child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
}
