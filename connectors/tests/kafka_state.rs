//! State on Kafka keeps the state's promises and has one owner at a time, on real brokers, some of which are killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support {
    pub(crate) mod kafka;
}

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use trombe_connectors::{
    KafkaConfig, KafkaLog, KafkaState, KafkaStateConfig, Log, State, StateChange, StateError, TopicOptions,
    conformance,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// Brokers are killed while no other test needs them.
static SERVERS: Mutex<()> = Mutex::new(());

/// A state topic that was never used before.
struct Stage {
    config: KafkaConfig,
    state: KafkaStateConfig,
    name: String,
    _exclusive: MutexGuard<'static, ()>,
}

impl Stage {
    fn find(test: &str) -> Option<Self> {
        let exclusive = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let config = support::kafka::config(test)?;
        let name = format!("{test}-{}", id());
        Some(Self { config, state: KafkaStateConfig::default(), name, _exclusive: exclusive })
    }

    fn try_open(&self) -> Result<KafkaState, StateError> {
        KafkaState::open(&self.config, &self.state, &self.name)
    }

    /// What a process on another host does.
    #[track_caller]
    fn open(&self) -> KafkaState {
        self.try_open().unwrap()
    }

    fn topic(&self) -> String {
        format!("test-{}", self.name)
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.config.bootstrap_servers.join(","));
        client
    }
}

fn put(key: &str, value: &str) -> StateChange {
    StateChange { namespace: "n".into(), key: key.into(), value: Some(value.into()), expires_ms: None }
}

fn all(state: &KafkaState) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    state.state_scan("n", b"", &mut |key, value| _ = all.insert(text(key), text(value))).unwrap();
    all
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn the_kafka_state_conforms() {
    let Some(mut stage) = Stage::find("state-conforms") else { return };
    stage.state.partitions_count = 3;
    conformance::state(&stage.open());
}

#[test]
fn another_host_goes_on_and_the_former_owner_is_shut_out_for_good() {
    let Some(mut stage) = Stage::find("state-owners") else { return };
    stage.state.partitions_count = 3;
    let first = stage.open();
    let changes: Vec<_> = (0..500).map(|n| put(&format!("{n:03}"), "1")).collect();
    first.state_apply(changes).unwrap();
    first.state_apply(vec![put("000", "2"), StateChange { value: None, ..put("001", "") }]).unwrap();
    first.meta_set("identity", "state-1").unwrap();

    let second = stage.open();
    assert_eq!(all(&second), all(&first));
    assert_eq!((all(&second).len(), &*all(&second)["000"]), (499, "2"));
    assert_eq!(second.meta_get("identity").unwrap().as_deref(), Some("state-1"));

    for _ in 0..2 {
        let error = first.state_apply(vec![put("zombie", "1")]).unwrap_err();
        assert!(matches!(error, StateError::Fenced(_)) && !error.is_transient(), "{error}");
        assert!(error.to_string().contains(&format!("process {} on", id())), "{error}");
    }
    assert!(matches!(first.meta_set("identity", "zombie"), Err(StateError::Fenced(_))));
    second.state_apply(vec![put("000", "3")]).unwrap();
    let third = stage.open();
    assert_eq!(all(&third), all(&second));
    assert!(!all(&third).contains_key("zombie"));
}

/// Whoever looks for a later owner never comes to the end of a topic that one writes to all the time.
#[test]
fn a_former_owner_learns_of_a_successor_that_never_rests() {
    const ENOUGH: Duration = Duration::from_secs(20);
    let Some(stage) = Stage::find("state-busy") else { return };
    let first = stage.open();
    let (second, is_over) = (stage.open(), AtomicBool::new(false));
    let (told, took) = thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_u32.. {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                second.state_apply(vec![put("round", &round.to_string())]).unwrap();
            }
        });
        let started = Instant::now();
        let told = first.state_apply(vec![put("zombie", "1")]);
        is_over.store(true, Ordering::Release);
        (told, started.elapsed())
    });
    assert!(matches!(told, Err(StateError::Fenced(_))), "{told:?}");
    assert!(took < ENOUGH, "it took {took:?}");
}

