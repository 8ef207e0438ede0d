//! `record`: the live feeds into files.

use std::sync::Arc;

use btc_producers::Progress;

use crate::cli::RecordArgs;
use crate::console::tell;
use crate::interrupt::interrupt;
use crate::settings::Settings;

pub(crate) async fn run(arguments: RecordArgs, settings: Settings) -> anyhow::Result<()> {
    let progress = Arc::new(Progress::new());
    tell(format_args!("Recording the live feeds into {}; Ctrl-C ends it.", arguments.out.display()));
    let summary = btc_producers::record(&arguments.out, settings.producers, progress, interrupt()?).await?;
    tell(format_args!("Recorded {} messages ({} bytes).", summary.messages, summary.bytes));
    Ok(())
}
