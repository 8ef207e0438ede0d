//! The archive of topics: date-partitioned Parquet files in a folder or on S3, each offset in it once.
//!
//! ```text
//! _archive.json                                                        whose records these are
//! _commits/topic=<topic>/partition=<partition>/<number>.json           which offsets are in which files
//! topic=<topic>/date=<YYYY-MM-DD>/<partition>-<first>-<last>-<hash>.parquet
//! ```
//!
//! Columns: `partition`, `offset`, `timestamp` (milliseconds, UTC), `key` and `value` (the bytes as they were received),
//! `headers` (a list of `name` and `value`). The date is the UTC day of the message's time. Any reader of Hive-partitioned
//! Parquet reads the files; one that must see each record once joins them with the commits, or waits for a [`sweep`].
//!
//! **The decision** is that a commit, one small file that only one writer can create, makes a batch part of the archive.
//! Data files are written before it under names made of their content. So at whatever moment a writer dies, or two of
//! them race, a record is committed once or not yet, and the log gives it again. **Its cost** is a request more for each
//! batch, and a listing of all commits at the start.
//!
//! **The place** is anything that can create a file only if it is absent: local disks, S3, and what speaks its protocol.
//! HDFS itself is not among them; its S3 gateway (Apache Ozone's, by `AWS_ENDPOINT`) is, if it honours `If-None-Match` of a
//! `PUT`. `WebHDFS` and `HttpFS` do not speak S3.
//!
//! Architecture invariant: nothing here knows which log the records come from, nor what they mean.

mod catalogue;
mod columns;
mod commit;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod names;
mod place;
mod reader;
mod runs;
mod s3;
mod writer;

pub use catalogue::{Manifest, Origin};
pub use error::ArchiveError;
pub use place::Place;
pub use reader::Reader;
pub use writer::{Writer, Written, sweep};
