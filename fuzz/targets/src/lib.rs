//! What every parser of outside bytes promises, as functions of bytes: no panic, limits kept, and what is written can be read again.
//!
//! Each [`Target`] is run by cargo-fuzz (`cargo +nightly fuzz run NAME`, after `cargo run --package btc-fuzz-targets --example corpus`,
//! which writes the seeds where it looks for them), and by `cargo test` on the stable toolchain, on the same seeds and some thousand
//! mutations of them.

mod answers;
#[cfg(feature = "archive")]
mod archive;
mod chain;
mod engine;
mod files;
mod mutation;
mod page;
mod prices;
mod providers;
mod settings;
mod stored;

pub use mutation::Mutator;

/// One parser, or a family of them.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name that `cargo fuzz run` knows it by.
    pub name: &'static str,
    /// Panics if the parser does not keep its promises on these bytes. True if it understood them.
    pub check: fn(&[u8]) -> bool,
    /// Bytes that it understands, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "price", check: prices::check, seeds: prices::seeds },
    Target { name: "chain", check: chain::check, seeds: chain::seeds },
    Target { name: "layout", check: chain::check_layout, seeds: chain::layout_seeds },
    Target { name: "raw_block", check: chain::check_block, seeds: chain::block_seeds },
    Target { name: "blk_file", check: files::check_blk, seeds: files::blk_seeds },
    Target { name: "pools", check: files::check_pools, seeds: files::pools_seeds },
    Target { name: "recording", check: files::check_recording, seeds: files::recording_seeds },
    Target { name: "prices_csv", check: files::check_prices_csv, seeds: files::prices_csv_seeds },
    Target { name: "state_rows", check: stored::check_rows, seeds: stored::row_seeds },
    Target { name: "batch", check: stored::check_batch, seeds: stored::batch_seeds },
    Target { name: "dead_letter", check: stored::check_dead_letter, seeds: stored::dead_letter_seeds },
    Target { name: "envelope", check: stored::check_envelope, seeds: stored::envelope_seeds },
    Target { name: "query", check: answers::check_query, seeds: answers::query_seeds },
    Target {
        name: "elasticsearch",
        check: answers::check_elasticsearch,
        seeds: answers::elasticsearch_seeds,
    },
    Target { name: "kibana", check: answers::check_kibana, seeds: answers::kibana_seeds },
    Target { name: "providers", check: providers::check, seeds: providers::seeds },
    Target { name: "state_record", check: stored::check_state_record, seeds: stored::state_record_seeds },
    Target { name: "lineage", check: engine::check_lineage, seeds: engine::lineage_seeds },
    Target { name: "strike", check: engine::check_strike, seeds: engine::strike_seeds },
    Target { name: "documents", check: page::check_documents, seeds: page::document_seeds },
    Target { name: "status", check: page::check_status, seeds: page::status_seeds },
    Target { name: "host", check: page::check_host, seeds: page::host_seeds },
    #[cfg(feature = "archive")]
    Target { name: "archive", check: archive::check, seeds: archive::seeds },
    Target { name: "configuration", check: settings::check, seeds: settings::seeds },
];

/// The target of that name.
///
/// # Panics
///
/// There is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.expect("a name of TARGETS")
}

/// The first byte chooses among so many, the rest is what is read.
fn choose(data: &[u8], count: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((usize::from(*first) % count, rest))
}

/// A seed for [`choose`].
fn chosen(choice: usize, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let choice = u8::try_from(choice).expect("few choices");
    [&[choice], rest.as_ref()].concat()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
