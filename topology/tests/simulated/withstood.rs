//! Goal: under every fault the documents are those of the oracle and of an undisturbed run. Method: seeds; the figures are printed.

use btc_topology::sim::{FAULTS, bitcoin_simulation};

/// A few seconds of them; `bitcoin-dashboard sim` runs as many as one likes.
const SEEDS: std::ops::Range<u64> = 0..24;

#[test]
fn every_fault_is_withstood() {
    let report = bitcoin_simulation().seeds(SEEDS).threads(2).run();
    eprint!("{report}");
    assert!(report.is_ok(), "{report}");
    let rare = report.faults.iter().filter(|(_, count)| **count == 0).count();
    assert!(rare == 0 && report.faults.len() == FAULTS.len(), "some fault never struck: {report}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..3 {
        let trace = || bitcoin_simulation().trace(seed);
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let report = bitcoin_simulation().faults([]).messages(0).seeds(0..1).run();
    assert!(report.is_ok(), "{report}");
}
