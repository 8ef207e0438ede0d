# `just` lists what there is to do; `just test` is what a change must pass.

_default:
    @just --list

# Format, lint, licences: what can be judged without running the code.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo deny check bans licenses sources

# Everything a change must pass.
test: check
    cargo test --workspace
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

# Every interleaving of the engine's queues, trackers and books, by loom; LOOM_MAX_PREEMPTIONS=3 tries more of them.
test-loom:
    RUSTFLAGS='--cfg trombe_loom' cargo test --package trombe --lib models

# A parser of outside bytes for a minute under cargo-fuzz, which wants a nightly toolchain: `just fuzz price`. Without a sanitizer, as
# librdkafka's build does not link it, and without `cfg(fuzzing)`, so that it is what is shipped.
fuzz TARGET:
    cargo run --package btc-fuzz-targets --features archive --example corpus
    cargo +nightly fuzz run --sanitizer none --no-cfg-fuzzing {{ TARGET }} -- -max_total_time=60

# A thousand simulated worlds of the Bitcoin topology, which must withstand everything within two minutes: `just simulate 1000..2000`.
simulate SEEDS="0..1000":
    .ci/simulate {{ SEEDS }}

# The conformance suites and the end-to-end tests on three Kafka brokers and three Elasticsearch nodes, started for it.
test-cluster:
    tests/services/run

# What the engine spends on a message, in instructions, against what is stored; `just instructions --store` stores it.
instructions *ARGS:
    .ci/instructions {{ARGS}}

# Ours beside Storm, Flink, Kafka Streams and the limit without a framework, in turn; TROMBE_PEERS is the folder of their kit, built
# (Java and Maven), and TROMBE_BENCH_DATA the input, which the first command makes: `just bench-peers runs=3 warm=3 secs=8`.
bench-peers *ARGS:
    test -e "$TROMBE_BENCH_DATA" || cargo bench -p trombe --bench throughput -- utx out="$TROMBE_BENCH_DATA"
    cargo bench -p trombe --bench throughput -- peers {{ARGS}}

# From Kafka to Elasticsearch, on servers started for it: what a core of the topology's computes and indexes.
bench-cluster:
    cargo build --release
    tests/services/run tests/services/throughput

# The dashboard on its sample feed, at http://127.0.0.1:8080.
run *ARGS:
    cargo run --release -- {{ARGS}}

# The same run as the continuous integration's.
ci:
    bash .ci/run
