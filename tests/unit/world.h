// SPDX-License-Identifier: Apache-2.0
// A stream with a schema registry beside it, in a folder of the test's own: what the roles work with.
#ifndef FDP_TESTS_WORLD_H
#define FDP_TESTS_WORLD_H

#include "base/log.h"
#include "base/metric.h"
#include "streaming/registry.h"
#include "streaming/stream.h"
#include "support.h"

struct world {
    struct bed bed;
    struct log log; // says nothing
    struct metric_registry *metrics;
    struct registry_server *server;
    struct registry_client *client;
    struct stream *stream;
};

static inline void world_open(struct world *world)
{
    struct err err;
    bed_open(&world->bed);
    world->log = (struct log){.level = LOG_ERROR + 1, .fd = STDERR_FILENO};
    world->metrics = metric_registry_new();
    world->bed.config->streaming.registry.listen = "127.0.0.1:0";
    struct stream_params stream = {.config = world->bed.config, .log = &world->log, .metrics = world->metrics};
    struct registry_server_params server = {world->bed.config, &world->log, world->metrics};
    assert_ok(stream_open(&world->stream, &stream, &err), &err);
    assert_ok(stream_create_topics(world->stream, world->bed.config, &err), &err);
    assert_ok(registry_server_start(&world->server, &server, &err), &err);
    assert_ok(registry_client_open(&world->client, registry_server_url(world->server), &world->log, world->metrics, &err), &err);
}

static inline void world_close(struct world *world)
{
    stream_close(world->stream);
    registry_client_close(world->client);
    registry_server_stop(world->server);
    metric_registry_free(world->metrics);
    bed_close(&world->bed);
}

static inline void world_load_schemas(struct world *world)
{
    struct err err;
    uint32_t loaded;
    assert_ok(registry_load(world->client, NULL, &world->log, &loaded, &err), &err);
    assert_int_equal(loaded, 6);
}

#endif
