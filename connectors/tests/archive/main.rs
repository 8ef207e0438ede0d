//! The archive's promises, against places that fail, crash and are tampered with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

/// A writer that dies at any moment, and writers that race: each record once.
mod crashes;
/// Files that are cut, gone, changed or foreign: told by name, before anything is lost.
mod damage;
/// A place that fails and dies at a chosen operation.
mod faulty;
/// Records and what an archive holds of them.
mod support;
