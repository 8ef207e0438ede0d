//! The same on real brokers: `TROMBE_KAFKA` names some, as `host:port,host:port`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use btc_topology::{
    Connections, FeedOver, Health, LogSpout, LogSpoutOptions, SpoutAssignment, TOPICS, bitcoin, create_topics,
};
use trombe::{Running, Topology};
use trombe_connectors::{KafkaConfig, KafkaLog, Log, Message, TopicOptions};

use crate::market::market;
use crate::same_documents::reference;
use crate::world::{World, assert_same, brokers, config, end, until};

/// A log of the test's own on the brokers that the environment names.
fn kafka(test: &str) -> Option<KafkaLog> {
    let Ok(servers) = std::env::var("TROMBE_KAFKA") else {
        eprintln!("skipped: {test}: TROMBE_KAFKA names no brokers");
        return None;
    };
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let mut config = KafkaConfig {
        bootstrap_servers: servers.split(',').map(str::to_owned).collect(),
        topic_prefix: format!("test-{now}-"),
        ..KafkaConfig::default()
    };
    // Members hear of a rebalance with their next heartbeat.
    config.properties.insert("heartbeat.interval.ms".to_owned(), "300".to_owned());
    Some(KafkaLog::connect(&config).unwrap())
}

#[test]
fn the_documents_are_those_of_the_embedded_log() {
    let _brokers = brokers();
    let Some(log) = kafka("the_documents_are_those_of_the_embedded_log") else { return };
    let (world, messages) = (World::new(), market());
    world.block_on(create_topics(&log, &config(1))).unwrap();
    for topic in TOPICS {
        let of_topic = messages.iter().filter(|(other, _)| *other == topic);
        world.block_on(log.append(topic, of_topic.map(|(_, message)| message.clone()).collect())).unwrap();
    }
    world.feed_over.set();
    let log: Arc<dyn Log> = Arc::new(log);
    // The second time with another state's identity: everything is read again and changes nothing.
    for identity in ["one", "two"] {
        let connections = Connections {
            log: Arc::clone(&log),
            identity: identity.to_owned(),
            ..world.connections(world.index(), world.state())
        };
        let health = Health::new();
        let topology = bitcoin(connections, config(2), world.feed_over.clone(), health.clone()).unwrap();
        let summary = end(topology.start(config(2).engine()).unwrap());
        assert_eq!((summary.acked, summary.failed), (messages.len() as u64, 0), "{identity}");
        assert_eq!((health.away(), health.lag().len()), (None, 4 * 9));
        assert_same(&world.export(), &reference(), identity);
    }
}

type Seen = Arc<Mutex<BTreeMap<(u32, u64), u32>>>;

/// A topology that shares the topic with others of its group, and notes how often it is given each record.
fn member(log: &KafkaLog, seen: &Seen, feed_over: &FeedOver) -> Running {
    let mut options = LogSpoutOptions::new("sharing", "shared");
    options.assignment = SpoutAssignment::Group;
    let (log, feed_over): (Arc<dyn Log>, _) = (Arc::new(log.clone()), feed_over.clone());
    let spout = move || LogSpout::new(Arc::clone(&log), options.clone(), feed_over.clone(), Health::new());
    let (topology, seen) = (Topology::new("member"), Arc::clone(seen));
    topology.spout("read", spout).shuffle().for_each("note", move |record| {
        let place = (record.position.partition, record.position.offset);
        *seen.lock().unwrap().entry(place).or_default() += 1;
    });
    topology.start(config(1).engine()).unwrap()
}

#[test]
fn partitions_move_between_topologies_without_lost_or_doubled_work() {
    let _brokers = brokers();
    let Some(log) = kafka("partitions_move_between_topologies_without_lost_or_doubled_work") else { return };
    let world = World::new();
    let options = TopicOptions { partitions: 9, retention_ms: None };
    world.block_on(log.create_topic("shared", &options)).unwrap();
    let append = |round: u32| {
        let message = |number: u32| Message { key: number.to_string().into(), ..Message::default() };
        let messages = (0..300).map(|number| message(round * 300 + number)).collect();
        world.block_on(log.append("shared", messages)).unwrap();
    };
    let (by_first, by_second) = (Seen::default(), Seen::default());
    let count = |seen: &Seen| seen.lock().unwrap().len();
    let feed_over = FeedOver::new();

    append(0);
    let first = member(&log, &by_first, &FeedOver::new());
    until(&first, "the first has all", || count(&by_first) == 300);
    let second = member(&log, &by_second, &feed_over);
    let mut round = 0;
    while count(&by_second) == 0 {
        round += 1;
        append(round);
        until(&first, "all is read", || count(&by_first) + count(&by_second) >= 300 * (round as usize + 1));
    }
    first.shutdown(std::time::Duration::from_secs(10));
    append(round + 1);
    let total = 300 * (round as usize + 2);
    until(&second, "the second takes over", || count(&by_first) + count(&by_second) >= total);
    feed_over.set();
    end(second);

    let mut times = by_first.lock().unwrap().clone();
    for (place, count) in by_second.lock().unwrap().iter() {
        *times.entry(*place).or_default() += count;
    }
    assert_eq!((times.len(), times.values().filter(|count| **count != 1).count()), (total, 0));
}
