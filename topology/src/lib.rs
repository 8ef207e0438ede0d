//! The Bitcoin topology: spouts, bolts and wiring.
