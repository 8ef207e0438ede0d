//! The promises of keyed state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::unique;
use crate::state::now_ms;
use crate::{State, StateChange};

pub(super) fn a_value_comes_back_byte_for_byte(state: &impl State) {
    let name = unique("bytes");
    let (key, value) = ([0, 255, b'k', 0], [0, 1, 255, 10]);
    apply(
        state,
        vec![put(&name, &key, &value), put(&name, b"", b"of the empty key"), put(&name, b"empty", b"")],
    );
    assert_eq!(get(state, &name, &key).as_deref(), Some(&value[..]));
    assert_eq!(get(state, &name, b"").as_deref(), Some(&b"of the empty key"[..]));
    assert_eq!(get(state, &name, b"empty").as_deref(), Some(&b""[..]), "an empty value is one");
    assert_eq!(get(state, &name, b"absent"), None);
}

pub(super) fn the_last_change_of_an_apply_counts(state: &impl State) {
    let name = unique("last");
    apply(
        state,
        vec![put(&name, b"a", b"1"), put(&name, b"a", b"2"), put(&name, b"b", b"1"), remove(&name, b"b")],
    );
    assert_eq!(scan(state, &name, b""), [(b"a".to_vec(), b"2".to_vec())]);
    apply(state, vec![remove(&name, b"a"), remove(&name, b"never there")]);
    assert_eq!(scan(state, &name, b""), []);
}

pub(super) fn namespaces_are_apart(state: &impl State) {
    let name = unique("apart");
    let (short, long) = (format!("{name}-a"), format!("{name}-ab"));
    apply(state, vec![put(&short, b"bc", b"short"), put(&long, b"c", b"long")]);
    assert_eq!(scan(state, &short, b""), [(b"bc".to_vec(), b"short".to_vec())]);
    assert_eq!(scan(state, &long, b""), [(b"c".to_vec(), b"long".to_vec())]);
    assert_eq!(scan(state, &name, b""), []);
}

pub(super) fn a_scan_gives_a_prefix_in_byte_order(state: &impl State) {
    let name = unique("scan");
    let keys: [&[u8]; 7] = [b"b", b"a\xff\xff", b"a", b"a\xff", b"", b"ab", b"a\0"];
    apply(state, keys.iter().map(|key| put(&name, key, key)).collect());
    let keys = |prefix: &[u8]| scan(state, &name, prefix).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(b"a"), [&b"a"[..], b"a\0", b"ab", b"a\xff", b"a\xff\xff"]);
    assert_eq!(keys(b"a\xff"), [&b"a\xff"[..], b"a\xff\xff"]);
    assert_eq!(keys(b"").len(), 7);
    assert_eq!(keys(b"c").len(), 0);
}

pub(super) fn what_has_expired_is_gone_until_written_anew(state: &impl State) {
    const HOUR_MS: i64 = 3_600_000;
    let name = unique("expiry");
    let until = |key: &[u8], at| StateChange { expires_ms: Some(at), ..put(&name, key, b"v") };
    apply(state, vec![until(b"past", now_ms() - 1), until(b"future", now_ms() + HOUR_MS)]);
    assert_eq!(scan(state, &name, b""), [(b"future".to_vec(), b"v".to_vec())]);
    assert_eq!(get(state, &name, b"past"), None);
    // The second is what forgets the first, where the store forgets by being written to.
    apply(state, vec![put(&name, b"other", b"v")]);
    apply(state, vec![put(&name, b"past", b"again")]);
    assert_eq!(get(state, &name, b"past").as_deref(), Some(&b"again"[..]));
    apply(state, vec![put(&name, b"future", b"for ever")]);
    assert_eq!(get(state, &name, b"future").as_deref(), Some(&b"for ever"[..]));
}

pub(super) fn an_empty_apply_is_nothing(state: &impl State) {
    apply(state, Vec::new());
}

pub(super) fn a_large_apply_is_whole(state: &impl State) {
    const COUNT: u32 = 20_000;
    let name = unique("large");
    apply(state, (0..COUNT).map(|n| put(&name, &n.to_be_bytes(), &[b'x'; 100])).collect());
    assert_eq!(scan(state, &name, b"").len(), COUNT as usize);
    apply(state, (0..COUNT).map(|n| remove(&name, &n.to_be_bytes())).collect());
    assert_eq!(scan(state, &name, b""), []);
}

pub(super) fn readers_see_an_apply_whole_or_not_at_all(state: &impl State) {
    let (name, is_over) = (unique("whole"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let seen = scan(state, &name, b"");
                assert!(seen.windows(2).all(|pair| pair[0].1 == pair[1].1), "{seen:?}");
            }
        });
        for round in 0..20_u32 {
            apply(state, (0..5_u8).map(|key| put(&name, &[key], &round.to_be_bytes())).collect());
        }
        is_over.store(true, Ordering::Release);
    });
}

pub(super) fn concurrent_applies_are_all_made(state: &impl State) {
    let name = unique("concurrent");
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let name = &name;
            scope.spawn(move || {
                for n in 0..10_u8 {
                    apply(state, vec![put(name, &[thread, n], b"v")]);
                }
            });
        }
    });
    assert_eq!(scan(state, &name, b"").len(), 40);
}

pub(super) fn facts_are_kept_apart_from_entries(state: &impl State) {
    let name = unique("fact");
    let fact = || state.meta_get(&name).expect("a fact can be asked for");
    assert_eq!(fact(), None);
    for value in ["sample", "live"] {
        state.meta_set(&name, value).expect("a fact is noted");
        assert_eq!(fact().as_deref(), Some(value));
    }
    apply(state, vec![put(&name, b"", b"v"), remove("", name.as_bytes())]);
    assert_eq!(fact().as_deref(), Some("live"));
}

fn put(namespace: &str, key: &[u8], value: &[u8]) -> StateChange {
    StateChange {
        namespace: namespace.to_owned(),
        key: key.into(),
        value: Some(value.into()),
        expires_ms: None,
    }
}

fn remove(namespace: &str, key: &[u8]) -> StateChange {
    StateChange { value: None, ..put(namespace, key, b"") }
}

#[track_caller]
fn apply(state: &impl State, changes: Vec<StateChange>) {
    state.state_apply(changes).expect("changes are applied");
}

#[track_caller]
fn get(state: &impl State, namespace: &str, key: &[u8]) -> Option<Vec<u8>> {
    state.state_get(namespace, key).expect("a key can be looked up")
}

#[track_caller]
fn scan(state: &impl State, namespace: &str, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut seen = Vec::new();
    let scanned =
        state.state_scan(namespace, prefix, &mut |key, value| seen.push((key.to_vec(), value.to_vec())));
    scanned.expect("a namespace can be scanned");
    seen
}
