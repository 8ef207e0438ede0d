//! What it costs to read one message, by criterion: `cargo bench -p btc-records`.
#![expect(missing_docs, reason = "criterion's macros define public items")]

use std::hint::black_box;

use btc_records::fuzzing::parse_without_layout;
use btc_records::{PoolList, parse_chain};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A transaction as blockchain.info sends it: two inputs with signatures, two outputs, about a kilobyte.
fn utx() -> String {
    let hash = "0857b9de1884eec314ecf67c040a2657b8e083e1f95e31d0b5ba3d328841fc7f";
    let party = |addr: &str, value: u64| {
        format!(
            r#"{{"spent":true,"tx_index":995054685550468,"type":0,"addr":"{addr}","value":{value},"n":0,"script":"76a91477f4c9ee75e449a74c21a4decfb50519cbc245b388ac"}}"#
        )
    };
    let spent = party("1BwGf3z7n2fHk6NoVJNkV32qwyAYsMhkWf", 65_574_000);
    let change = spent.replace("65574000", "10000000");
    let paid = party("1A828tTnkVFJfSvLCqF42ohZ51ksS3jJgX", 55_564_000);
    let signature = format!("483045022100{hash}0220{hash}012103{hash}");
    let input = format!(r#"{{"sequence":4294967295,"prev_out":{spent},"script":"{signature}"}}"#);
    format!(
        r#"{{"op":"utx","x":{{"lock_time":0,"ver":1,"size":374,"inputs":[{input},{input}],"time":1440086763,"tx_index":0,"vin_sz":2,"hash":"{hash}","vout_sz":2,"relayed_by":"0.0.0.0","out":[{paid},{change}]}}}}"#
    )
}

fn transaction(c: &mut Criterion) {
    let (message, pools) = (utx(), PoolList::builtin());
    let mut group = c.benchmark_group("utx");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("in its layout", |b| {
        b.iter(|| parse_chain("blockchain-info", black_box(message.as_bytes()), 0, &pools));
    });
    group.bench_function("as any JSON", |b| {
        b.iter(|| parse_without_layout("blockchain-info", black_box(message.as_bytes()), 0, &pools));
    });
    group.finish();
}

criterion_group!(benches, transaction);
criterion_main!(benches);
