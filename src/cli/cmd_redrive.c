// SPDX-License-Identifier: Apache-2.0
// Commands that settle what is in the quarantine: redrive and drop.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/reframe.h"
#include "cli/tool.h"
#include "model/record.h"
#include "processing/rerun.h"
#include "storage/quarantine.h"

enum { LIMIT_DEFAULT = 10000, LIMIT_MAX = 100000000, BATCH_ENTRIES = 500, DOUBTS_MAX = 5 };

// --- Which entries are meant ---

struct choice {
    struct quarantine_choice which;
    int64_t ids[COMMAND_MAX_WORDS];
    bool one_by_one; // by their ids
    int64_t limit;
};

// False after having said what is wrong.
static bool choose(const struct app *app, struct choice *out)
{
    *out = (struct choice){.which = {.rule = app_flag(app, "rule"), .topic = app_flag(app, "topic")}, .one_by_one = app->word_count > 0};
    if (!app_flag_number(app, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &out->limit)) return false;
    bool many = out->which.rule || out->which.topic || app_flag(app, "all");
    if (many == out->one_by_one) {
        app_usage(app, "%s: give IDs from fdp quarantine list, or --all, --rule RULE or --topic TOPIC",
                  many ? "IDs and a choice of many do not go together" : "which entries?");
        return false;
    }
    for (int i = 0; i < app->word_count; i++) {
        if (text_to_int64(slice_of(app->words[i]), &out->ids[i])) continue;
        app_usage(app, "an ID is a number from fdp quarantine list, not \"%s\"", app->words[i]);
        return false;
    }
    if (out->one_by_one) out->which.ids = out->ids, out->which.id_count = (uint32_t)app->word_count;
    return true;
}

// Says of each chosen id that is neither waiting nor was (`met`) what it is; counts them.
static enum status say_others(const struct app *app, struct sink *sink, const struct choice *choice, const int64_t *met, uint32_t met_count,
                              uint32_t *others, struct err *err)
{
    for (uint32_t i = 0; i < choice->which.id_count; i++) {
        char state[16];
        bool was_met = false;
        for (uint32_t k = 0; k < met_count; k++) was_met |= met[k] == choice->ids[i];
        if (was_met) continue;
        TRY(quarantine_state(sink, choice->ids[i], state, err));
        if (!strcmp(state, "waiting")) continue;
        ++*others;
        if (*state)
            fprintf(stderr, "fdp %s: entry %lld is %s already\n", app->command->name, (long long)choice->ids[i], state);
        else
            fprintf(stderr, "fdp %s: there is no entry %lld\n", app->command->name, (long long)choice->ids[i]);
    }
    return OK;
}

// --- redrive ---

struct redrive {
    struct app *app;
    struct choice choice;
    bool dry;
    struct tool_registry registry;
    struct sink *sink;
    struct pipeline *pipeline;
    struct rerun *rerun;
    struct reframe *reframe; // made when the first frame comes
    struct output *output;

    // One batch of entries; rerun is given those that can be tried, in the same order.
    struct arena arena;
    struct batch *read, *tried;
    struct quarantine_entry *entries;
    const char **untried; // per entry why it cannot be tried; NULL: it is
    struct rerun_record *about;
    struct rerun_outcome *outcomes;

    int64_t met[COMMAND_MAX_WORDS]; // ids that were waiting, when they are chosen one by one
    uint32_t met_count;
    int64_t done, stored, filtered, waiting, elsewhere;
};

static void print_outcome(struct redrive *self, uint32_t row, const char *outcome, const char *table, const char *rule, const char *error)
{
    const struct quarantine_entry *entry = &self->entries[row];
    struct sink_cell cells[] = {output_number(entry->id),
                                output_text(entry->topic),
                                output_number(entry->partition),
                                output_number(self->read->offset[row]),
                                output_text(outcome),
                                output_text(table),
                                output_text(rule),
                                output_text(error)};
    output_row(self->output, cells);
    self->done++;
    if (self->choice.one_by_one) self->met[self->met_count++] = entry->id;
}

// The topic whose routes the record takes; a frame of ingestion becomes a record first. REJECT with the reason when there is none.
static enum status find_topic(struct redrive *self, uint32_t entry, uint32_t *topic, struct err *err)
{
    const char *const *topics, *name = self->entries[entry].topic;
    uint32_t count = pipeline_topics(self->pipeline, &topics);
    if (!strcmp(name, STREAM_REJECTED_TOPIC)) {
        if (!self->reframe) TRY(reframe_open(&self->reframe, self->app->config, self->registry.client, err));
        TRY(reframe_record(self->reframe, self->read, entry, &name, err));
    }
    for (*topic = 0; *topic < count; ++*topic)
        if (!strcmp(topics[*topic], name) && strcmp(name, STREAM_REJECTED_TOPIC) != 0) return OK;
    return err_set(err, REJECT, ERR_CONFIG, "no route of processing reads the topic %s", name);
}

