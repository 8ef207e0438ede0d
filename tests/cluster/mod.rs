//! The same dashboard on real Kafka and Elasticsearch: the same documents, whatever is killed.
//!
//! `tests/services/run` starts the servers and says where they are; without them these tests are skipped, loudly.

mod crashes;
mod equal;
mod killed;
mod outage;
mod restored;
mod servers;
