// SPDX-License-Identifier: Apache-2.0
// Commands that read the store: sql and reconcile.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/tool.h"
#include "storage/reconcile.h"
#include "streaming/stream.h"

int cmd_sql(struct app *app)
{
    struct err err;
    struct listing listing = {.row = listing_row, .empty = "no rows"};
    enum status status = listing_print(app, app->words[0], &listing, &err);
    if (status == REJECT) err.code = ERR_USAGE; // nothing is wrong with the store; the statement is the user's
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

// --- reconcile ---

struct reconciliation {
    const struct config *config;
    struct output *output;
    bool deep;
    uint32_t partitions, wrong, unrouted;
    struct sink_range *lacking; // partitions that have fewer rows than were stored
    uint32_t lacking_count;
};

// Whether the rows of a topic are in the tables of this configuration. What ingestion rejected goes to the quarantine in every one.
static bool is_routed(const struct config *config, const char *topic)
{
    for (uint32_t i = 0; i < config->processing.routes.count; i++)
        if (!strcmp(config->processing.routes.items[i].topic, topic)) return true;
    return !strcmp(topic, STREAM_REJECTED_TOPIC);
}

static void reconcile_partition(void *context, const struct reconcile_partition *partition)
{
    struct reconciliation *all = context;
    const struct sink_partition *at = &partition->position;
    bool counted = all->deep && is_routed(all->config, at->topic), holds = reconcile_holds(partition, counted);
    all->unrouted += all->deep && !counted;
    all->partitions++;
    all->wrong += !holds;
    if (counted && partition->rows < at->stored) {
        all->lacking = memory_grow(all->lacking, all->lacking_count + 1, sizeof *all->lacking);
        all->lacking[all->lacking_count++] = (struct sink_range){at->id, at->first_offset, at->next_offset};
    }
    struct sink_cell cells[] = {output_text(at->group),          output_text(at->topic),
                                output_number(at->partition),    output_number(at->first_offset),
                                output_number(at->next_offset),  output_number(at->stored),
                                output_number(at->quarantined),  output_number(at->filtered),
                                output_number(at->skipped),      output_text(holds ? "yes" : "NO"),
                                output_number(partition->rows),  output_number(partition->entries),
                                output_number(partition->twice), output_number(partition->outside)};
    output_row(all->output, cells);
}

// Where rows that are lacking may be: in tables that earlier routes led to.
static enum status say_elsewhere(const struct reconciliation *all, struct sink *sink, struct arena *arena, const char *const *tables,
                                 uint32_t table_count, struct err *err)
{
    struct elsewhere *found;
    uint32_t count;
    char counted[TOOL_OTHERS_BYTES], named[TOOL_OTHERS_BYTES];
    TRY(elsewhere_look(sink, tables, table_count, all->lacking, all->lacking_count, arena, &found, &count, err));
    if (tool_others(found, count, counted, named))
        app_say(
            "fdp reconcile: records have their rows in tables that no route leads to now: %s. If earlier routes led there, count them with"
            " --also %s\n",
            counted, named);
    return OK;
}

static enum status reconcile_all(struct reconciliation *all, const struct app *app, struct sink *sink, int64_t *strays, struct err *err)
{
    struct arena arena;
    const char **tables;
    uint32_t count;
    arena_init(&arena, 4096);
    enum status status = tool_tables(app, sink, &arena, &tables, &count, err);
    if (status == OK) status = reconcile(sink, tables, count, all->deep, reconcile_partition, all, strays, err);
    output_end(all->output, status == OK ? "nothing has been processed yet" : "");
    if (status == OK && all->lacking_count) status = say_elsewhere(all, sink, &arena, tables, count, err);
    free(all->lacking);
    arena_fini(&arena);
    return status;
}

int cmd_reconcile(struct app *app)
{
    static const char *const names[] = {"group",    "topic",   "partition", "first", "next",    "stored", "quarantined",
                                        "filtered", "skipped", "holds",     "rows",  "entries", "twice",  "outside"};
    enum { SHALLOW_COLUMNS = 10, DEEP_COLUMNS = 14 };
    struct err err;
    struct sink *sink;
    if (tool_sink(app, &sink, &err) != OK) return app_fail(app, &err);
    struct reconciliation all = {.config = app->config, .deep = app_flag(app, "deep") != NULL};
    all.output = output_new(stdout, tool_format(app), all.deep ? DEEP_COLUMNS : SHALLOW_COLUMNS, names);
    int64_t strays = 0;
    enum status status = reconcile_all(&all, app, sink, &strays, &err);
    sink_close(sink);
    if (status != OK) return app_fail(app, &err);
    if (all.unrouted)
        fprintf(stderr, "fdp reconcile: of %u partitions whose topics have no route in this configuration only the sums were looked at\n",
                all.unrouted);
    if (all.wrong) fprintf(stderr, "fdp reconcile: %u of %u partitions do not add up\n", all.wrong, all.partitions);
    if (strays)
        fprintf(
            stderr,
            "fdp reconcile: %lld rows or entries belong to no partition: their position was removed from fdp_offsets, and what they were\n"
            "made of is stored once more as soon as a worker begins anew. To remove them from a table or fdp_quarantine:\n"
            "DELETE FROM stocks WHERE NOT EXISTS (SELECT 1 FROM fdp_offsets WHERE fdp_offsets.id = stocks._source)\n",
            (long long)strays);
    return all.wrong || strays ? EXIT_PROBLEMS : EXIT_DONE;
}
