-- SPDX-License-Identifier: Apache-2.0
-- Tables of the embedded store. Timestamps are integers, microseconds since 1970 UTC.
-- _source is the partition (a row of fdp_offsets) and _offset the record that a row came from.

PRAGMA application_id = 1717858387; -- "fdpS": tells the store from the log and from other people's files

CREATE TABLE stocks (
    id TEXT NOT NULL,
    price DOUBLE NOT NULL,
    time TIMESTAMP NOT NULL,
    change DOUBLE,
    change_percent DOUBLE,
    exchange TEXT,
    market_hours INTEGER,
    price_hint TEXT,
    source_api TEXT,
    event_id TEXT,
    quote_type INTEGER,
    ingestion_ts TIMESTAMP,
    _source INTEGER NOT NULL,
    _offset INTEGER NOT NULL
);

CREATE TABLE crypto (
    id TEXT NOT NULL,
    price DOUBLE NOT NULL,
    time TIMESTAMP NOT NULL,
    change DOUBLE,
    change_percent DOUBLE,
    exchange TEXT,
    market_hours INTEGER,
    price_hint TEXT,
    source_api TEXT,
    event_id TEXT,
    quote_type INTEGER,
    ingestion_ts TIMESTAMP,
    _source INTEGER NOT NULL,
    _offset INTEGER NOT NULL
);

CREATE TABLE currency (
    id TEXT NOT NULL,
    price DOUBLE NOT NULL,
    time TIMESTAMP NOT NULL,
    change DOUBLE,
    change_percent DOUBLE,
    exchange TEXT,
    market_hours INTEGER,
    price_hint TEXT,
    source_api TEXT,
    event_id TEXT,
    quote_type INTEGER,
    ingestion_ts TIMESTAMP,
    _source INTEGER NOT NULL,
    _offset INTEGER NOT NULL
);

CREATE VIEW finance_data_ingress AS
SELECT 'stocks' AS asset, id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts FROM stocks
UNION ALL
SELECT 'crypto', id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts FROM crypto
UNION ALL
SELECT 'currency', id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts FROM currency;

-- The same for people: times as text.
CREATE VIEW finance_data_readable AS
SELECT asset, id, price, strftime('%Y-%m-%d %H:%M:%f', time / 1000000.0, 'unixepoch') AS time, change, change_percent, exchange,
       market_hours, price_hint, source_api, event_id, quote_type,
       strftime('%Y-%m-%d %H:%M:%f', ingestion_ts / 1000000.0, 'unixepoch') AS ingestion_ts
FROM finance_data_ingress;

-- Per partition at all times: next_offset - first_offset = stored + quarantined + filtered + skipped.
CREATE TABLE fdp_offsets (
    id INTEGER PRIMARY KEY,
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    owner_epoch INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    last_timestamp INTEGER NOT NULL DEFAULT 0,
    last_crc INTEGER NOT NULL DEFAULT 0,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (consumer_group, topic, partition)
);

CREATE TABLE fdp_quarantine (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    _source INTEGER NOT NULL,
    _offset INTEGER NOT NULL,
    key BLOB,
    value BLOB,
    headers BLOB,
    timestamp TIMESTAMP,
    schema_id INTEGER,
    rule TEXT NOT NULL,
    error TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'redriven', 'dropped')),
    quarantined_at TIMESTAMP NOT NULL,
    changed_at TIMESTAMP
);
