//! The daemons that carry a feed into the log.
