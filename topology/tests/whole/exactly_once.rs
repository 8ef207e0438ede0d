//! Goal: the counts of an exactly-once bolt are exact on real brokers too, whatever becomes of the process. Method: word count with its text
//! and its state on Kafka, in a process of its own, which is killed by `kill -9` in the midst of its work, again and again, or left alive while the
//! next one takes its state over. A second bolt counts the same words at least once: that it counts some of them again shows that there was
//! something to be recognised.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio, id};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use btc_topology::{FeedOver, Health, LogSpout, LogSpoutOptions, StoredState};
use trombe::{Config, Failure, Guarantee, Nothing, StatefulBolt, Topology, stored_state};
use trombe_connectors::{KafkaConfig, KafkaLog, KafkaState, KafkaStateConfig, Log, Message, TopicOptions};

use crate::world::brokers;

const TEXT: &str = "text";
const PARTITIONS: u32 = 3;
const SENTENCES: u32 = 30_000;
const WORDS_A_SENTENCE: usize = 4;
/// Sentences appended at once.
const CHUNK: usize = 5_000;

/// Lives of the process that end by `kill -9`, or by another one that takes over from it alive.
const LIVES: u32 = 16;
/// Every so many of them is taken over from.
const TAKEOVER_EVERY: u32 = 4;
/// The longest life before that: reading the state and joining takes about half a second of it.
const LIFE_MAX: Duration = Duration::from_secs(2);
/// Until what is to happen has happened.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a process ends whose state another has taken over.
const SUPERSEDED: i32 = 3;
/// What a process says once the state is its own.
const OPEN: &str = "the state is mine";
/// Where a process finds its text.
const PREFIX: &str = "EXACTLY_ONCE_PREFIX";

/// Words of a sentence, some of them twice.
fn words(sentence: u32) -> impl Iterator<Item = u32> {
    [sentence, sentence * 7, sentence / 3, sentence].map(|n| n % 101).into_iter()
}

struct Count;

impl StatefulBolt for Count {
    type In = u32;
    type State = u64;
    type Out = Nothing;

    fn update(&mut self, count: &mut u64, _: &u32) -> Result<(), Failure> {
        *count += 1;
        Ok(())
    }
}

fn kafka(prefix: &str) -> Option<KafkaConfig> {
    let servers = std::env::var("TROMBE_KAFKA").ok()?;
    let bootstrap_servers = servers.split(',').map(str::to_owned).collect();
    Some(KafkaConfig { bootstrap_servers, topic_prefix: prefix.to_owned(), ..KafkaConfig::default() })
}

fn open(config: &KafkaConfig) -> KafkaState {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match KafkaState::open(config, &KafkaStateConfig::default(), "counts") {
            Ok(state) => return state,
            Err(error) => assert!(error.is_transient() && Instant::now() < deadline, "{error}"),
        }
    }
}

#[test]
#[ignore = "the process that the next test starts and kills"]
fn a_life() {
    let config = kafka(&std::env::var(PREFIX).unwrap()).unwrap();
    let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(&config).unwrap());
    let mut options = LogSpoutOptions::new("counting", TEXT);
    options.commit_period = Duration::from_millis(50);
    let feed_over = FeedOver::new();
    feed_over.set();
    let spout = move || LogSpout::new(Arc::clone(&log), options.clone(), feed_over.clone(), Health::new());

    let topology = Topology::new("word-count");
    topology.state(StoredState::new(open(&config)));
    println!("{OPEN}");
    let text = topology.spout("text", spout).shuffle().tasks(2);
    let words = text.flat_map("split", |record| {
        let number: [u8; 4] = record.message.value[..].try_into().unwrap_or_default();
        words(u32::from_be_bytes(number))
    });
    words.clone().by(|word| word).tasks(2).stateful("count", || Count).end();
    words.by(|word| word).tasks(2).guarantee(Guarantee::AtLeastOnce).stateful("control", || Count).end();
    // Few at a time, so that no life gets far.
    let few = Config { spout_pending_count_max: 300, workers_count: Some(2), ..Config::default() };
    let summary = topology.start(few).unwrap().wait();
    if summary.error.as_ref().is_some_and(trombe::EndError::is_superseded) {
        std::process::exit(SUPERSEDED);
    }
    assert!(summary.is_complete(), "{summary}");
}

