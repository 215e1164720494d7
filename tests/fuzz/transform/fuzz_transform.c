// SPDX-License-Identifier: Apache-2.0
// Any SQL text is refused with an error, or runs: one outcome per row, values that fit their columns, the same again in a second run.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/convert.h"
#include "transform/transform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 4, OUTPUT_COLUMNS = 5 };

static const struct row_column tick_columns[] = {
    {.name = "id", .type = COLUMN_TEXT, .required = true},
    {.name = "price", .type = COLUMN_DOUBLE, .required = true},
    {.name = "time", .type = COLUMN_TIMESTAMP, .required = true},
    {.name = "quote_type", .type = COLUMN_INT64},
    {.name = "raw", .type = COLUMN_BYTES},
    {.name = "_topic", .type = COLUMN_TEXT, .hidden = true},
};
static const struct row_type tick_type = {"tick", 6, tick_columns};

static const struct row_column output_columns[OUTPUT_COLUMNS] = {
    {.name = "n", .type = COLUMN_INT64}, {.name = "d", .type = COLUMN_DOUBLE},     {.name = "t", .type = COLUMN_TEXT},
    {.name = "b", .type = COLUMN_BYTES}, {.name = "ts", .type = COLUMN_TIMESTAMP},
};
static const struct row_type output_type = {"output", OUTPUT_COLUMNS, output_columns};

static struct batch *ticks(void)
{
    struct batch *batch = batch_new(&tick_type, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = batch_row_begin(batch);
        batch->offset[row] = row;
        if (i != 1) batch_set_slice(batch, 0, row, i == 0 ? SLICE("AAPL") : SLICE("{\"a\": [1, \"ÄÖ\"]}"));
        if (i != 1) batch_set_double(batch, 1, row, i == 0 ? 305.76 : -1e308);
        if (i != 1) batch_set_int64(batch, 2, row, i == 3 ? INT64_MIN : INT64_C(1786622589123000));
        if (i != 1) batch_set_int64(batch, 3, row, i == 3 ? INT64_MAX : 8);
        if (i != 1) batch_set_slice(batch, 4, row, i == 3 ? (struct slice){NULL, 0} : (struct slice){"\0\xff", 2});
        if (i != 1) batch_set_slice(batch, 5, row, SLICE("tickers.stocks"));
        batch_row_commit(batch);
    }
    return batch;
}

static void require(int condition)
{
    if (!condition) abort();
}

static void check_values(const struct batch *output, const struct transform_outcome *outcomes)
{
    uint32_t taken = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        require(outcomes[row].outcome == OUTCOME_NONE || outcomes[row].route == 0);
        if (outcomes[row].outcome == OUTCOME_REJECT) require(text_is_utf8(outcomes[row].reason, strlen(outcomes[row].reason)));
        if (outcomes[row].outcome == OUTCOME_TAKEN) require(taken < output->rows && output->offset[taken++] == row);
    }
    require(taken == output->rows);
    for (uint32_t row = 0; row < output->rows; row++) {
        if (!batch_is_null(output, 1, row)) require(isfinite(output->columns[1].float64[row]));
        if (!batch_is_null(output, 2, row)) require(convert_text_is_valid(output->columns[2].text[row]));
    }
}

static void check_same(const struct batch *a, const struct batch *b)
{
    require(a->rows == b->rows);
    for (uint32_t row = 0; row < a->rows; row++)
        for (uint32_t i = 0; i < OUTPUT_COLUMNS; i++) {
            require(a->columns[i].null[row] == b->columns[i].null[row]);
            if (a->columns[i].null[row]) continue;
            if (output_columns[i].type == COLUMN_TEXT || output_columns[i].type == COLUMN_BYTES)
                require(slice_equal(a->columns[i].text[row], b->columns[i].text[row]));
            else
                require(memcmp(&a->columns[i].int64[row], &b->columns[i].int64[row], 8) == 0);
        }
}

static void run_twice(struct transform *transform)
{
    struct batch *input = ticks(), *outputs[2] = {batch_new(&output_type, ROWS), batch_new(&output_type, ROWS)};
    struct transform_outcome outcomes[ROWS];
    for (int i = 0; i < 2; i++) {
        struct err err;
        require(transform_run(transform, input, &outputs[i], outcomes, &err) == OK);
        check_values(outputs[i], outcomes);
    }
    check_same(outputs[0], outputs[1]);
    batch_free(input);
    batch_free(outputs[0]);
    batch_free(outputs[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *sql = strndup((const char *)data, size);
    struct transform_route route = {"routes[0]", sql, &output_type};
    struct transform *transform;
    struct err err;
    if (!sql) return 0;
    if (transform_new(&tick_type, &route, 1, &transform, &err) == OK) {
        run_twice(transform);
        transform_free(transform);
    } else {
        require(err.status == FATAL && err.code == ERR_CONFIG);
    }
    free(sql);
    return 0;
}
