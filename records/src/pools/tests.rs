//! The rule of attribution, on small lists.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{MatchedBy, PoolList};
use crate::Limits;

const LIST: &str = r#"[
    {"id": 1, "name": "First", "addresses": ["1First"], "tags": ["/first/"], "link": "https://first.example"},
    {"id": 2, "name": "Second Pool", "addresses": ["1Second", "1First"], "tags": ["/SECOND/", "/first/second/"]},
    {"id": 3, "name": "七彩", "tags": ["🐟", "st\\.op"]},
    {"id": 4, "name": "Silent"}
]"#;

fn list() -> PoolList {
    PoolList::from_mempool_v2(LIST.as_bytes()).unwrap()
}

#[test]
fn pool_by_pool_then_address_then_tag() {
    let check = |script: &str, addresses: &[&str], name: &str, matched_by: MatchedBy| {
        let miner = list().attribute(script.as_bytes(), addresses);
        assert_eq!((miner.name.as_str(), miner.matched_by), (name, matched_by), "{script} {addresses:?}");
    };
    let address = |address: &str| MatchedBy::Address(address.to_owned());
    let tag = |tag: &str| MatchedBy::Tag(tag.to_owned());
    check("x", &[], "unknown", MatchedBy::Nothing);
    check("x", &["1Nobody"], "unknown", MatchedBy::Nothing);
    check("x", &["1Nobody", "1Second"], "Second Pool", address("1Second"));
    check("x", &["1Second", "1First"], "First", address("1First"));
    check("..//First/..", &[], "First", tag("/first/"));
    check("/first/", &["1First"], "First", address("1First"));
    check("/second/", &["1First"], "First", address("1First"));
    check("/first/", &["1Second"], "First", tag("/first/"));
    check("/first/second/", &[], "First", tag("/first/"));
    check("/second/", &["1Second"], "Second Pool", address("1Second"));
    check("..🐟..", &[], "七彩", tag("🐟"));
    check("st.op", &[], "七彩", tag("st.op"));
    check("stxop", &[], "unknown", MatchedBy::Nothing);
    check("Silent", &[], "unknown", MatchedBy::Nothing);
}

#[test]
fn names_of_other_providers() {
    let pools = PoolList::builtin();
    for (provided, name, slug) in [
        ("BW.COM", "BWPool", "bwpool"),
        ("SlushPool", "Braiins Pool", "braiinspool"),
        (" antpool ", "AntPool", "antpool"),
        ("Pool of Tomorrow", "Pool of Tomorrow", "pooloftomorrow"),
        ("Unknown", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ] {
        let miner = pools.provided(provided);
        assert_eq!((miner.name.as_str(), miner.slug.as_str()), (name, slug));
        assert_eq!(miner.is_unknown(), name == "unknown");
    }
    assert!(pools.provided(&"é".repeat(1000)).name.len() <= 80);
}

#[test]
fn the_built_in_list() {
    let pools = PoolList::builtin();
    assert!(pools.len() > 100);
    let check = |script: &[u8], address: &str, name: &str| {
        assert_eq!(pools.attribute(script, &[address]).name, name);
    };
    check(b"\x03fI\x0dFoundry USA Pool #dropgold/", "", "Foundry USA");
    check(b"\x03 Mined by AntPool M", "", "AntPool");
    check(b"/ViaBTC/Mined by x/", "", "ViaBTC");
    check(b"/ViaBTC/TATMAS Pool/", "", "TATMAS Pool");
    check("\u{4e03}彩神仙鱼".as_bytes(), "", "F2Pool");
    check(b"", "1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY", "F2Pool");
    check(b"Mined by BTC Guild", "", "BTC Guild");
    check(b"    Mined by Secpool    ", "", "SECPOOL");
}

#[test]
fn refused_lists() {
    let limits = Limits { pools_max: 2, pool_facts_max: 2, pool_list_bytes_max: 200, ..Limits::DEFAULT };
    let check = |json: &str, expected: &Expect| {
        let error = PoolList::from_mempool_v2_with(json.as_bytes(), &limits).unwrap_err();
        expected.assert_eq(&error.to_string());
    };
    check("", &expect!["pool list: byte 0: EOF while parsing a value: see the provider's documentation"]);
    check(
        "{}",
        &expect![
            "pool list: message: invalid type: map, expected a sequence: see the provider's documentation"
        ],
    );
    check(
        r#"[{"id":1}]"#,
        &expect!["pool list: [0]: missing field `name`: see the provider's documentation"],
    );
    check(r#"[{"name":" "}]"#, &expect!["pool list: pool 0 has no name: give it one"]);
    check(
        r#"[{"name":"A","tags":"x"}]"#,
        &expect![[
            r#"pool list: [0].tags: invalid type: string "x", expected a sequence: see the provider's documentation"#
        ]],
    );
    check(
        r#"[{"name":"A","addresses":[1]}]"#,
        &expect![
            "pool list: [0].addresses[0]: invalid type: integer `1`, expected a string: see the provider's documentation"
        ],
    );
    check(
        r#"[{"name":"A","tags":[""]}]"#,
        &expect![[r#"pool list: A has the tag "": write 3 to 200 bytes of literal text"#]],
    );
    check(
        r#"[{"name":"A","tags":["ab"]}]"#,
        &expect![[r#"pool list: A has the tag "ab": write 3 to 200 bytes of literal text"#]],
    );
    check(
        r#"[{"name":"A","addresses":["x","y","z"]}]"#,
        &expect!["pool list: 3 addresses of A, at most 2 are read: is this the right file?"],
    );
    check(
        r#"[{"name":"A"},{"name":"B"},{"name":"C"}]"#,
        &expect!["pool list: 3 pools, at most 2 are read: is this the right file?"],
    );
    check(
        &" ".repeat(201),
        &expect![
            "pool list: message: 201 bytes, at most 200 are read: raise the limit if the feed really sends that much"
        ],
    );
}

proptest! {
    #[test]
    fn any_script_is_attributed(script: Vec<u8>, addresses: Vec<String>) {
        let miner = PoolList::builtin().attribute(&script, &addresses);
        prop_assert!(miner.slug.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !miner.slug.is_empty());
        prop_assert_eq!(miner.tag.map_or(0, |tag| tag.len()), script.len());
    }

    #[test]
    fn any_bytes_are_a_list_or_refused(json: Vec<u8>) {
        prop_assert!(PoolList::from_mempool_v2(&json).map_or(true, |list| list.is_empty()));
    }
}
