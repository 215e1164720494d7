// SPDX-License-Identifier: Apache-2.0
// The row type of quotes, and the identity of a quote.
#include "model/quote.h"

// The calls that need no context object are the fastest by far for two blocks of input; OpenSSL 3 marks them as old.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "model/decimal.h"

#define INT64(name)                                                                                                                        \
    {                                                                                                                                      \
        name, COLUMN_INT64, false, false                                                                                                   \
    }
#define DOUBLE(name)                                                                                                                       \
    {                                                                                                                                      \
        name, COLUMN_DOUBLE, false, false                                                                                                  \
    }
#define TEXT(name)                                                                                                                         \
    {                                                                                                                                      \
        name, COLUMN_TEXT, false, false                                                                                                    \
    }
#define TIMESTAMP(name)                                                                                                                    \
    {                                                                                                                                      \
        name, COLUMN_TIMESTAMP, false, false                                                                                               \
    }

static const struct row_column columns[QUOTE_COLUMNS] = {
    TEXT("id"),
    DOUBLE("price"),
    TIMESTAMP("time"),
    TEXT("currency"),
    TEXT("exchange"),
    INT64("quote_type"),
    INT64("market_hours"),
    DOUBLE("change_percent"),
    INT64("day_volume"),
    DOUBLE("day_high"),
    DOUBLE("day_low"),
    DOUBLE("change"),
    TEXT("short_name"),
    INT64("expire_date"),
    DOUBLE("open_price"),
    DOUBLE("previous_close"),
    DOUBLE("strike_price"),
    TEXT("underlying_symbol"),
    INT64("open_interest"),
    INT64("options_type"),
    INT64("mini_option"),
    INT64("last_size"),
    DOUBLE("bid"),
    INT64("bid_size"),
    DOUBLE("ask"),
    INT64("ask_size"),
    INT64("price_hint"),
    INT64("vol_24hr"),
    INT64("vol_all_currencies"),
    TEXT("from_currency"),
    TEXT("last_market"),
    DOUBLE("circulating_supply"),
    DOUBLE("market_cap"),
    TEXT("components"),
    TEXT("indices"),
    INT64("cmc_rank"),
    TEXT("underlying_shortname"),
    DOUBLE("fifty_two_week_change"),
    DOUBLE("fifty_two_week_change_percent"),
    DOUBLE("latest_amount_raised"),
    INT64("latest_funding_date"),
    TEXT("latest_share_class"),
    DOUBLE("latest_implied_valuation"),
    DOUBLE("ytd_return"),
    DOUBLE("qtd_return"),
    DOUBLE("full_day_change"),
    DOUBLE("full_day_change_percent"),
    TEXT("source_api"),
    TEXT("event_id"),
    TIMESTAMP("ingestion_ts"),
    {"_frame", COLUMN_BYTES, false, true},
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
