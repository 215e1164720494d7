// SPDX-License-Identifier: Apache-2.0
// Which of several registries on one stream may write: the one that the consumer group fdp-registry gives partition 0 of _schemas.
//
// The election makes it likely that one writes; that no two can, whatever is late or stopped, is the terms' doing (see writer.h).
#ifndef FDP_STREAMING_REGISTRY_ELECTION_H
#define FDP_STREAMING_REGISTRY_ELECTION_H

#include "streaming/registry/follow.h"

#define REGISTRY_GROUP "fdp-registry"

struct registry_election;

struct registry_election_params {
    const struct config *config;
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    registry_open_fn *open;
    struct registry_follower *follower; // who has not replayed is no candidate
    // Called by the election's thread again and again while this registry is the writer, the first time at once.
    void (*leading)(void *context);
    void *context;
};

enum status registry_election_start(struct registry_election **out, const struct registry_election_params *params,
                                    struct err *err) MUST_CHECK;
// Leaves the group, so that another becomes the writer at once. NULL is fine.
void registry_election_stop(struct registry_election *election);

// Whether this registry is the writer, as far as it knows. Any thread.
bool registry_election_leads(const struct registry_election *election);

#endif
