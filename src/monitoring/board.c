// SPDX-License-Identifier: Apache-2.0
// The price board.
#include "monitoring/board.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "model/decimal.h"

struct price {
    struct slice symbol;
    const char *table; // of `tables`
    double price, change_percent;
    bool has_change;
    int64_t time_us;
    uint64_t rows;
};

struct board {
    pthread_mutex_t mutex; // guards everything below
    struct map symbols;    // "table\nsymbol": one symbol may be in two tables
    struct map tables;
    struct price *prices; // by number in symbols
};

struct board *board_new(void)
{
    struct board *board = calloc(1, sizeof *board);
    if (!board) abort();
    pthread_mutex_init(&board->mutex, NULL);
    map_init(&board->symbols, BOARD_MAX);
    map_init(&board->tables, 64);
    board->prices = calloc(BOARD_MAX, sizeof *board->prices);
    if (!board->prices) abort();
    return board;
}

void board_free(struct board *board)
{
    if (!board) return;
    map_fini(&board->symbols);
    map_fini(&board->tables);
    pthread_mutex_destroy(&board->mutex);
    free(board->prices);
    free(board);
}

// Mutex held. The entry of a symbol, made when it is new; NULL when the board is full.
static struct price *find(struct board *board, const char *table, struct slice symbol)
{
    char key[512];
    size_t table_size = strlen(table);
    if (table_size + 1 + symbol.size > sizeof key) return NULL;
    memcpy(key, table, table_size);
    key[table_size] = '\n';
    memcpy(key + table_size + 1, symbol.data, symbol.size);
    uint32_t number = map_add(&board->symbols, (struct slice){key, table_size + 1 + symbol.size});
    if (number == MAP_NONE) return NULL;
    struct price *price = &board->prices[number];
    if (price->table) return price;
    uint32_t table_number = map_add(&board->tables, slice_of(table));
    if (table_number == MAP_NONE) return NULL;
    struct slice name = board->symbols.names[number];
    *price = (struct price){
        .symbol = {name.data + table_size + 1, symbol.size}, .table = board->tables.names[table_number].data, .time_us = INT64_MIN};
    return price;
}

void board_update(void *context, const char *table, const struct batch *rows)
{
    struct board *board = context;
    int id = row_type_column(rows->type, SLICE("id")), price_at = row_type_column(rows->type, SLICE("price"));
    int time = row_type_column(rows->type, SLICE("time")), change = row_type_column(rows->type, SLICE("change_percent"));
    if (id < 0 || price_at < 0 || time < 0) return;
    pthread_mutex_lock(&board->mutex);
    for (uint32_t row = 0; row < rows->rows; row++) {
        struct price *price = find(board, table, rows->columns[id].text[row]);
        if (!price) continue;
        price->rows++;
        if (rows->columns[time].int64[row] < price->time_us) continue;
        price->time_us = rows->columns[time].int64[row];
        price->price = rows->columns[price_at].float64[row];
        price->has_change = change >= 0 && !batch_is_null(rows, (uint32_t)change, row);
        if (price->has_change) price->change_percent = rows->columns[change].float64[row];
    }
    pthread_mutex_unlock(&board->mutex);
}

static int by_table_and_symbol(const void *a, const void *b)
{
    const struct price *left = a, *right = b;
    int order = strcmp(left->table, right->table);
    if (order) return order;
    size_t shorter = left->symbol.size < right->symbol.size ? left->symbol.size : right->symbol.size;
    order = memcmp(left->symbol.data, right->symbol.data, shorter);
    return order ? order : (left->symbol.size > right->symbol.size) - (left->symbol.size < right->symbol.size);
}

// A sorted copy, so that writing the page does not hold up the worker. The texts live as long as the board.
static struct price *snapshot(struct board *board, uint32_t *count)
{
    pthread_mutex_lock(&board->mutex);
    *count = board->symbols.count;
    struct price *prices = malloc((*count + 1) * sizeof *prices);
    if (!prices) abort();
    memcpy(prices, board->prices, *count * sizeof *prices);
    pthread_mutex_unlock(&board->mutex);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        if (prices[i].table && prices[i].rows) prices[kept++] = prices[i];
    *count = kept;
    if (kept) qsort(prices, kept, sizeof *prices, by_table_and_symbol);
    return prices;
}

static void append_html(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '<': buf_append_text(out, "&lt;"); break;
        case '>': buf_append_text(out, "&gt;"); break;
        case '&': buf_append_text(out, "&amp;"); break;
        case '"': buf_append_text(out, "&quot;"); break;
        default: buf_append_byte(out, text.data[i]);
        }
    }
}

void board_write_html(struct board *board, struct buf *out)
{
    uint32_t count;
    struct price *prices = snapshot(board, &count);
    for (uint32_t i = 0; i < count; i++) {
        char number[DECIMAL_TEXT_BYTES], time[CLOCK_TEXT_BYTES];
        decimal_format(prices[i].price, number);
        buf_printf(out, "<tr><td>%s</td><td>", prices[i].table);
        append_html(out, prices[i].symbol);
        buf_printf(out, "</td><td class=\"n\">%s</td>", number);
        if (prices[i].has_change)
            buf_printf(out, "<td class=\"n %s\">%+.2f %%</td>", prices[i].change_percent < 0 ? "down" : "up", prices[i].change_percent);
        else
            buf_append_text(out, "<td></td>");
        buf_printf(out, "<td>%s</td><td class=\"n\">%llu</td></tr>\n", clock_format(prices[i].time_us, time),
                   (unsigned long long)prices[i].rows);
    }
    free(prices);
}

void board_write_json(struct board *board, struct buf *out)
{
    uint32_t count;
    struct price *prices = snapshot(board, &count);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        char number[DECIMAL_TEXT_BYTES], change[DECIMAL_TEXT_BYTES] = "null";
        decimal_format(prices[i].price, number);
        if (prices[i].has_change) decimal_format(prices[i].change_percent, change);
        buf_printf(out, "%s{\"table\":\"%s\",\"id\":", i ? "," : "", prices[i].table);
        buf_append_json(out, prices[i].symbol.data, prices[i].symbol.size);
        buf_printf(out, ",\"price\":%s,\"change_percent\":%s,\"time\":%lld,\"rows\":%llu}", number, change, (long long)prices[i].time_us,
                   (unsigned long long)prices[i].rows);
    }
    buf_append_byte(out, ']');
    free(prices);
}
