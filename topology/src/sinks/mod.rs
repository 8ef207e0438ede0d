//! The ends of the topology: documents to the indices, dead letters and the secondary's documents to their topics.

mod append;
mod dead_letters;
mod documents;
mod gate;
mod index;

pub(crate) use append::Appender;
pub(crate) use dead_letters::DeadLetterSink;
pub(crate) use documents::DocumentSink;
pub(crate) use gate::Gate;
pub(crate) use index::IndexSink;
