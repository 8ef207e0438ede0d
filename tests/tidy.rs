//! Goal: the repository keeps the shape that ARCHITECTURE.md promises. Method: read it as data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Longer files hide a second concept. Tests count too.
const FILE_LINES_MAX: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository that git tracks.
fn tracked_files() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files failed; run the tests in a git checkout");
    String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect()
}

fn rust_files() -> impl Iterator<Item = (PathBuf, String)> {
    tracked_files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    })
}

#[test]
fn crates_depend_only_as_the_layers_allow() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("trombe", &[][..]),
        ("btc-records", &[][..]),
        ("trombe-connectors", &[][..]),
        ("btc-producers", &["btc-records", "trombe-connectors"][..]),
        ("btc-topology", &["btc-records", "trombe-connectors", "trombe"][..]),
        ("btc-es-mappings", &[][..]),
        ("btc-dashboard-kibana", &["btc-es-mappings"][..]),
        ("btc-dashboard-web", &["trombe-connectors", "trombe", "btc-topology"][..]),
        (
            "btc-fuzz-targets",
            &[
                "trombe",
                "btc-records",
                "trombe-connectors",
                "btc-producers",
                "btc-topology",
                "btc-dashboard-web",
            ][..],
        ),
        (
            "bitcoin-dashboard",
            &[
                "trombe",
                "btc-records",
                "trombe-connectors",
                "btc-producers",
                "btc-topology",
                "btc-es-mappings",
                "btc-dashboard-kibana",
                "btc-dashboard-web",
            ][..],
        ),
    ]);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        allowed.keys().copied().collect(),
        "a crate came or went: say here what it may depend on"
    );
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency_name = dependency["name"].as_str().unwrap();
            if names.contains(dependency_name) && dependency["kind"].is_null() {
                assert!(
                    allowed[name].contains(&dependency_name),
                    "{name} must not depend on {dependency_name}"
                );
            }
        }
    }
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = rust_files()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split these by concept (at most {FILE_LINES_MAX} lines): {long:#?}");
}

/// Where a thread may sleep, and why.
const SLEEPERS: [(&str, &str); 4] = [
    ("connectors/src/conformance/mod.rs", "polls any store for a condition, with an end"),
    ("connectors/src/conformance/log_steps.rs", "polls any store for a condition, with an end"),
    (
        "connectors/src/kafka/admin.rs",
        "asks brokers until they know of a new topic, which none of them tells",
    ),
    ("connectors/src/embedded/writer.rs", "backs off while another process writes, which cannot wake it"),
];

#[test]
fn threads_wait_for_conditions_instead_of_sleeping() {
    let needle = ["thread::", "sleep("].concat();
    let sleeping: BTreeSet<PathBuf> = rust_files()
        .filter(|(_, text)| text.contains(&needle))
        .map(|(path, _)| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    let allowed = SLEEPERS.iter().map(|(path, _)| PathBuf::from(path)).collect();
    assert_eq!(
        sleeping, allowed,
        "wait for a condition, or use paused time; an exception needs its reason in SLEEPERS"
    );
}

#[test]
fn only_the_clock_reads_the_engines_time() {
    let clock = ["Instant::", "now("].concat();
    let outside: Vec<_> = rust_files()
        .filter(|(path, text)| path.starts_with(root().join("runtime/src")) && text.contains(&clock))
        .map(|(path, _)| path)
        .filter(|path| !path.ends_with("clock.rs"))
        .collect();
    assert!(outside.is_empty(), "the engine's time comes from its Clock: {outside:#?}");
}

/// The folders at the top that hold something tracked, hidden ones apart.
fn folders() -> BTreeSet<String> {
    let top = |path: PathBuf| {
        let mut parts = path.strip_prefix(root()).unwrap().components();
        let first = parts.next()?.as_os_str().to_str()?.to_owned();
        (parts.next().is_some() && !first.starts_with('.')).then_some(first)
    };
    tracked_files().into_iter().filter_map(top).collect()
}

#[test]
fn the_architecture_page_names_what_is_there() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for folder in folders() {
        assert!(page.contains(&format!("{folder}/")), "ARCHITECTURE.md does not explain {folder}/");
    }
    for word in page.split(|c: char| c.is_whitespace() || "`()|,".contains(c)) {
        let is_rust = Path::new(word).extension().is_some_and(|e| e == "rs");
        let is_path = word.contains('/') && is_rust && !word.contains("://");
        assert!(!is_path || root().join(word).is_file(), "ARCHITECTURE.md names {word}, which is not there");
    }
}

#[test]
fn no_page_waits_to_be_filled_in() {
    let is_mark = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase());
    let is_open = |text: &str| {
        let parts: Vec<&str> = text.split("@@").collect();
        parts.iter().skip(1).rev().skip(1).any(is_mark)
    };
    let open: Vec<_> = tracked_files()
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| is_open(&text)))
        .collect();
    assert!(open.is_empty(), "fill in what stands between two pairs of @: {open:#?}");
}

#[test]
fn no_source_is_left_unfinished() {
    let marks = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["FIX", "ME"].concat(),
        ["TO", "DO"].concat(),
    ];
    let unfinished: Vec<_> = rust_files()
        .filter(|(_, text)| marks.iter().any(|mark| text.contains(mark.as_str())))
        .map(|(path, _)| path)
        .collect();
    assert!(unfinished.is_empty(), "finish or delete: {unfinished:#?}");
}
