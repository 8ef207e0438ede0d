//! `check-config`: the configuration in force, as a configuration file.

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::settings::Settings;

pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let text = toml::to_string_pretty(settings).context("the configuration cannot be shown as TOML")?;
    io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
