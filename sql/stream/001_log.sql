-- SPDX-License-Identifier: Apache-2.0
-- The embedded log. Records lie in chunks: those of one partition in one flush, packed (src/streaming/chunk.h).

PRAGMA application_id = 1717858380; -- "fdpL": tells the log from the store and from other people's files

-- AUTOINCREMENT: the number of a deleted topic or partition is never given again, so a reader of it notices.
CREATE TABLE topic (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,
    partitions      INTEGER NOT NULL,
    retention_ms    INTEGER NOT NULL, -- -1: keep
    retention_bytes INTEGER NOT NULL  -- -1: keep
);

CREATE TABLE partition (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    topic       INTEGER REFERENCES topic (id), -- NULL: the topic was deleted, its chunks are being removed
    number      INTEGER NOT NULL,
    low_offset  INTEGER NOT NULL DEFAULT 0, -- of the oldest record that is still there
    next_offset INTEGER NOT NULL DEFAULT 0, -- that the next record will get; only ever grows
    bytes       INTEGER NOT NULL DEFAULT 0, -- of the chunks that are there
    peak_us     INTEGER NOT NULL DEFAULT 0, -- highest timestamp ever appended
    UNIQUE (topic, number)
);

CREATE TABLE chunk (
    id        INTEGER PRIMARY KEY, -- partition << 44 | offset of the first record: appends and range reads walk along the tree
    records   INTEGER NOT NULL,
    base_us   INTEGER NOT NULL, -- timestamp of the first record
    newest_us INTEGER NOT NULL, -- highest timestamp in this chunk, for retention
    peak_us   INTEGER NOT NULL, -- highest timestamp up to here: rises with the offset, so that times can be searched by halving
    data      BLOB NOT NULL
);

-- Where consumer groups say they are: a hint for tools.
CREATE TABLE position (
    grp         TEXT NOT NULL,
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    updated_us  INTEGER NOT NULL,
    PRIMARY KEY (grp, topic, partition)
) WITHOUT ROWID;
