// SPDX-License-Identifier: Apache-2.0
// The row type of quotes, and the identity of a quote.
#include "model/quote.h"

// The calls that need no context object are the fastest by far for two blocks of input; OpenSSL 3 marks them as old.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "model/decimal.h"

static const struct row_column columns[QUOTE_COLUMNS] = {
    {.name = "id", .type = COLUMN_TEXT},
    {.name = "price", .type = COLUMN_DOUBLE},
    {.name = "time", .type = COLUMN_TIMESTAMP},
    {.name = "currency", .type = COLUMN_TEXT},
    {.name = "exchange", .type = COLUMN_TEXT},
    {.name = "quote_type", .type = COLUMN_INT64},
    {.name = "market_hours", .type = COLUMN_INT64},
    {.name = "change_percent", .type = COLUMN_DOUBLE},
    {.name = "day_volume", .type = COLUMN_INT64},
    {.name = "day_high", .type = COLUMN_DOUBLE},
    {.name = "day_low", .type = COLUMN_DOUBLE},
    {.name = "change", .type = COLUMN_DOUBLE},
    {.name = "short_name", .type = COLUMN_TEXT},
    {.name = "expire_date", .type = COLUMN_INT64},
    {.name = "open_price", .type = COLUMN_DOUBLE},
    {.name = "previous_close", .type = COLUMN_DOUBLE},
    {.name = "strike_price", .type = COLUMN_DOUBLE},
    {.name = "underlying_symbol", .type = COLUMN_TEXT},
    {.name = "open_interest", .type = COLUMN_INT64},
    {.name = "options_type", .type = COLUMN_INT64},
    {.name = "mini_option", .type = COLUMN_INT64},
    {.name = "last_size", .type = COLUMN_INT64},
    {.name = "bid", .type = COLUMN_DOUBLE},
    {.name = "bid_size", .type = COLUMN_INT64},
    {.name = "ask", .type = COLUMN_DOUBLE},
    {.name = "ask_size", .type = COLUMN_INT64},
    {.name = "price_hint", .type = COLUMN_INT64},
    {.name = "vol_24hr", .type = COLUMN_INT64},
    {.name = "vol_all_currencies", .type = COLUMN_INT64},
    {.name = "from_currency", .type = COLUMN_TEXT},
    {.name = "last_market", .type = COLUMN_TEXT},
    {.name = "circulating_supply", .type = COLUMN_DOUBLE},
    {.name = "market_cap", .type = COLUMN_DOUBLE},
    {.name = "components", .type = COLUMN_TEXT},
    {.name = "indices", .type = COLUMN_TEXT},
    {.name = "cmc_rank", .type = COLUMN_INT64},
    {.name = "underlying_shortname", .type = COLUMN_TEXT},
    {.name = "fifty_two_week_change", .type = COLUMN_DOUBLE},
    {.name = "fifty_two_week_change_percent", .type = COLUMN_DOUBLE},
    {.name = "latest_amount_raised", .type = COLUMN_DOUBLE},
    {.name = "latest_funding_date", .type = COLUMN_INT64},
    {.name = "latest_share_class", .type = COLUMN_TEXT},
    {.name = "latest_implied_valuation", .type = COLUMN_DOUBLE},
    {.name = "ytd_return", .type = COLUMN_DOUBLE},
    {.name = "qtd_return", .type = COLUMN_DOUBLE},
    {.name = "full_day_change", .type = COLUMN_DOUBLE},
    {.name = "full_day_change_percent", .type = COLUMN_DOUBLE},
    {.name = "source_api", .type = COLUMN_TEXT},
    {.name = "event_id", .type = COLUMN_TEXT},
    {.name = "ingestion_ts", .type = COLUMN_TIMESTAMP},
    {.name = "_frame", .type = COLUMN_BYTES, .hidden = true},
};

const struct row_type quote_row_type = {"quote", QUOTE_COLUMNS, columns};

// Room for all parts but the two texts, whose length only the frame bounds.
enum { NUMBERS_BYTES = 3 * 21 + 2 * DECIMAL_TEXT_BYTES + 6, DIGEST_BYTES = 8 };

static char *append_int64(char *out, int64_t value)
{
    char digits[20];
    size_t count = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do digits[count++] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) *out++ = '-';
    while (count) *out++ = digits[--count];
    return out;
}

static char *append_column_int64(char *out, const struct batch *batch, uint32_t column, uint32_t row, int64_t unit)
{
    *out++ = '|';
    return batch_is_null(batch, column, row) ? out : append_int64(out, batch->columns[column].int64[row] / unit);
}

static char *append_column_double(char *out, const struct batch *batch, uint32_t column, uint32_t row)
{
    *out++ = '|';
    return batch_is_null(batch, column, row) ? out : out + decimal_format(batch->columns[column].float64[row], out);
}

static void hash_text(SHA256_CTX *hash, const struct batch *batch, uint32_t column, uint32_t row)
{
    if (batch_is_null(batch, column, row)) return;
    struct slice text = batch->columns[column].text[row];
    SHA256_Update(hash, text.data, text.size);
}

void quote_set_event_id(struct batch *batch, uint32_t row)
{
    SHA256_CTX hash;
    SHA256_Init(&hash);
    hash_text(&hash, batch, QUOTE_SOURCE_API, row);
    SHA256_Update(&hash, "|", 1);
    hash_text(&hash, batch, QUOTE_ID, row);
    char numbers[NUMBERS_BYTES], *end = numbers;
    end = append_column_int64(end, batch, QUOTE_TIME, row, 1000);
    end = append_column_double(end, batch, QUOTE_PRICE, row);
    end = append_column_double(end, batch, QUOTE_CHANGE, row);
    end = append_column_int64(end, batch, QUOTE_MARKET_HOURS, row, 1);
    end = append_column_int64(end, batch, QUOTE_DAY_VOLUME, row, 1);
    SHA256_Update(&hash, numbers, (size_t)(end - numbers));
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &hash);
    char text[2 * DIGEST_BYTES + 1];
    text_hex(digest, DIGEST_BYTES, text);
    batch_set_slice(batch, QUOTE_EVENT_ID, row, (struct slice){arena_copy(&batch->arena, text, sizeof text - 1), sizeof text - 1});
}
