// SPDX-License-Identifier: Apache-2.0
// What commands that look at a pipeline share: read-only handles to its stream, store and registry, whether it runs or not.
#ifndef FDP_CLI_TOOL_H
#define FDP_CLI_TOOL_H

#include "cli/command.h"
#include "cli/output.h"
#include "storage/sink.h"
#include "streaming/registry.h"
#include "streaming/stream.h"

enum status tool_stream(const struct app *app, struct stream **out, struct err *err) MUST_CHECK;
enum status tool_sink(const struct app *app, struct sink **out, struct err *err) MUST_CHECK;

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

// --json and --csv.
enum output_format tool_format(const struct app *app);

#endif