/// A process that counts, and dies with the test.
struct Counting {
    child: Child,
    words: Lines<BufReader<ChildStdout>>,
    owns_the_state: bool,
}

impl Counting {
    fn start(prefix: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "exactly_once::a_life", "--ignored", "--nocapture"]).env(PREFIX, prefix);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let words = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, words, owns_the_state: false }
    }

    /// Waits until the state is its own.
    fn await_the_state(&mut self) {
        while !self.owns_the_state {
            let line = self.words.next().expect("it does not end before").unwrap();
            self.owns_the_state = line.ends_with(OPEN);
        }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    fn end(&mut self, code: i32) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(code));
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn write_text(config: &KafkaConfig) {
    let log = KafkaLog::connect(config).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = TopicOptions { partitions: PARTITIONS, retention_ms: None };
    tokio.block_on(log.create_topic(TEXT, &options)).unwrap();
    let message = |n: u32| {
        let number = n.to_be_bytes();
        Message { key: number.to_vec().into(), value: number.to_vec().into(), ..Message::default() }
    };
    let messages: Vec<_> = (0..SENTENCES).map(message).collect();
    for chunk in messages.chunks(CHUNK) {
        tokio.block_on(log.append(TEXT, chunk.to_vec())).unwrap();
    }
}

#[test]
fn words_are_counted_once_by_processes_that_are_killed_and_taken_over_from() {
    let now = UNIX_EPOCH.elapsed().unwrap();
    let prefix = format!("test-exactly-once-{}-{}-", id(), now.as_micros());
    let _brokers = brokers();
    let Some(config) = kafka(&prefix) else {
        eprintln!("skipped: exactly_once: TROMBE_KAFKA names no brokers");
        return;
    };
    write_text(&config);
    // Any moments will do, and they are told.
    let mut seed = now.subsec_nanos();
    let told = seed;
    let (mut killed, mut taken_over, mut longest) = (0, 0, Duration::ZERO);
    let mut process = Counting::start(&prefix);
    for life in 1..=LIVES {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::park_timeout(LIFE_MAX * (seed >> 24) / 255);
        assert!(
            !process.has_ended(),
            "life {life} of seed {told} ended by itself: more text is needed, if it ended well"
        );
        if life % TAKEOVER_EVERY == 0 {
            // Two that start at once take it from one another, and either may win.
            process.await_the_state();
            let mut next = Counting::start(&prefix);
            let started = Instant::now();
            process.end(SUPERSEDED);
            longest = longest.max(started.elapsed());
            next.await_the_state();
            process = next;
            taken_over += 1;
        } else {
            process.kill();
            process = Counting::start(&prefix);
            killed += 1;
        }
    }
    process.end(0);

    let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
    (0..SENTENCES).flat_map(words).for_each(|word| *expected.entry(word).or_default() += 1);
    let state = StoredState::new(open(&config));
    let counts = |bolt| -> BTreeMap<u32, u64> {
        let count = |word| stored_state(&state, "word-count", bolt, word).unwrap().unwrap_or_default();
        expected.keys().map(|word| (*word, count(word))).collect()
    };
    let counted = counts("count");
    let wrong: Vec<_> = expected.iter().filter(|(word, count)| counted[word] != **count).collect();
    assert!(wrong.is_empty(), "seed {told}: wrong are {wrong:?} in {counted:?}");
    let words = SENTENCES as usize * WORDS_A_SENTENCE;
    let again = counts("control").values().sum::<u64>().saturating_sub(words as u64);
    assert!(again > 0, "seed {told}: no process ended between a write of state and the commit that follows");
    eprintln!(
        "{words} words counted exactly by {} processes, {killed} of them killed and {taken_over} taken over from alive, which ended \
         {:.1} s after the start of their successor at the latest; at least once, {again} were counted again (seed {told})",
        LIVES + 1,
        longest.as_secs_f64(),
    );
}