#[test]
fn what_was_never_committed_is_never_seen() {
    let Some(stage) = Stage::find("state-aborted") else { return };
    drop(stage.open());
    let mut client = stage.client();
    client.set("transactional.id", stage.topic());
    let zombie: ThreadedProducer<DefaultProducerContext> = client.create().unwrap();
    zombie.init_transactions(PATIENCE).unwrap();
    let write = |key: &[u8]| {
        zombie.begin_transaction().unwrap();
        let key = [b"e\0\x01n", key].concat();
        zombie.send(BaseRecord::to(&stage.topic()).key(&key).payload("v").partition(0)).unwrap();
        zombie.flush(PATIENCE).unwrap();
    };
    write(b"committed");
    zombie.commit_transaction(PATIENCE).unwrap();
    write(b"aborted");
    zombie.abort_transaction(PATIENCE).unwrap();
    write(b"open");

    assert_eq!(all(&stage.open()), texts([("committed", "v")]));
    zombie.commit_transaction(PATIENCE).unwrap_err();
    assert_eq!(all(&stage.open()), texts([("committed", "v")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_would_lose_state_or_holds_something_else_is_refused() {
    let Some(mut stage) = Stage::find("state-refused") else { return };
    let log = KafkaLog::connect(&stage.config).unwrap();
    log.create_topic(&stage.name, &TopicOptions { partitions: 1, retention_ms: None }).await.unwrap();
    let told = stage.try_open().unwrap_err().to_string();
    assert!(told.contains("cleanup.policy of topic") && told.contains("name another topic"), "{told}");
    stage.name += "-2";
    drop(stage.open());
    stage.state.partitions_count = 2;
    let told = stage.try_open().unwrap_err().to_string();
    assert!(told.contains("has 1 partitions instead of 2"), "{told}");
}

#[test]
fn a_change_over_a_limit_fails_its_whole_apply_and_names_the_limit() {
    let Some(mut stage) = Stage::find("state-limits") else { return };
    stage.config.message_bytes_max = 10_000;
    stage.state.table_bytes_max = 50_000;
    let store = stage.open();
    let error = store.state_apply(vec![put("a", "1"), put("big", &"v".repeat(10_000))]).unwrap_err();
    let StateError::TooLarge { bytes: 10_007, bytes_max: 10_000, key } = &error else { panic!("{error}") };
    assert_eq!(key, "big");
    let many = (0..10).map(|n| put(&n.to_string(), &"v".repeat(6_000))).collect();
    let told = store.state_apply(many).unwrap_err().to_string();
    assert!(told.contains("raise `table_bytes_max`"), "{told}");
    assert_eq!(all(&store), texts([]));
    store.state_apply(vec![put("a", "1")]).unwrap();
    assert_eq!(all(&stage.open()), texts([("a", "1")]));
}

#[test]
fn what_has_expired_leaves_a_tombstone_behind() {
    let Some(stage) = Stage::find("state-expired") else { return };
    let store = stage.open();
    store
        .state_apply(vec![StateChange { expires_ms: Some(1), ..put("old", "v") }, put("kept", "v")])
        .unwrap();
    drop(store);
    let store = stage.open();
    store.state_apply(vec![put("new", "v")]).unwrap();

    let mut client = stage.client();
    client.set("group.id", "test-reader").set("isolation.level", "read_committed");
    let consumer: BaseConsumer = client.create().unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(&stage.topic(), 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let (mut tombstones, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    loop {
        assert!(Instant::now() < deadline, "the newest record does not come");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let key = message.key().unwrap().to_vec();
        if message.payload().is_none() {
            tombstones.push(key.clone());
        }
        if tombstones.len() == 1 && key.ends_with(b"old") {
            break;
        }
    }
    assert_eq!(tombstones, [b"e\0\x01nold"]);
}

/// `tests/services/kafka ARGUMENTS...`
#[track_caller]
fn service(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/services/kafka");
    let status = Command::new(script).args(arguments).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "tests/services/kafka {arguments:?}: {status}");
}

/// Applies round after round, and counts.
struct Rounds {
    state: KafkaState,
    applied: Vec<u64>,
    refused: Vec<u64>,
}

impl Rounds {
    fn count(&self) -> u64 {
        (self.applied.len() + self.refused.len()) as u64
    }

    /// Writes the round's number to keys in all partitions, and leaves a key of its own.
    fn apply(&mut self) {
        let round = self.count();
        let shared = (0..20).map(|n| put(&format!("shared {n:02}"), &round.to_string()));
        match self.state.state_apply(shared.chain([put(&format!("round {round:06}"), "")]).collect()) {
            Ok(()) => self.applied.push(round),
            Err(error) if error.is_transient() => self.refused.push(round),
            Err(error) => panic!("round {round}: {error}"),
        }
    }

    #[track_caller]
    fn apply_until(&mut self, is_reached: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_reached(self) {
            assert!(
                Instant::now() < deadline,
                "{} applied, {} refused",
                self.applied.len(),
                self.refused.len()
            );
            self.apply();
        }
    }
}

/// Goal: whatever the brokers do, an apply is made whole or not at all, one that was answered with `Ok` is there, and memory is what
/// the topic holds. Method: two brokers of three are killed while a thread applies, so that nothing can be committed; they come back.
#[test]
fn brokers_killed_in_the_midst_of_applies_leave_nothing_half_done() {
    let Some(mut stage) = Stage::find("state-killed") else { return };
    if std::env::var_os("TROMBE_SERVICES").is_none() {
        eprintln!("skipped: state-killed: the brokers are not ours to kill (run it with tests/services/run)");
        return;
    }
    stage.state.apply_timeout_ms = 3_000;
    stage.state.partitions_count = 3;
    let mut rounds = Rounds { state: stage.open(), applied: Vec::new(), refused: Vec::new() };
    for outage in 1..=2 {
        let made = rounds.applied.len();
        rounds.apply_until(|rounds| rounds.applied.len() >= made + 5);
        thread::scope(|scope| {
            scope.spawn(|| ["2", "3"].map(|broker| service(&["kill", broker])));
            rounds.apply_until(|rounds| rounds.refused.len() >= outage);
        });
        service(&["start", "2", "3"]);
        let made = rounds.applied.len();
        rounds.apply_until(|rounds| rounds.applied.len() >= made + 3);
    }
    let remembered = all(&rounds.state);
    let restored = all(&stage.open());
    assert_eq!(remembered, restored, "memory was not what the topic held");
    let made: Vec<u64> = restored.keys().filter_map(|key| key.strip_prefix("round ")?.parse().ok()).collect();
    assert!(
        rounds.applied.iter().all(|round| made.contains(round)),
        "an apply that was answered with Ok is lost"
    );
    let last = made.last().unwrap().to_string();
    assert!(
        (0..20).all(|n| restored[&format!("shared {n:02}")] == last),
        "an apply was made by half: {restored:?}"
    );
    eprintln!(
        "{} applies made, {} failed while two of three brokers were dead, {} of these turned out to be made; memory and topic equal",
        rounds.applied.len(),
        rounds.refused.len(),
        made.len() - rounds.applied.len(),
    );
}
