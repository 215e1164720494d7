-- SPDX-License-Identifier: Apache-2.0
-- The columns of version 2 of the record.

ALTER TABLE stocks
    ADD COLUMN currency text,
    ADD COLUMN day_volume bigint,
    ADD COLUMN day_high double precision,
    ADD COLUMN day_low double precision,
    ADD COLUMN open_price double precision,
    ADD COLUMN previous_close double precision,
    ADD COLUMN bid double precision,
    ADD COLUMN ask double precision,
    ADD COLUMN last_size bigint,
    ADD COLUMN short_name text;

ALTER TABLE crypto
    ADD COLUMN currency text,
    ADD COLUMN day_volume bigint,
    ADD COLUMN day_high double precision,
    ADD COLUMN day_low double precision,
    ADD COLUMN open_price double precision,
    ADD COLUMN previous_close double precision,
    ADD COLUMN bid double precision,
    ADD COLUMN ask double precision,
    ADD COLUMN last_size bigint,
    ADD COLUMN short_name text;

ALTER TABLE currency
    ADD COLUMN currency text,
    ADD COLUMN day_volume bigint,
    ADD COLUMN day_high double precision,
    ADD COLUMN day_low double precision,
    ADD COLUMN open_price double precision,
    ADD COLUMN previous_close double precision,
    ADD COLUMN bid double precision,
    ADD COLUMN ask double precision,
    ADD COLUMN last_size bigint,
    ADD COLUMN short_name text;

CREATE OR REPLACE VIEW finance_data_ingress AS
SELECT 'stocks' AS asset, id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts, currency, day_volume, day_high, day_low, open_price, previous_close, bid, ask, last_size,
       short_name FROM stocks
UNION ALL
SELECT 'crypto', id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts, currency, day_volume, day_high, day_low, open_price, previous_close, bid, ask, last_size,
       short_name FROM crypto
UNION ALL
SELECT 'currency', id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id,
       quote_type, ingestion_ts, currency, day_volume, day_high, day_low, open_price, previous_close, bid, ask, last_size,
       short_name FROM currency;
