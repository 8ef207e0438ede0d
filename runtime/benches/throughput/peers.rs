//! Ours and others' in turn, in one go: `peers [runs=3] [warm=S] [secs=S]`.
//!
//! `TROMBE_PEERS` is the folder of the kit that runs Storm, Flink, Kafka Streams and the limit without a framework, built; it finds its
//! data by `PEERS_DIR`. A machine's speed drifts, so only ratios within a round mean anything: the table has their median.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::settings::Settings;

/// Who runs what; the first of each workload is the one that the others are compared with.
const CONTESTS: [(&str, &[Contender]); 5] = [
    (
        "const -> id -> null",
        &[
            ours("const", &["workers=1"]),
            ours("const", &["workers=2"]),
            ours("const-fused", &["workers=2"]),
            theirs("rust", "const", &["threads=1"]),
            theirs("rust", "const", &["threads=2"]),
            theirs("storm", "const", &[]),
            theirs("flink", "const", &[]),
        ],
    ),
    (
        "word count",
        &[
            ours("wordcount", &[]),
            ours("wordcount", &["workers=1", "tasks=1"]),
            ours("wordcount-once", &[]),
            ours("wordcount-once", &["workers=1", "tasks=1"]),
            theirs("rust", "wordcount", &["threads=1"]),
            theirs("rust", "wordcount", &["threads=2"]),
            theirs("storm", "wordcount", &[]),
            theirs("flink", "wordcount", &[]),
        ],
    ),
    (
        "bitcoin",
        &[
            ours("bitcoin", &[]),
            ours("bitcoin-once", &[]),
            theirs("rust", "bitcoin", &["threads=1"]),
            theirs("rust", "bitcoin", &["threads=2"]),
            theirs("storm", "bitcoin", &[]),
            theirs("flink", "bitcoin", &[]),
            theirs("kstreams", "bitcoin", &[]),
        ],
    ),
    (
        "const at 10,000 a second",
        &[
            ours("const", &["rate=10000"]),
            theirs("storm", "const-latency", &[]),
            theirs("flink", "const-latency", &[]),
        ],
    ),
    (
        "bitcoin at 10,000 a second",
        &[ours("bitcoin", &["rate=10000"]), theirs("storm", "bitcoin-latency", &[])],
    ),
];

/// One program with its settings.
struct Contender {
    /// `None`: this program.
    peer: Option<&'static str>,
    workload: &'static str,
    settings: &'static [&'static str],
}

const fn ours(workload: &'static str, settings: &'static [&'static str]) -> Contender {
    Contender { peer: None, workload, settings }
}

const fn theirs(peer: &'static str, workload: &'static str, settings: &'static [&'static str]) -> Contender {
    Contender { peer: Some(peer), workload, settings }
}

impl Contender {
    fn name(&self) -> String {
        let variant = match self.workload.rsplit_once('-') {
            Some((_, "once")) => "exactly once",
            Some((_, "fused")) => "wired as Storm's, local or shuffle",
            _ => "",
        };
        let words =
            [self.peer.unwrap_or("**trombe**"), variant].into_iter().chain(self.settings.iter().copied());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, kit: &Path, data: &Path) -> std::io::Result<Command> {
        let mut command = if let Some(peer) = self.peer {
            let mut script = Command::new(kit.join(format!("run-{peer}-{}.sh", self.workload)));
            script.env("DATA", data);
            script
        } else {
            let mut own = Command::new(std::env::current_exe()?);
            own.arg(self.workload).arg(format!("data={}", data.display()));
            own
        };
        command.args(self.settings);
        Ok(command)
    }

    /// One run's line; why there is none.
    fn run(&self, kit: &Path, data: &Path, settings: &Settings) -> Result<Value, String> {
        let mut command = self.command(kit, data).map_err(|error| error.to_string())?;
        let Settings { warm_s, window_s, most_s, .. } = settings;
        let most = most_s.max(window_s);
        command.args([format!("warm={warm_s}"), format!("secs={window_s}"), format!("most={most}")]);
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        let line = output.stdout.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"{"));
        line.and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("{}: {}", output.status, said.lines().last().unwrap_or("it said nothing"))
        })
    }
}

pub(crate) fn compare(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let kit = std::env::var_os("TROMBE_PEERS").map(PathBuf::from);
    let kit = kit.ok_or("set TROMBE_PEERS to the folder of the peers' kit, built by its build.sh")?;
    let data = settings.data.clone().ok_or("say data=FILE; `utx out=FILE` makes it")?;
    if Command::new("java").arg("-version").output().is_err() {
        eprintln!("there is no java: only what needs none is compared");
    }
    for (title, contenders) in &CONTESTS {
        let mut lines: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for round in 1..=settings.runs_count {
            for (number, contender) in contenders.iter().enumerate() {
                match contender.run(&kit, &data, settings) {
                    Ok(line) => {
                        eprintln!("{line}");
                        lines.entry(number).or_default().push(line);
                    }
                    Err(why) => eprintln!("round {round}: no line of {}: {why}", contender.name()),
                }
            }
        }
        show(title, contenders, &lines);
    }
    Ok(())
}

fn show(title: &str, contenders: &[Contender], lines: &BTreeMap<usize, Vec<Value>>) {
    println!("\n### {title}\n");
    println!(
        "| | CPU s/million: min, median, max | times ours | messages/s | cores | others' cores | RSS MiB (anon) | p50 / p99 ms | first result ms | checksum |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let none = Vec::new();
    let first = lines.get(&0).unwrap_or(&none);
    for (number, contender) in contenders.iter().enumerate() {
        let Some(own) = lines.get(&number) else {
            println!("| {} | absent | | | | | | | | |", contender.name());
            continue;
        };
        let costs = sorted(own, "cpu_s_per_million");
        let figure = |name: &str| median(&sorted(own, name));
        let shown = |name: &str, digits: usize| {
            figure(name).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} ({}) | {} / {} | {} | {} |",
            contender.name(),
            costs.iter().map(|cost| format!("{cost:.3}")).collect::<Vec<_>>().join(", "),
            median(&ratios(own, first)).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            shown("tuples_per_s", 0),
            shown("cores_used", 2),
            shown("others_cores", 2),
            shown("rss_mib", 0),
            shown("rss_anon_mib", 0),
            shown("p50_ms", 3),
            shown("p99_ms", 3),
            shown("first_result_ms", 1),
            own.iter().find_map(|line| line["checksum"].as_str()).unwrap_or("-"),
        );
    }
}

/// The cost of each run in terms of the first contender's in the same round.
fn ratios(own: &[Value], first: &[Value]) -> Vec<f64> {
    let cost = |line: &Value| line["cpu_s_per_million"].as_f64();
    let mut ratios: Vec<f64> =
        own.iter().zip(first).filter_map(|(own, first)| Some(cost(own)? / cost(first)?)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

fn sorted(lines: &[Value], name: &str) -> Vec<f64> {
    let mut values: Vec<f64> = lines.iter().filter_map(|line| line[name].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}
