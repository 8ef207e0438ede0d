-- The embedded store's tables, schema version 3.

-- Small facts about the store itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A topic owns the partition ids first_partition .. first_partition + partitions.
CREATE TABLE topics (
    name            TEXT PRIMARY KEY,
    first_partition INTEGER NOT NULL,
    partitions      INTEGER NOT NULL,
    retention_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- The messages start_offset .. end_offset are there. Those from segment_offset on form the open segment, to
-- which messages are still added.
CREATE TABLE partitions (
    id             INTEGER PRIMARY KEY,
    start_offset   INTEGER NOT NULL DEFAULT 0,
    end_offset     INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0,
    segment_offset INTEGER NOT NULL DEFAULT 0,
    segment_bytes  INTEGER NOT NULL DEFAULT 0,
    appended_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Closed segments: start_offset .. end_offset, of which the last message was appended at appended_ms.
CREATE TABLE segments (
    partition_id INTEGER NOT NULL,
    start_offset INTEGER NOT NULL,
    end_offset   INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    appended_ms  INTEGER NOT NULL,
    PRIMARY KEY (partition_id, start_offset)
) STRICT, WITHOUT ROWID;

-- place = partition id * 2^40 + offset, of the batch's last message: one tree in which each partition is one
-- contiguous run. The count messages lie one after the other, the latest of them is of latest_ms.
CREATE TABLE batches (
    place     INTEGER PRIMARY KEY,
    count     INTEGER NOT NULL,
    latest_ms INTEGER NOT NULL,
    messages  BLOB NOT NULL
) STRICT;

-- Where each consumer group goes on after a restart; metadata tells who committed it.
CREATE TABLE commits (
    group_name   TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL,
    metadata     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (group_name, partition_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE indices (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    documents INTEGER NOT NULL DEFAULT 0,
    revision  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Documents lie in the order of their first arrival; the two narrow trees beside them keep ids and times, so
-- that ids in random order dirty few pages.
CREATE TABLE documents (
    place        INTEGER PRIMARY KEY,
    index_id     INTEGER NOT NULL,
    id           TEXT NOT NULL,
    version      INTEGER NOT NULL,
    timestamp_us INTEGER NOT NULL,
    source       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX documents_by_id ON documents (index_id, id);
CREATE INDEX documents_by_time ON documents (index_id, timestamp_us, id);

CREATE TABLE namespaces (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE state (
    namespace_id INTEGER NOT NULL,
    key          BLOB NOT NULL,
    value        BLOB NOT NULL,
    expires_ms   INTEGER,
    PRIMARY KEY (namespace_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_by_expiry ON state (expires_ms) WHERE expires_ms IS NOT NULL;
