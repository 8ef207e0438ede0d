//! The built-in page.
