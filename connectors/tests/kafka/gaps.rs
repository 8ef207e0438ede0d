//! Offsets without a record: ends of transactions, transactions that were aborted, what retention deleted.

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminOptions;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use trombe_connectors::{Compression, Log};

use crate::cluster::{Cluster, PATIENCE, consumer, message, poll_until, position, topic};

/// Appends a transaction of so many messages, and commits or aborts it.
fn transact(producer: &BaseProducer, topic: &str, messages: usize, is_committed: bool) {
    producer.begin_transaction().unwrap();
    for _ in 0..messages {
        producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload("x")).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    if is_committed {
        producer.commit_transaction(PATIENCE).unwrap();
    } else {
        producer.abort_transaction(PATIENCE).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_are_passed_over_and_lag_reaches_zero() {
    let Some(cluster) = Cluster::find("gaps_are_passed_over_and_lag_reaches_zero") else { return };
    let log = cluster.log(|_| {});
    topic(&log, "prices", 1).await;
    let full_name = format!("{}prices", cluster.prefix);
    let producer: BaseProducer = cluster.settings().set("transactional.id", &full_name).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    // Each transaction ends with a marker that takes an offset too.
    transact(&producer, &full_name, 3, true);
    transact(&producer, &full_name, 2, false);
    transact(&producer, &full_name, 1, true);

    let mut reader = consumer(&log, "docs", "prices");
    let records = poll_until(&mut *reader, |_, records| records.len() == 4);
    let offsets: Vec<_> = records.iter().map(|record| record.position.offset).collect();
    assert_eq!((offsets, reader.missed()), (vec![0, 1, 2, 7], 0));
    for gap in [3, 4, 6, 8] {
        assert_eq!(reader.read(&position("prices", gap)).unwrap(), None, "offset {gap}");
    }
    reader.commit(&[position("prices", 8)]).unwrap();
    poll_until(&mut *reader, |reader, _| {
        let lag = reader.lag().unwrap().remove(0);
        assert_eq!(lag.end_offset, 9);
        lag.committed.offset == 9
    });
    drop(reader);
    log.append("prices", vec![message(b"later")]).await.unwrap();
    let records = poll_until(&mut *consumer(&log, "docs", "prices"), |_, records| !records.is_empty());
    assert_eq!(records[0].position.offset, 9);
    cluster.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_deleted_is_counted_and_passed_over() {
    let Some(cluster) = Cluster::find("what_retention_deleted_is_counted_and_passed_over") else { return };
    // Messages that do not compress, and a queue for a few of them, so that reading ahead does not reach the end.
    let log = cluster.log(|config| {
        (config.compression, config.consumer_queue_bytes_max) = (Compression::None, 1 << 20);
        (config.fetch_bytes_max, config.partition_fetch_bytes_max) = (1 << 20, 1 << 18);
        config.replay_bytes_max = 0;
    });
    topic(&log, "prices", 1).await;
    log.append("prices", vec![message(&vec![7; 300_000]); 40].clone()).await.unwrap();
    let mut running = consumer(&log, "docs", "prices");
    running.commit(&[position("prices", 2)]).unwrap();
    poll_until(&mut *running, |_, records| !records.is_empty());

    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&format!("{}prices", cluster.prefix), 0, Offset::Offset(30)).unwrap();
    cluster.admin().delete_records(&before, &AdminOptions::new()).await.unwrap();

    assert_eq!(running.read(&position("prices", 3)).unwrap(), None);
    let mut given = 1;
    poll_until(&mut *running, |running, records| {
        given = records.len() as u64;
        records.last().is_some_and(|record| record.position.offset == 39) && running.missed() > 0
    });
    assert!(running.missed() < 29, "{} missed", running.missed());
    drop(running);

    let mut restarted = consumer(&log, "docs", "prices");
    let records = poll_until(&mut *restarted, |_, records| records.len() == 10);
    assert_eq!((records[0].position.offset, restarted.missed()), (30, 28));
    cluster.clean_up().await;
}
