//! The built-in page: the Bitcoin dashboard and the state of its topology, served from this process with nothing
//! fetched from elsewhere.
//!
//! The page is rendered on the server as a few named *fragments* (the price, the volume, the miners, ...). A browser
//! without JavaScript gets them once; with it, an event stream sends those that have changed, and resumes exactly
//! where it broke off, because an event's id says which fragments the reader holds.
//!
//! # Layout
//!
//! * [`serve`]: accepts connections within limits; [`PageOptions`] names every limit.
//! * `routes`, `api`, `events`, `metrics`: what is answered under which path; `guard` refuses foreign hosts.
//! * `hub`: watches the index for changes and renders each view once for all of its readers.
//! * `read` turns documents into a `Market`; `view` turns that, and the topology's snapshot, into HTML.
//! * `chart` draws with `plotters` into SVG that carries classes instead of colours, so that themes are CSS.

mod api;
mod chart;
mod documents;
mod events;
mod format;
mod fragment;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod hub;
mod market;
mod metrics;
mod options;
mod query;
mod read;
mod remote;
mod routes;
mod server;
mod snapshot;
mod stall;
mod status;
mod view;

pub use options::{OptionError, PageOptions};
pub use remote::{RemoteError, RemoteTopology};
pub use server::{ServeError, serve};
pub use status::{Counter, Status, StatusSource};
