//! `check-config`: the configuration in force, as a configuration file.

use anyhow::Context as _;

use crate::console::print;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let text = toml::to_string_pretty(settings).context("the configuration cannot be shown as TOML")?;
    print(&text)
}
