//! Goal: what runs on one file runs unchanged on a cluster. Method: the same feeds through both, exports compared byte by
//! byte.

use super::servers::{ALL_INDICES, Cluster, exclusively};
use crate::support::{Bench, SHORT_SAMPLE, shared_data};

#[track_caller]
fn expect_equal(embedded: &Bench, cluster: &Cluster) {
    let mut documents = 0;
    for (index, got) in ALL_INDICES.iter().zip(cluster.exports()) {
        let expected = embedded.export(index);
        assert!(expected == got, "{index} differs between the embedded run and the cluster's");
        documents += got.lines().count();
    }
    assert!(documents > 0);
    eprintln!("{documents} documents are equal");
}

#[test]
fn real_blocks_give_the_embedded_documents() {
    const TEST: &str = "cluster-blocks";
    let _servers = exclusively();
    let (Some(cluster), Some(data)) = (Cluster::find(TEST), shared_data(TEST)) else {
        return;
    };
    let blocks = data.join("blocks/mainnet");
    let feed = ["blocks", blocks.to_str().unwrap()];
    let embedded = Bench::new();
    embedded.replay(&feed, &[]);
    cluster.run(&["replay", "--feed", feed[0], feed[1]], &[]);
    expect_equal(&embedded, &cluster);

    // Again, now that everything is there: nothing may change.
    cluster.run(&["replay", "--feed", feed[0], feed[1]], &[]);
    expect_equal(&embedded, &cluster);
}

#[test]
fn a_lost_state_file_loses_nothing() {
    let _servers = exclusively();
    let Some(cluster) = Cluster::find("cluster-state") else {
        return;
    };
    let embedded = Bench::new();
    embedded.replay(&["sample"], &SHORT_SAMPLE);
    for state in ["one.db", "two.db"] {
        let state = cluster.bench.path(state);
        cluster.run(&["replay", "--feed", "sample", "--store", state.to_str().unwrap()], &SHORT_SAMPLE);
        expect_equal(&embedded, &cluster);
    }
    // A run that found nothing prepared has made everything as `setup` would have.
    cluster.run(&["setup", "--kafka", "--elasticsearch", "--check"], &[]);
}

#[test]
fn topics_of_one_feed_take_no_other() {
    let _servers = exclusively();
    let Some(cluster) = Cluster::find("cluster-feeds") else {
        return;
    };
    cluster.run(&["produce", "feed", "--feed", "sample"], &SHORT_SAMPLE);
    let output = cluster.command(&["topology", "--feed", "live"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(words.contains("hold messages of the sample feed, not live"), "{words}");
}
