// SPDX-License-Identifier: Apache-2.0
// From quotes to durable records: routes, Avro, append. Without a feed or a thread; used by the role and by the benchmark.
#ifndef FDP_INGESTION_PUBLISH_H
#define FDP_INGESTION_PUBLISH_H

#include "base/err.h"
#include "model/batch.h"
#include "model/config.h"
#include "streaming/registry.h"
#include "streaming/stream.h"

struct publisher;

// Compiles ingestion.routes against the newest schema of each topic, and finds that schema's id in the registry, by content. FATAL /
// ERR_CONFIG names the route that is wrong; RETRY: the registry does not answer or does not have the schema yet. `registry` may be NULL:
// then the routes are only checked.
enum status publisher_new(struct publisher **out, const struct config *config, struct registry_client *registry,
                          struct err *err) MUST_CHECK;
void publisher_free(struct publisher *publisher);

// The topics that the routes lead to, each once.
uint32_t publisher_topics(const struct publisher *publisher, const char *const **topics);

// Quotes on their way to the stream, made and freed with one publisher. Fill `quotes` and `rejects`, then call publication_encode and
// publication_append.
struct publication {
    struct publisher *publisher;
    struct batch *quotes;   // of quote_row_type
    struct batch *rejects;  // of record_row_type; publication_encode adds the quotes that no route takes
    struct batch **ticks;   // per topic, in the order of publisher_topics
    struct batch **records; // per topic, of record_row_type
};

struct publication *publication_new(struct publisher *publisher, uint32_t capacity);
void publication_free(struct publication *publication);
void publication_reset(struct publication *publication);
// Records that append will publish.
uint64_t publication_records(const struct publication *publication);
// Those of them in topics that no route of processing reads.
uint64_t publication_unread(const struct publication *publication);

// Every quote becomes a record of one topic or a reject. `source` names the feed in the rejects.
enum status publication_encode(struct publication *publication, const char *source, struct err *err) MUST_CHECK;
// Appends all of it; durable once the caller has flushed the stream. What a status other than OK leaves behind is said in stream.h.
enum status publication_append(const struct publication *publication, struct stream *stream, struct err *err) MUST_CHECK;

#endif
