// SPDX-License-Identifier: Apache-2.0
// What commands that look at a pipeline share: read-only handles to its stream, store and registry, whether it runs or not.
#ifndef FDP_CLI_TOOL_H
#define FDP_CLI_TOOL_H

#include "cli/command.h"
#include "cli/output.h"
#include "processing/pipeline.h"
#include "storage/elsewhere.h"
#include "storage/sink.h"
#include "streaming/registry.h"
#include "streaming/stream.h"

enum status tool_stream(const struct app *app, struct stream **out, struct err *err) MUST_CHECK;
enum status tool_sink(const struct app *app, struct sink **out, struct err *err) MUST_CHECK;
// False for an embedded log that the first start is yet to make.
bool tool_stream_is_made(const struct app *app);
// The store or, when the next start is yet to make its tables as this program has them, an empty one in memory, of which `empty` is the
// configuration and lives as long. `*why` says it then; else it is NULL.
enum status tool_sink_or_empty(const struct app *app, struct config *empty, struct sink **out, const char **why,
                               struct err *err) MUST_CHECK;
// The routes of processing, on a store whose tables are up to date.
enum status tool_pipeline(const struct app *app, struct registry_client *registry, struct sink *sink, struct pipeline **out,
                          struct err *err) MUST_CHECK;
// For commands that change something; what they change must be there. A statement may take an hour.
enum status tool_stream_writer(const struct app *app, struct stream **out, struct err *err) MUST_CHECK;
enum status tool_sink_writer(const struct app *app, struct sink **out, struct err *err) MUST_CHECK;

// A client of the pipeline's registry: streaming.registry.url, or, where that is empty and the schemas are in the embedded log, a private
// registry on that very log for the time of the command. (Whatever answers on the default address may belong to another pipeline.)
struct tool_registry {
    struct registry_client *client;
    struct registry_server *server; // the private one, or NULL
    struct config config;           // of the private one
    char url[512];
};
enum status tool_registry_open(const struct app *app, struct tool_registry *out, struct err *err) MUST_CHECK;
void tool_registry_close(struct tool_registry *registry);

// FATAL / ERR_USAGE with the nearest name when there is no such topic.
enum status tool_find_topic(struct stream *stream, const char *name, struct stream_topic *out, struct err *err) MUST_CHECK;
// The last `limit` records of all partitions together, by time; the provenance's source is the partition. Free with batch_free.
enum status tool_last_records(struct stream *stream, const struct stream_topic *topic, uint32_t limit, struct batch **out,
                              struct err *err) MUST_CHECK;

// How long a stream that gives nothing is waited for, before a command says that what it has read is not all.
enum { TOOL_PATIENCE_MS = 10000 };
enum status tool_incomplete(const struct stream_topic *topic, struct err *err) MUST_CHECK;
// Whether partitions that are read were given up to their `ends`, one per partition; those that were become 0.
enum status tool_reached(struct stream *stream, const struct stream_topic *topic, int64_t *ends, bool *all, struct err *err) MUST_CHECK;

// The timestamp of the first record of a partition from an offset on. -1: none came within a few seconds.
struct tool_stamp {
    const char *topic;
    int32_t partition;
    int64_t offset; // within the watermarks
    int64_t us;
    char why[ERR_TEXT_BYTES]; // none came; empty when that is not known
};
// Of partitions that are all different. After a failure too the stamps tell what is known.
enum status tool_stamps(struct stream *stream, struct tool_stamp *stamps, uint32_t count, struct err *err) MUST_CHECK;

// The tables that processing.routes lead to and those of the flag --also, that earlier routes led to; each once, in `arena`.
// FATAL / ERR_USAGE when the store has no such table.
enum status tool_tables(const struct app *app, struct sink *sink, struct arena *arena, const char ***tables, uint32_t *count,
                        struct err *err) MUST_CHECK;
// Of tables that no route leads to, those with records that have a row nowhere else: "stocks (120), old (3)" and, for --also, "stocks,old".
// False: there is none.
enum { TOOL_OTHERS_BYTES = 320 };
bool tool_others(const struct elsewhere *found, uint32_t count, char counted[TOOL_OTHERS_BYTES], char named[TOOL_OTHERS_BYTES]);

// Whether there is somebody at a terminal to ask; and whether the answer is yes.
bool tool_asks(void);
bool tool_confirm(const char *question);

// For commands with --wait DURATION, which try again until then what cannot be done yet (AGAIN, RETRY).
struct tool_wait {
    int64_t deadline_ns;
    bool said;
};
// False (said on stderr) when the flag's value is no duration.
bool tool_wait_init(const struct app *app, struct tool_wait *wait);
// After a try: whether there is to be another, after a moment.
bool tool_wait_more(struct tool_wait *wait, enum status status, const struct err *err);

// --json and --csv.
enum output_format tool_format(const struct app *app);

#endif
