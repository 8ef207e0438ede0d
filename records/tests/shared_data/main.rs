//! The parsers on recorded data: every file of the shared data folder.
//!
//! The folder is not part of the project. It is looked for beside the project, or where `TROMBE_DATA` says;
//! without it these tests say `skipped` and pass, and the crate's own fixtures have to do.

mod blocks;
mod messages;
mod pools;

use std::path::{Path, PathBuf};

/// A file of the shared data, or `None`, loudly, without the folder.
fn path(relative: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TROMBE_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder.join(relative));
    }
    eprintln!(
        "skipped: no {} (set TROMBE_DATA to the shared data), {relative} was not read",
        folder.display()
    );
    None
}

fn read(relative: &str) -> Option<Vec<u8>> {
    path(relative)
        .map(|path| std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn read_text(relative: &str) -> Option<String> {
    read(relative).map(|bytes| String::from_utf8(bytes).expect("a text"))
}
