//! The built-in pool list against the public ones.

use btc_records::{PoolList, decode_block};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    name: String,
    addresses: Vec<String>,
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Facts {
    file: String,
    pool: Option<String>,
}

/// Both lists name every shared block alike.
#[test]
fn the_public_list_names_every_block() {
    let (Some(list), Some(facts)) =
        (super::read("pools/mempool_pools-v2.json"), super::read("blocks/facts.json"))
    else {
        return;
    };
    let pools = PoolList::from_mempool_v2(&list).expect("the public list");
    for Facts { file, pool } in serde_json::from_slice::<Vec<Facts>>(&facts).expect("facts") {
        let bytes = super::read(&file).expect("a block for every fact");
        let block = decode_block(&bytes).expect("valid");
        assert_eq!(block.miner(&pools).name, pool.as_deref().unwrap_or("unknown"), "{file}");
    }
}

/// What the built-in list says of an address or a tag, the public list says too.
#[test]
fn the_built_in_list_contradicts_no_public_fact() {
    let Some(list) = super::read("pools/mempool_pools-v2.json") else {
        return;
    };
    let public = PoolList::from_mempool_v2(&list).expect("the public list");
    let builtin = PoolList::builtin();
    let none: [&str; 0] = [];
    for Entry { addresses, tags, .. } in serde_json::from_slice::<Vec<Entry>>(&list).expect("a list") {
        let by_address = addresses
            .iter()
            .map(|address| (public.attribute(b"", &[address]), builtin.attribute(b"", &[address])));
        let by_tag = tags
            .iter()
            .map(|tag| (public.attribute(tag.as_bytes(), &none), builtin.attribute(tag.as_bytes(), &none)));
        for (public, ours) in by_address.chain(by_tag) {
            assert!(ours.is_unknown() || ours.name == public.name, "{ours:?} instead of {}", public.name);
        }
    }
}

/// Every pool of a week's blocks on mempool.space is in the built-in list.
#[test]
fn every_pool_of_today_is_known() {
    #[derive(Deserialize)]
    struct Week {
        pools: Vec<Pool>,
    }
    #[derive(Deserialize)]
    struct Pool {
        name: String,
        slug: String,
    }
    let (Some(week), Some(list)) = (
        super::read("messages/mempool_space/api_mining_pools_1w.json"),
        super::read("pools/mempool_pools-v2.json"),
    ) else {
        return;
    };
    let entries: Vec<Entry> = serde_json::from_slice(&list).expect("a list");
    for Pool { name, slug } in serde_json::from_slice::<Week>(&week).expect("a week").pools {
        if slug == "unknown" {
            continue;
        }
        let entry = entries.iter().find(|entry| entry.name == name).expect("a pool of the public list");
        let tag = entry.tags.first().map_or("", String::as_str);
        let miner = PoolList::builtin().attribute(tag.as_bytes(), &entry.addresses);
        assert_eq!((miner.name, miner.slug), (name, slug));
    }
}
