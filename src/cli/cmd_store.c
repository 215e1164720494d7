// SPDX-License-Identifier: Apache-2.0
// Commands that read the store: sql, reconcile, quarantine.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/tool.h"
#include "model/record.h"
#include "storage/reconcile.h"

// --- sql and every other listing of a query ---

struct listing {
    sink_row_fn *row;
    const char *empty; // said instead of a table without rows; NULL: nothing is
    enum output_format format;
    struct output *output; // made with the first row, when the names are known
    uint64_t rows;
};

static bool list_row(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    struct listing *listing = context;
    if (!listing->output) listing->output = output_new(stdout, listing->format, count, names);
    output_row(listing->output, cells);
    listing->rows++;
    return !ferror(stdout);
}

static void list_nothing(const struct listing *listing)
{
    if (listing->format == OUTPUT_JSON) puts("[]");
    if (listing->format == OUTPUT_TABLE && listing->empty) puts(listing->empty);
}

static enum status list_query(const struct app *app, const char *sql, struct listing *listing, struct err *err)
{
    struct sink *sink;
    TRY(tool_sink(app, &sink, err));
    listing->format = tool_format(app);
    enum status status = sink->ops->query(sink, sql, listing->row, listing, err);
    if (listing->output)
        output_end(listing->output, listing->empty);
    else if (status == OK && !listing->rows)
        list_nothing(listing);
    sink_close(sink);
    return status;
}

int cmd_sql(struct app *app)
{
    struct err err;
    struct listing listing = {.row = list_row, .empty = "no rows"};
    enum status status = list_query(app, app->words[0], &listing, &err);
    if (status == REJECT) err.code = ERR_USAGE; // nothing is wrong with the store; the statement is the user's
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

// --- quarantine ---

enum { ENTRY_COLUMNS_MAX = 16 };

// The cells of an entry as people read them: with times as text, in `texts`.
static void readable(uint32_t count, const char *const *names, const struct sink_cell *cells, struct sink_cell shown[ENTRY_COLUMNS_MAX],
                     char texts[ENTRY_COLUMNS_MAX][CLOCK_TEXT_BYTES])
{
    if (count > ENTRY_COLUMNS_MAX) abort(); // the statements below name fewer
    for (uint32_t i = 0; i < count; i++) {
        bool time = !strcmp(names[i], "timestamp") || !strcmp(names[i], "quarantined_at");
        shown[i] = time && cells[i].type == SINK_INTEGER ? output_text(clock_format(cells[i].integer, texts[i])) : cells[i];
    }
}

static bool list_entry(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    struct sink_cell shown[ENTRY_COLUMNS_MAX];
    char texts[ENTRY_COLUMNS_MAX][CLOCK_TEXT_BYTES];
    readable(count, names, cells, shown, texts);
    return list_row(context, count, names, shown);
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
    return list_query(app, sql, &listing, &err) == OK ? EXIT_DONE : app_fail(app, &err);
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
        "SELECT id, topic, partition, _offset AS \"offset\", rule, error, state, schema_id, timestamp, quarantined_at, key, value, headers"
        " FROM fdp_quarantine WHERE id = %lld",
        (long long)id);
    struct err err;
    struct listing listing = {.row = app->common.json ? list_entry : show_entry};
    if (list_query(app, sql, &listing, &err) != OK) return app_fail(app, &err);
    if (!listing.rows) fprintf(stderr, "fdp quarantine show: there is no entry %lld\n", (long long)id);
    return listing.rows ? EXIT_DONE : EXIT_PROBLEMS;
}

// --- reconcile ---

struct reconciliation {
    struct output *output;
    bool deep;
    uint32_t partitions, wrong;
};

static void reconcile_partition(void *context, const struct reconcile_partition *partition)
{
    struct reconciliation *all = context;
    const struct sink_partition *at = &partition->position;
    bool holds = reconcile_holds(partition, all->deep);
    all->partitions++;
    all->wrong += !holds;
    struct sink_cell cells[] = {output_text(at->group),          output_text(at->topic),
                                output_number(at->partition),    output_number(at->first_offset),
                                output_number(at->next_offset),  output_number(at->stored),
                                output_number(at->quarantined),  output_number(at->filtered),
                                output_number(at->skipped),      output_text(holds ? "yes" : "NO"),
                                output_number(partition->rows),  output_number(partition->entries),
                                output_number(partition->twice), output_number(partition->outside)};
    output_row(all->output, cells);
}

// The tables that rows of a source can be in, each once.
static uint32_t routed_tables(const struct config *config, const char **tables)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->processing.routes.count; i++) text_number(tables, &count, config->processing.routes.items[i].table);
    return count;
}

int cmd_reconcile(struct app *app)
{
    static const char *const names[] = {"group",    "topic",   "partition", "first", "next",    "stored", "quarantined",
                                        "filtered", "skipped", "holds",     "rows",  "entries", "twice",  "outside"};
    enum { SHALLOW_COLUMNS = 10, DEEP_COLUMNS = 14 };
    struct err err;
    struct sink *sink;
    if (tool_sink(app, &sink, &err) != OK) return app_fail(app, &err);
    struct reconciliation all = {.deep = app_flag(app, "deep") != NULL};
    all.output = output_new(stdout, tool_format(app), all.deep ? DEEP_COLUMNS : SHALLOW_COLUMNS, names);
    const char **tables = calloc(app->config->processing.routes.count + 1, sizeof *tables);
    if (!tables) abort();
    int64_t strays = 0;
    uint32_t table_count = routed_tables(app->config, tables);
    enum status status = reconcile(sink, tables, table_count, all.deep, reconcile_partition, &all, &strays, &err);
    output_end(all.output, "nothing has been processed yet");
    free(tables);
    sink_close(sink);
    if (status != OK) return app_fail(app, &err);
    if (all.wrong) fprintf(stderr, "fdp reconcile: %u of %u partitions do not add up\n", all.wrong, all.partitions);
    if (strays) fprintf(stderr, "fdp reconcile: %lld rows or entries belong to no partition\n", (long long)strays);
    return all.wrong || strays ? EXIT_PROBLEMS : EXIT_DONE;
}
