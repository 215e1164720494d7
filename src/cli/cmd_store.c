// SPDX-License-Identifier: Apache-2.0
// Commands that read the store: sql, reconcile, quarantine.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/tool.h"
#include "model/record.h"
#include "storage/reconcile.h"

// --- sql and every other listing of a query ---

struct listing {
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

static int list_query(struct app *app, const char *sql, const char *empty)
{
    struct err err;
    struct sink *sink;
    if (tool_sink(app, &sink, &err) != OK) return app_fail(app, &err);
    struct listing listing = {.format = tool_format(app)};
    enum status status = sink->ops->query(sink, sql, list_row, &listing, &err);
    if (listing.output)
        output_end(listing.output, empty);
    else if (status == OK)
        puts(listing.format == OUTPUT_JSON ? "[]" : listing.format == OUTPUT_TABLE ? empty : "");
    sink_close(sink);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

int cmd_sql(struct app *app)
{
    return list_query(app, app->words[0], "no rows");
}

// --- quarantine ---

int cmd_quarantine_list(struct app *app)
{
    int64_t limit;
    if (!app_flag_number(app, "n", 1, 1000000, 50, &limit)) return ERR_USAGE;
    const char *state = app_flag(app, "state");
    if (state && strcmp(state, "waiting") && strcmp(state, "redriven") && strcmp(state, "dropped"))
        return app_usage(app, "--state wants waiting, redriven or dropped, not \"%s\"", state);
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "SELECT id, topic, partition, _offset AS \"offset\", rule, error, state, quarantined_at FROM fdp_quarantine%s%s%s ORDER BY id DESC LIMIT %lld",
        state ? " WHERE state = '" : "", state ? state : "", state ? "'" : "", (long long)limit);
    return list_query(app, sql, "the quarantine is empty");
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
    *(bool *)context = true;
    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].type == SINK_INTEGER)
            printf("%-15s %lld\n", names[i], (long long)cells[i].integer);
        else if (!strcmp(names[i], "headers") && cells[i].type == SINK_BYTES)
            print_headers(cells[i].text);
        else
            print_bytes(names[i], &cells[i]);
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
    if (app->common.json) return list_query(app, sql, "");
    struct err err;
    struct sink *sink;
    if (tool_sink(app, &sink, &err) != OK) return app_fail(app, &err);
    bool found = false;
    enum status status = sink->ops->query(sink, sql, show_entry, &found, &err);
    sink_close(sink);
    if (status != OK) return app_fail(app, &err);
    if (!found) fprintf(stderr, "fdp quarantine show: there is no entry %lld\n", (long long)id);
    return found ? EXIT_DONE : EXIT_PROBLEMS;
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
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        uint32_t known = 0;
        while (known < count && strcmp(tables[known], config->processing.routes.items[i].table)) known++;
        if (known == count) tables[count++] = config->processing.routes.items[i].table;
    }
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
