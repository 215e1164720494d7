// SPDX-License-Identifier: Apache-2.0
// The reader of _schemas: a thread that replays the topic into the state, then follows it, and knows whether the stream answers.
//
// What it has read is served also when the stream is gone. Functions may be called by any thread.
#ifndef FDP_STREAMING_REGISTRY_FOLLOW_H
#define FDP_STREAMING_REGISTRY_FOLLOW_H

#include "streaming/registry/asker.h"
#include "streaming/registry/state.h"

struct registry_follower;

struct registry_follower_params {
    const struct config *config;
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    struct registry_state *state;
    registry_open_fn *open;
    bool read_only; // creates nothing; a topic that is not there is an empty one
};

// Opens the stream and starts the thread, which waits for a stream that does not answer yet. FATAL when the stream cannot be opened.
enum status registry_follower_start(struct registry_follower **out, const struct registry_follower_params *params,
                                    struct err *err) MUST_CHECK;
// Ends the thread's work and everybody's waiting; the follower stays until it is freed.
void registry_follower_halt(struct registry_follower *follower);
void registry_follower_free(struct registry_follower *follower); // NULL is fine

// Waits until the topic was read up to the end that it had at the start. The time limit is for each step of it, so it grows with what there
// is to read. RETRY: the stream does not answer, or no longer; the thread goes on trying. FATAL: it never will.
enum status registry_follower_wait(struct registry_follower *follower, int64_t step_ms, struct err *err) MUST_CHECK;
// Whether the state may be served: it was replayed. What is missing (AGAIN: it is being read) goes into `err`.
enum status registry_follower_replayed(struct registry_follower *follower, struct err *err) MUST_CHECK;
// Whether it is replayed and goes on being so. RETRY: the stream does not answer; FATAL: the thread has given up.
enum status registry_follower_ready(struct registry_follower *follower, struct err *err) MUST_CHECK;
// Whether the thread's loop turns.
bool registry_follower_alive(const struct registry_follower *follower);
// Whether several registries may find themselves on this stream, of which one is elected to write.
bool registry_follower_shares(const struct registry_follower *follower);

// Waits until the state has everything that was in the topic when this was called. RETRY at the deadline, or when the stream does not
// answer.
enum status registry_follower_catch_up(struct registry_follower *follower, int64_t deadline_ns, struct err *err) MUST_CHECK;

#endif
