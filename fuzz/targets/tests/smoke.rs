//! Goal: no bytes from outside make a parser panic or break its promises. Method: each fuzz target on its seeds and on some thousand
//! mutations of them from a seed that is printed; `FUZZ_SEED` sets another one, `FUZZ_ROUNDS` how many.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use btc_fuzz_targets::{Mutator, TARGETS, Target};

/// As many as leave the whole test below ten seconds without optimisation.
const ROUNDS: u64 = 3_000;
const SEED: u64 = 2_024;
const BYTES_MAX: usize = 16 << 10;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[track_caller]
fn check(target: Target, data: &[u8], what: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.check)(data))).unwrap_or_else(|_| {
        let bytes: String = data.escape_ascii().to_string();
        panic!("{} breaks its promises on {what}: b\"{bytes}\"", target.name)
    })
}

#[test]
fn seeds_are_understood() {
    for &target in TARGETS {
        let seeds = (target.seeds)();
        let understood = seeds.iter().filter(|seed| check(target, seed, "a seed")).count();
        assert!(understood * 2 >= seeds.len(), "{}: {understood} of {} seeds", target.name, seeds.len());
    }
}

#[test]
fn mutations_break_no_promise() {
    let (seed, rounds) = (setting("FUZZ_SEED", SEED), setting("FUZZ_ROUNDS", ROUNDS));
    for &target in TARGETS {
        let (seeds, mut mutator) = ((target.seeds)(), Mutator::new(seed));
        let understood = (0..rounds)
            .filter(|round| {
                let data = mutator.mutated(&seeds, BYTES_MAX);
                check(target, &data, &format!("mutation {round} of FUZZ_SEED={seed}"))
            })
            .count();
        eprintln!("{}: {rounds} mutations of seed {seed}, {understood} understood", target.name);
    }
}

#[test]
fn every_target_has_its_file() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let files =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    let mut names: Vec<String> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    if cfg!(not(feature = "archive")) {
        names.push("archive.rs".to_owned());
    }
    files.sort();
    names.sort();
    assert_eq!(files, names);
    let readme = std::fs::read_to_string(folder.join("../README.md")).unwrap();
    for name in names.iter().filter_map(|name| name.strip_suffix(".rs")) {
        assert!(readme.contains(&format!("| `{name}` |")), "fuzz/README.md says nothing of {name}");
    }
}
