// SPDX-License-Identifier: Apache-2.0
// Writing to _schemas: one change at a time, by one registry at a time.
//
// On a stream that several registries share, every writer's turn has a term: the turn begins with a record that carries a number above all
// that are in the topic, and all that it writes carries the same. Every reader refuses what carries another term than the last one that
// began, so the order of the log decides, for everybody in the same way, even if a former writer wakes up after an hour and sends what it
// had in hand. Its own reader sees that too, before it answers anybody.
#ifndef FDP_STREAMING_REGISTRY_WRITER_H
#define FDP_STREAMING_REGISTRY_WRITER_H

#include "streaming/registry/election.h"
#include "streaming/registry/routes.h"

struct registry_log_writer;

struct registry_log_writer_params {
    const struct config *config;
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    registry_open_fn *open;
    struct registry_state *state;
    struct registry_follower *follower;
    bool read_only; // refuses every change
};

// FATAL when the lock beside an embedded log cannot be opened.
enum status registry_log_writer_new(struct registry_log_writer **out, const struct registry_log_writer_params *params,
                                    struct err *err) MUST_CHECK;
void registry_log_writer_free(struct registry_log_writer *writer); // NULL is fine

// The election that decides whether this one may write; without it, it may.
void registry_log_writer_follow_election(struct registry_log_writer *writer, const struct registry_election *election);
// Begins the turn of an elected writer, and sets right in the log what a former one has written after its own. Called again and again.
void registry_log_writer_take_turn(struct registry_log_writer *writer);
// What the routes call. Any thread.
struct registry_writer registry_log_writer_calls(struct registry_log_writer *writer);

#endif
