//! A Storm-style topology runtime: spouts, bolts, tracked tuples.
