//! Goal: what an operator types works: every program starts, stops, restarts, and is healed when it dies. Method: the
//! configuration is read as data, and a real supervisord runs it in a scratch folder, on the embedded store with a local
//! price server, and on stand-ins for the distributions of Kafka, Elasticsearch and Kibana.

/// The configuration and the script behind it, without supervisord.
mod configuration;
/// Under a real supervisord.
mod live;
/// A scratch folder with a copy of supervisord/ and a supervisord at work in it.
mod stage;
