-- SPDX-License-Identifier: Apache-2.0
-- The columns of version 2 of the record.

ALTER TABLE stocks ADD COLUMN currency TEXT;
ALTER TABLE stocks ADD COLUMN day_volume INTEGER;
ALTER TABLE stocks ADD COLUMN day_high DOUBLE;
ALTER TABLE stocks ADD COLUMN day_low DOUBLE;
ALTER TABLE stocks ADD COLUMN open_price DOUBLE;
ALTER TABLE stocks ADD COLUMN previous_close DOUBLE;
ALTER TABLE stocks ADD COLUMN bid DOUBLE;
ALTER TABLE stocks ADD COLUMN ask DOUBLE;
ALTER TABLE stocks ADD COLUMN last_size INTEGER;
ALTER TABLE stocks ADD COLUMN short_name TEXT;

ALTER TABLE crypto ADD COLUMN currency TEXT;
ALTER TABLE crypto ADD COLUMN day_volume INTEGER;
ALTER TABLE crypto ADD COLUMN day_high DOUBLE;
ALTER TABLE crypto ADD COLUMN day_low DOUBLE;
ALTER TABLE crypto ADD COLUMN open_price DOUBLE;
ALTER TABLE crypto ADD COLUMN previous_close DOUBLE;
ALTER TABLE crypto ADD COLUMN bid DOUBLE;
ALTER TABLE crypto ADD COLUMN ask DOUBLE;
ALTER TABLE crypto ADD COLUMN last_size INTEGER;
ALTER TABLE crypto ADD COLUMN short_name TEXT;

ALTER TABLE currency ADD COLUMN currency TEXT;
ALTER TABLE currency ADD COLUMN day_volume INTEGER;
ALTER TABLE currency ADD COLUMN day_high DOUBLE;
ALTER TABLE currency ADD COLUMN day_low DOUBLE;
ALTER TABLE currency ADD COLUMN open_price DOUBLE;
ALTER TABLE currency ADD COLUMN previous_close DOUBLE;
ALTER TABLE currency ADD COLUMN bid DOUBLE;
ALTER TABLE currency ADD COLUMN ask DOUBLE;
ALTER TABLE currency ADD COLUMN last_size INTEGER;
ALTER TABLE currency ADD COLUMN short_name TEXT;

DROP VIEW finance_data_readable;
DROP VIEW finance_data_ingress;

CREATE VIEW finance_data_ingress AS
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

-- The same for people: times as text.
CREATE VIEW finance_data_readable AS
SELECT asset, id, price, strftime('%Y-%m-%d %H:%M:%f', time / 1000000.0, 'unixepoch') AS time, change, change_percent, exchange,
       market_hours, price_hint, source_api, event_id, quote_type,
       strftime('%Y-%m-%d %H:%M:%f', ingestion_ts / 1000000.0, 'unixepoch') AS ingestion_ts, currency, day_volume, day_high, day_low,
       open_price, previous_close, bid, ask, last_size, short_name
FROM finance_data_ingress;
