// SPDX-License-Identifier: Apache-2.0
// A quote as the feed gives it: row type, and decoding of Yahoo's frames in both framings.
//
// Decoding allocates nothing per frame but in the batch's arena, and there only for a frame that is accepted.
#ifndef FDP_MODEL_QUOTE_H
#define FDP_MODEL_QUOTE_H

#include "base/err.h"
#include "model/batch.h"

// Columns 0..46 are the fields of quote.proto, in order (column = field number - 1), absent ones null; `indices` joined by commas;
// `time` is a TIMESTAMP. Then what the pipeline adds.
enum quote_column {
    QUOTE_ID = 0,
    QUOTE_PRICE = 1,
    QUOTE_TIME = 2,
    QUOTE_EXCHANGE = 4,
    QUOTE_QUOTE_TYPE = 5,
    QUOTE_MARKET_HOURS = 6,
    QUOTE_CHANGE_PERCENT = 7,
    QUOTE_DAY_VOLUME = 8,
    QUOTE_CHANGE = 11,
    QUOTE_PRICE_HINT = 26,
    QUOTE_FIELDS = 47,
    QUOTE_SOURCE_API = 47,
    QUOTE_EVENT_ID = 48,
    QUOTE_INGESTION_TS = 49,
    QUOTE_FRAME = 50, // hidden column _frame: the bytes as received
    QUOTE_COLUMNS = 51,
};

extern const struct row_type quote_row_type;

// Symbols are short; what is longer is no symbol, and would be a key, a label of a metric and a row of a table all the same.
enum { QUOTE_ID_MAX_BYTES = 64 };

// Reads one frame: base64 text (version 1) or {"type":"pricing","message":"<base64>"} (version 2), told apart by the first character.
enum quote_frame {
    QUOTE_FRAME_QUOTE, // a row was filled
    QUOTE_FRAME_OTHER, // a well-formed envelope of another type: nothing to do but to count it
};

// Fills row `row` (begun) of a batch of quote_row_type from a frame, everything but source_api, event_id and ingestion_ts. The frame's
// bytes are copied into the batch's arena. Malformed envelope, base64 or protobuf, text that is not UTF-8 or holds NUL, an id that is too
// long, NaN and infinity are REJECT / ERR_FEED with the reason; the row is then to be begun again. Absent fields stay null, whatever they
// are; unknown values of enumerations pass; unknown fields are ignored.
enum status quote_decode_frame(struct slice frame, struct batch *batch, uint32_t row, enum quote_frame *kind, struct err *err) MUST_CHECK;
// The same from the bare protobuf message; fills everything but source_api, event_id, ingestion_ts and _frame.
enum status quote_decode_message(struct slice message, struct batch *batch, uint32_t row, struct err *err) MUST_CHECK;

// Deterministic identity: the first 8 bytes of SHA-256, as 16 hex digits, over source_api, id, time (milliseconds), price, change,
// market_hours and day_volume joined by '|', an absent one being empty; prices as decimal_format writes them. Writes it to the row (in
// its arena).
void quote_set_event_id(struct batch *batch, uint32_t row);

#endif
