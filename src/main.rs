//! The Bitcoin dashboard.

fn main() {}
