//! Goal: producers and topology are the same program whether they share a process or only the store. Method: a local
//! server answers as a price API; `produce` and `topology` run beside each other on one store, `record` and `replay`
//! go through files, and both end in the same kind of document.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Bench, interrupt, wait_for};

/// Kraken's ticker, each answer a euro dearer than the one before.
struct Kraken {
    address: SocketAddr,
    answers: Arc<AtomicU32>,
}

impl Kraken {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, answers) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&answers);
        std::thread::spawn(move || {
            listener.incoming().map_while(Result::ok).for_each(|stream| {
                // A client that goes away in the middle is the client's affair.
                answer(&stream, 60_000 + count.fetch_add(1, Ordering::Relaxed)).ok();
            });
        });
        Self { address, answers }
    }

    /// A configuration in which this is the only source.
    fn configuration(&self) -> String {
        format!(
            "[producers.bpi]\ninterval_ms = 50\n\
             sources = [{{ provider = \"kraken\", url = \"http://{}/0/public/Ticker\" }}]\n",
            self.address
        )
    }
}

fn answer(mut stream: &TcpStream, eur: u32) -> std::io::Result<()> {
    let head = BufReader::new(stream).lines().map_while(Result::ok);
    head.take_while(|line| !line.is_empty()).for_each(drop);
    let body = format!(r#"{{"error":[],"result":{{"XXBTZEUR":{{"c":["{eur}.50000","0.002"]}}}}}}"#);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A daemon, ended by an interrupt; a panicking test leaves none behind.
struct Daemon(Child);

impl Daemon {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut command = bench.command(arguments);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    #[track_caller]
    fn interrupt(mut self) {
        interrupt(&self.0);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn producer_and_topology_share_a_store_across_processes() {
    let (bench, kraken) = (Bench::new(), Kraken::start());
    std::fs::write(bench.path("bitcoin-dashboard.toml"), kraken.configuration()).unwrap();
    let store = bench.store();
    let store = store.to_str().unwrap();
    let producer = Daemon::start(&bench, &["produce", "bpi", "--store", store]);
    wait_for("a first answer", || kraken.answers.load(Ordering::Relaxed) > 0);
    let topology = Daemon::start(&bench, &["topology", "--store", store]);
    wait_for("two prices", || bench.documents("btc-value").len() >= 2);
    producer.interrupt();
    topology.interrupt();
    let values = bench.documents("btc-value");
    assert!(values.iter().all(|value| value["_source"]["source"] == "kraken"), "{values:#?}");
    assert_eq!(bench.documents("btc-raw-bpi")[0]["_source"]["feed"], "live");
}

#[test]
fn what_is_recorded_can_be_replayed() {
    let (bench, kraken) = (Bench::new(), Kraken::start());
    // The websockets of the chain have nobody to talk to here, which must not disturb the prices.
    let nobody = format!("http://{}/", kraken.address);
    let chain = format!(
        "[[producers.blockchain.sources]]\nprovider = \"mempool-space\"\nwebsocket_url = \"ws://127.0.0.1:9/\"\nrest_url = \"{nobody}\"\n"
    );
    std::fs::write(bench.path("bitcoin-dashboard.toml"), kraken.configuration() + &chain).unwrap();
    let folder = bench.path("recording");
    let folder = folder.to_str().unwrap();
    let recorder = Daemon::start(&bench, &["record", "--out", folder]);
    wait_for("five answers", || kraken.answers.load(Ordering::Relaxed) >= 5);
    recorder.interrupt();
    bench.replay(&["recording", folder], &[]);
    let values = bench.documents("btc-value");
    let exact: Vec<&str> =
        values.iter().map(|value| value["_source"]["eur_exact"].as_str().unwrap()).collect();
    assert!(exact.len() >= 4 && exact.contains(&"60000.5"), "{exact:?}");
}
