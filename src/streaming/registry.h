// SPDX-License-Identifier: Apache-2.0
// The schema registry as its users see it: schemas by id, ids by subject; in this process or over HTTP, the same calls.
//
// The client caches by id for ever (a schema of an id never changes), remembers for a while which ids do not exist, and asks once when
// many want the same. When the registry is down, known ids go on; unknown ones are RETRY, never REJECT.
#ifndef FDP_STREAMING_REGISTRY_H
#define FDP_STREAMING_REGISTRY_H

#include "avro/schema.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/config.h"
#include "streaming/stream.h"

#define REGISTRY_TOPIC "_schemas"

// The server: state in the topic _schemas of the stream (Confluent's record format), kept in memory, served over HTTP.
struct registry_server;

struct registry_server_params {
    const struct config *config; // streaming.registry.listen
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    bool read_only;                  // a tool's: creates nothing, refuses changes, is no candidate for the writer
};

// Listens and replays _schemas. On a stream that several registries share one is elected to write; the others answer changes with 50004.
// FATAL: the address is taken, or the topic is not one that a registry can use. A stream that does not answer is waited for in the
// background: requests are answered with 503 meanwhile, and /readyz says why; with read_only it is RETRY.
enum status registry_server_start(struct registry_server **out, const struct registry_server_params *params, struct err *err) MUST_CHECK;
const char *registry_server_url(const struct registry_server *server); // "http://127.0.0.1:8081"
// What its /readyz says; else `why` says what is missing. Any thread.
bool registry_server_ready(const struct registry_server *server, const char **why);
void registry_server_stop(struct registry_server *server);

// The client. Any thread. `url` may name several registries that share a stream, with commas between: they are asked in turn until one
// answers.
struct registry_client;

enum status registry_client_open(struct registry_client **out, const char *url, const struct log *log, struct metric_registry *metrics,
                                 struct err *err) MUST_CHECK;
void registry_client_close(struct registry_client *client);

// The schema with that id; it belongs to the client and lives as long. REJECT: the registry says there is none. RETRY: it did not answer.
enum status registry_schema(struct registry_client *client, int32_t id, const struct avro_schema **out, struct err *err) MUST_CHECK;

// Registers the text under the subject, or finds it there (by content): the id. REJECT when it is refused (incompatible, invalid).
enum status registry_register(struct registry_client *client, const char *subject, const char *schema, int32_t *id,
                              struct err *err) MUST_CHECK;
// The id of exactly this content under the subject. REJECT when it is not there.
enum status registry_lookup(struct registry_client *client, const char *subject, const char *schema, int32_t *id,
                            struct err *err) MUST_CHECK;

// Loads DIR/<topic>/vN.avsc in order of version to the subjects <topic>-value, setting the compatibility levels that DIR/compatibility.yaml
// names. Idempotent. With dir NULL or empty: the schemas built into the program. `loaded` counts versions that were new.
enum status registry_load(struct registry_client *client, const char *dir, const struct log *log, uint32_t *loaded,
                          struct err *err) MUST_CHECK;

#endif
