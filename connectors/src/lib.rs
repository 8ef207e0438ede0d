//! The log and the index, each behind one small trait.
