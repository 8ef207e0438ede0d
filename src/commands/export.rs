//! `export`: an index as lines of JSON.

use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, ensure};
use btc_topology::documents::INDICES;
use trombe_connectors::{Index, StoredDocument};

use crate::cli::ExportArgs;
use crate::settings::Settings;
use crate::stores::open_index;

/// Documents read from the store at a time.
const PAGE_DOCUMENTS_MAX: usize = 1_000;

pub(crate) async fn run(arguments: ExportArgs, settings: &Settings) -> anyhow::Result<()> {
    let ExportArgs { store: file, index } = arguments;
    ensure!(
        INDICES.contains(&index.as_str()),
        "there is no index {index}; the indices are {}",
        INDICES.join(", ")
    );
    let store = open_index(file.as_deref(), settings)?;
    let mut out = BufWriter::new(io::stdout().lock());
    write_all(store.as_ref(), &index, &mut out).await
}

async fn write_all(store: &dyn Index, index: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(index, after.as_deref(), PAGE_DOCUMENTS_MAX).await?;
        for document in &page {
            write_line(document, out)?;
        }
        match page.into_iter().last() {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    out.flush().context("cannot write to standard output")
}

/// The source is copied as it is stored, so that two exports can be compared byte by byte.
fn write_line(document: &StoredDocument, out: &mut impl Write) -> io::Result<()> {
    let StoredDocument { id, version, source } = document;
    let id = serde_json::to_string(id)?;
    writeln!(out, r#"{{"_id":{id},"_version":{version},"_source":{source}}}"#)
}
