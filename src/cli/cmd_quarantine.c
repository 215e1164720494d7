// SPDX-License-Identifier: Apache-2.0
// Commands that look at the quarantine.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "model/record.h"

enum { ENTRY_COLUMNS_MAX = 16 };

// The cells of an entry as people read them: with times as text, in `texts`.
static void readable(uint32_t count, const char *const *names, const struct sink_cell *cells, struct sink_cell shown[ENTRY_COLUMNS_MAX],
                     char texts[ENTRY_COLUMNS_MAX][CLOCK_TEXT_BYTES])
{
    if (count > ENTRY_COLUMNS_MAX) abort(); // the statements below name fewer
    for (uint32_t i = 0; i < count; i++) {
        bool time = !strcmp(names[i], "timestamp") || !strcmp(names[i], "quarantined_at") || !strcmp(names[i], "changed_at");
        shown[i] = time && cells[i].integer ? output_text(clock_format(cells[i].integer, texts[i])) : cells[i];
    }
}

static bool list_entry(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    struct sink_cell shown[ENTRY_COLUMNS_MAX];
    char texts[ENTRY_COLUMNS_MAX][CLOCK_TEXT_BYTES];
    readable(count, names, cells, shown, texts);
    return listing_row(context, count, names, shown);
}

int cmd_quarantine_list(struct app *app)
{
    int64_t limit;
    if (!app_flag_number(app, "n", 1, 1000000, 50, &limit)) return ERR_USAGE;
    const char *state = app_flag(app, "state");
    if (state && strcmp(state, "waiting") && strcmp(state, "redriven") && strcmp(state, "dropped"))
        return app_usage(app, "--state wants waiting, redriven or dropped, not \"%s\"", state);
    struct err err;
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "SELECT id, topic, partition, _offset AS \"offset\", rule, error, state, quarantined_at FROM fdp_quarantine%s%s%s ORDER BY id DESC LIMIT %lld",
        state ? " WHERE state = '" : "", state ? state : "", state ? "'" : "", (long long)limit);
    struct listing listing = {.row = list_entry, .empty = "the quarantine is empty"};
    return listing_print(app, sql, &listing, &err) == OK ? EXIT_DONE : app_fail(app, &err);
}

static void print_bytes(const char *name, const struct sink_cell *cell)
{
    if (cell->type == SINK_NULL) {
        printf("%-15s (none)\n", name);
        return;
    }
    bool text = text_is_utf8(cell->text.data, cell->text.size);
    for (size_t i = 0; i < cell->text.size && text; i++) text = (unsigned char)cell->text.data[i] >= ' ';
    if (text) {
        printf("%-15s %.*s\n", name, SLICE_ARG(cell->text));
        return;
    }
    printf("%-15s %zu bytes\n", name, cell->text.size);
    for (size_t at = 0; at < cell->text.size; at += 16) {
        char hex[33] = "";
        size_t count = cell->text.size - at < 16 ? cell->text.size - at : 16;
        text_hex(cell->text.data + at, count, hex);
        printf("  %04zx  %-32s  ", at, hex);
        for (size_t i = at; i < at + count; i++) putchar(cell->text.data[i] >= ' ' && cell->text.data[i] < 127 ? cell->text.data[i] : '.');
        putchar('\n');
    }
}

static void print_headers(struct slice headers)
{
    struct slice name, value;
    for (size_t at = 0; record_headers_next(headers, &at, &name, &value);) {
        char label[128];
        snprintf(label, sizeof label, "header %.*s", name.size > 100 ? 100 : (int)name.size, name.data);
        struct sink_cell cell = {value.data ? SINK_BYTES : SINK_NULL, 0, 0, value};
        print_bytes(label, &cell);
    }
}

static bool show_entry(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    struct sink_cell shown[ENTRY_COLUMNS_MAX];
    char texts[ENTRY_COLUMNS_MAX][CLOCK_TEXT_BYTES];
    ((struct listing *)context)->rows++;
    readable(count, names, cells, shown, texts);
    for (uint32_t i = 0; i < count; i++) {
        if (shown[i].type == SINK_INTEGER)
            printf("%-15s %lld\n", names[i], (long long)shown[i].integer);
        else if (!strcmp(names[i], "headers") && shown[i].type == SINK_BYTES)
            print_headers(shown[i].text);
        else
            print_bytes(names[i], &shown[i]);
    }
    return false;
}

int cmd_quarantine_show(struct app *app)
{
    int64_t id;
    if (!text_to_int64(slice_of(app->words[0]), &id))
        return app_usage(app, "ID is a number from fdp quarantine list, not \"%s\"", app->words[0]);
    char sql[256];
    snprintf(
        sql, sizeof sql,
        "SELECT id, topic, partition, _offset AS \"offset\", rule, error, state, schema_id, timestamp, quarantined_at, changed_at, key, value, headers"
        " FROM fdp_quarantine WHERE id = %lld",
        (long long)id);
    struct err err;
    struct listing listing = {.row = app->common.json ? list_entry : show_entry};
    if (listing_print(app, sql, &listing, &err) != OK) return app_fail(app, &err);
    if (!listing.rows) fprintf(stderr, "fdp quarantine show: there is no entry %lld\n", (long long)id);
    return listing.rows ? EXIT_DONE : EXIT_PROBLEMS;
}