static enum status prepare(struct redrive *self, struct err *err)
{
    batch_reset(self->tried);
    for (uint32_t i = 0; i < self->read->rows; i++) {
        uint32_t topic = 0;
        const struct quarantine_entry *entry = &self->entries[i];
        enum status status = find_topic(self, i, &topic, err);
        if (status != OK && status != REJECT) return status;
        self->untried[i] = status == OK ? NULL : arena_printf(&self->arena, "%s", err->text);
        if (self->untried[i]) continue;
        self->about[self->tried->rows] = (struct rerun_record){entry->source, topic, entry->partition, entry->id};
        batch_row_copy(self->tried, self->read, i);
    }
    return OK;
}

static void print_outcomes(struct redrive *self)
{
    const char *const *tables;
    pipeline_tables(self->pipeline, &tables);
    const struct rerun_outcome *outcome = self->outcomes;
    for (uint32_t i = 0; i < self->read->rows; i++) {
        const struct rerun_outcome refused = {FATE_QUARANTINED, 0, self->entries[i].rule, self->untried[i]};
        const struct rerun_outcome *it = self->untried[i] ? &refused : outcome++;
        switch (it->fate) {
        case FATE_STORED:
            print_outcome(self, i, "stored", tables[it->table], NULL, NULL);
            self->stored++;
            break;
        case FATE_FILTERED:
            print_outcome(self, i, "filtered", NULL, NULL, NULL);
            self->filtered++;
            break;
        case FATE_QUARANTINED:
            print_outcome(self, i, "waiting", NULL, it->rule, it->error);
            self->waiting++;
            break;
        }
    }
}

// Nobody knows how much of the batch was written, or another has settled some of it: what is done says so, the rest is read again.
static enum status settle(struct redrive *self, struct err *err)
{
    for (uint32_t i = 0; i < self->read->rows; i++) {
        char state[16];
        TRY(quarantine_state(self->sink, self->entries[i].id, state, err));
        if (!strcmp(state, "waiting")) continue;
        print_outcome(self, i, *state ? state : "gone", NULL, NULL, NULL);
        self->elsewhere++;
    }
    return OK;
}

static enum status redrive_all(struct redrive *self, struct err *err)
{
    int64_t after = INT64_MIN, settled_after = INT64_MIN;
    int doubts = 0;
    while (self->done < self->choice.limit) {
        int64_t left = self->choice.limit - self->done;
        uint32_t limit = left < BATCH_ENTRIES ? (uint32_t)left : BATCH_ENTRIES;
        arena_reset(&self->arena);
        TRY(quarantine_read(self->sink, &self->choice.which, after, limit, self->read, self->entries, &self->arena, err));
        if (!self->read->rows) return OK;
        after = self->entries[self->read->rows - 1].id;
        TRY(prepare(self, err));
        enum status status = rerun_run(self->rerun, self->tried, self->about, !self->dry, self->outcomes, err);
        if (status == RETRY && ++doubts <= DOUBTS_MAX) {
            TRY(settle(self, err));
            after = settled_after;
            continue;
        }
        if (status != OK) return status;
        print_outcomes(self);
        settled_after = after;
    }
    return OK;
}

static enum status open_all(struct redrive *self, struct err *err)
{
    struct app *app = self->app;
    TRY(tool_registry_open(app, &self->registry, err));
    TRY(self->dry ? tool_sink(app, &self->sink, err) : tool_sink_writer(app, &self->sink, err));
    TRY(tool_pipeline(app, self->registry.client, self->sink, &self->pipeline, err));
    self->rerun = rerun_new(self->pipeline, self->sink, NULL, 0, BATCH_ENTRIES);
    return OK;
}

static void close_all(struct redrive *self)
{
    reframe_close(self->reframe);
    rerun_free(self->rerun);
    pipeline_free(self->pipeline);
    sink_close(self->sink);
    tool_registry_close(&self->registry);
    arena_fini(&self->arena);
    batch_free(self->read);
    batch_free(self->tried);
    free(self->entries);
    free(self->untried);
    free(self->about);
    free(self->outcomes);
}

