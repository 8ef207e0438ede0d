//! The Bitcoin dashboard: command line and composition.
//!
//! Everything is decided elsewhere: `cli` names the commands, `settings` the configuration, and `commands` has one
//! file a command, which puts producers, topology and page together.

mod advance;
mod cli;
mod commands;
mod console;
mod counters;
mod feed;
mod interrupt;
mod pipeline;
mod settings;
mod setup;
mod stores;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Cli, Command};
use crate::settings::Settings;

/// What file reads may still take when everything else has ended.
const READS_MS_MAX: u64 = 500;

/// For supervisors: another process has taken this one's state over, and would be shut out in its turn if this one were started again.
const EXIT_SUPERSEDED: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::read();
    log_to_standard_error(&cli);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if console::is_enough(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console::tell(format_args!("error: {}", console::explained(&error)));
            if pipeline::is_superseded(&error) { EXIT_SUPERSEDED.into() } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = Settings::load(cli.global.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Up(cli.up)) {
            Command::Up(arguments) => commands::up::run(arguments, settings).await,
            Command::Replay(arguments) => commands::replay::run(arguments, settings).await,
            Command::Export(arguments) => commands::export::run(arguments, &settings).await,
            Command::Produce(arguments) => commands::produce::run(arguments, settings).await,
            Command::Topology(arguments) => commands::topology::run(arguments, settings).await,
            Command::Ui(arguments) => commands::ui::run(arguments, settings).await,
            Command::Record(arguments) => commands::record::run(arguments, settings).await,
            Command::Setup(arguments) => commands::setup::run(arguments, &settings).await,
            Command::Archive(arguments) => commands::archive::run(arguments, settings).await,
            Command::Sim(arguments) => commands::sim::run(arguments).await,
            Command::CheckConfig => commands::check_config::run(&settings),
        }
    });
    // A read from a pipe that nobody writes to cannot be called back; the process must end all the same.
    runtime.shutdown_timeout(Duration::from_millis(READS_MS_MAX));
    outcome
}

/// Daemons say what they do; a person at `up` or `replay` sees warnings only. `RUST_LOG` (`warn,btc_producers=debug`)
/// decides otherwise.
fn log_to_standard_error(cli: &Cli) {
    let level = match cli.command {
        Some(
            Command::Produce(_)
            | Command::Topology(_)
            | Command::Ui(_)
            | Command::Record(_)
            | Command::Archive(_),
        ) => LevelFilter::INFO,
        // Every warning there is one of the faults that it was asked for.
        Some(Command::Sim(_)) => LevelFilter::OFF,
        _ => LevelFilter::WARN,
    };
    let targets = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let lines =
        tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(lines)
        .with(targets.unwrap_or_else(|| Targets::new().with_default(level)))
        .init();
}
