// SPDX-License-Identifier: Apache-2.0
// The effective configuration of a role: one struct, one section per component, filled from the option table in config.c.
//
// Owner: the `struct config` and its arena; everything it points to lives as long. Read-only once loaded.
#ifndef FDP_MODEL_CONFIG_H
#define FDP_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"

struct config_text_list {
    uint32_t count;
    const char **items;
};

struct config_pair {
    const char *name, *value;
};

struct config_topic {
    const char *name;
    int64_t partitions;
};

// A route of ingestion leads to a topic (`table` is NULL); one of processing leads from a topic to a table.
struct config_route {
    const char *topic, *table, *select;
};

struct config {
    const char *data;
    struct {
        const char *level, *format;
    } log;
    struct {
        const char *source;
        struct config_text_list symbols;
        const char *symbols_file;
        struct {
            uint32_t count;
            struct config_route *items;
        } routes;
        int64_t symbols_per_connection;
        int64_t ping_interval_ms, idle_timeout_ms;
        int64_t reconnect_min_ms, reconnect_max_ms;
        const char *tls_ca_file;
        int64_t batch_rows, queue_batches;
    } ingestion;
    struct {
        const char *url;
        struct {
            uint32_t count;
            struct config_topic *items;
        } topics;
        struct {
            uint32_t count;
            struct config_pair *items;
        } kafka;
        int64_t retention_ms, retention_bytes;
        struct {
            const char *url, *listen;
        } registry;
        const char *schemas; // folder; empty: those built into the program
    } streaming;
    struct {
        const char *group, *start;
        struct {
            uint32_t count;
            struct config_route *items;
        } routes;
        int64_t batch_rows, workers;
    } processing;
    struct {
        const char *url, *password_file;
        int64_t statement_timeout_ms, connect_timeout_ms;
    } storage;
    struct {
        const char *listen, *token;
        int64_t symbols_max;
    } monitoring;
    struct {
        const char *listen;
        int64_t seed, rate, instruments;
        const char *replay;
        double speed;
        const char *session; // "clock", or a fixed one
        bool silent_cap;
        const char *tls_certificate_file, *tls_key_file;
    } simulator;
};

// The whole table; its rows store into a struct config.
extern const struct option_table config_options;

// What a table cannot say: how options must fit together (names, addresses, routes to topics that exist). Calls `problem` (may be NULL) for
// each with the option's name and a text for people; returns how many there are.
typedef void config_problem_fn(void *context, const char *option, const char *text);
uint32_t config_check(const struct config *config, config_problem_fn *problem, void *context);

#endif
