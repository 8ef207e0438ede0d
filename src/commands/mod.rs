//! One file a command.

pub(crate) mod archive;
pub(crate) mod check_config;
pub(crate) mod export;
pub(crate) mod produce;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod sim;
pub(crate) mod topology;
pub(crate) mod ui;
pub(crate) mod up;