// Asks when many are meant and there is somebody to ask. `*go` is false after a no.
static enum status ask(struct redrive *self, bool *go, struct err *err)
{
    char question[128];
    int64_t count;
    *go = true;
    if (self->dry || self->choice.one_by_one || app_flag(self->app, "yes")) return OK;
    TRY(quarantine_count(self->sink, &self->choice.which, &count, err));
    if (!count) return OK;
    snprintf(question, sizeof question, "Process %lld entries of the quarantine again?",
             (long long)(count < self->choice.limit ? count : self->choice.limit));
    *go = !tool_asks() || tool_confirm(question);
    return OK;
}

static void say_summary(const struct redrive *self)
{
    if (tool_format(self->app) != OUTPUT_TABLE || !self->done) return;
    if (self->dry)
        printf("%lld would be stored, %lld filtered, %lld would go on waiting; nothing was changed\n", (long long)self->stored,
               (long long)self->filtered, (long long)self->waiting);
    else
        printf("%lld stored, %lld filtered, %lld still waiting\n", (long long)self->stored, (long long)self->filtered,
               (long long)self->waiting);
    if (self->elsewhere) printf("%lld were settled while this ran\n", (long long)self->elsewhere);
}

static enum status redrive(struct redrive *self, uint32_t *others, struct err *err)
{
    static const char *const names[] = {"id", "topic", "partition", "offset", "outcome", "table", "rule", "error"};
    bool go;
    TRY(open_all(self, err));
    TRY(ask(self, &go, err));
    if (!go) {
        puts("nothing was changed");
        return OK;
    }
    self->output = output_new(stdout, tool_format(self->app), sizeof names / sizeof *names, names);
    enum status status = redrive_all(self, err);
    bool some = self->choice.which.rule || self->choice.which.topic;
    output_end(self->output, some ? "none of these entries is waiting" : "no entries are waiting");
    if (status == OK) status = say_others(self->app, self->sink, &self->choice, self->met, self->met_count, others, err);
    say_summary(self);
    return status;
}

int cmd_quarantine_redrive(struct app *app)
{
    struct err err;
    uint32_t others = 0;
    struct redrive self = {.app = app, .dry = app_flag(app, "dry-run") != NULL};
    if (!choose(app, &self.choice)) return ERR_USAGE;
    arena_init(&self.arena, 4096);
    self.read = batch_new(&record_row_type, BATCH_ENTRIES);
    self.tried = batch_new(&record_row_type, BATCH_ENTRIES);
    self.entries = memory_new(BATCH_ENTRIES, sizeof *self.entries);
    self.untried = memory_new(BATCH_ENTRIES, sizeof *self.untried);
    self.about = memory_new(BATCH_ENTRIES, sizeof *self.about);
    self.outcomes = memory_new(BATCH_ENTRIES, sizeof *self.outcomes);
    enum status status = redrive(&self, &others, &err);
    bool limited = status == OK && self.done == self.choice.limit && !self.choice.one_by_one;
    close_all(&self);
    if (status != OK) return app_fail(app, &err);
    if (limited) fprintf(stderr, "fdp quarantine redrive: stopped at --limit %lld; more may be waiting\n", (long long)self.choice.limit);
    return self.waiting || others ? EXIT_PROBLEMS : EXIT_DONE;
}

// --- drop ---

static enum status drop(struct app *app, struct sink *sink, const struct choice *choice, uint32_t *others, struct err *err)
{
    int64_t count;
    char question[128];
    TRY(say_others(app, sink, choice, NULL, 0, others, err));
    TRY(quarantine_count(sink, &choice->which, &count, err));
    if (count > choice->limit) count = choice->limit;
    snprintf(question, sizeof question, "Give up on %lld entries of the quarantine?", (long long)count);
    bool sure = choice->one_by_one || app_flag(app, "yes") || !count;
    if (!sure && (!tool_asks() || !tool_confirm(question))) {
        if (app->common.json)
            puts("{\"dropped\":0}");
        else
            printf("%lld %s would be dropped; nothing was changed: --yes does it\n", (long long)count, count == 1 ? "entry" : "entries");
        return OK;
    }
    if (count) TRY(quarantine_drop(sink, &choice->which, choice->limit, err));
    if (app->common.json)
        printf("{\"dropped\":%lld}\n", (long long)count);
    else
        printf("%lld %s dropped\n", (long long)count, count == 1 ? "entry" : "entries");
    return OK;
}

int cmd_quarantine_drop(struct app *app)
{
    struct err err;
    struct choice choice;
    struct sink *sink;
    uint32_t others = 0;
    if (!choose(app, &choice)) return ERR_USAGE;
    if (tool_sink_writer(app, &sink, &err) != OK) return app_fail(app, &err);
    enum status status = drop(app, sink, &choice, &others, &err);
    sink_close(sink);
    if (status != OK) return app_fail(app, &err);
    return others ? EXIT_PROBLEMS : EXIT_DONE;
}
