// SPDX-License-Identifier: Apache-2.0
// Health of a role: alive while its loop turns, ready while it can do useful work now. What it depends on shows in readiness only.
//
// Any thread.
#ifndef FDP_MONITORING_HEALTH_H
#define FDP_MONITORING_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct health;

// Answers whether a part is ready; `why` gets the reason when it is not, or several, each on a line. `part` is what was registered. One
// thread at a time asks it.
typedef bool health_check_fn(const void *part, const char **why);

struct health *health_new(void);
void health_free(struct health *health);

// At most 8 parts. A part must stay until health_stopping.
void health_add(struct health *health, const char *name, health_check_fn *check, const void *part);
// The role's loop says that it turns.
void health_beat(struct health *health);
// All parts are there: until then the role is not ready.
void health_started(struct health *health);
// From now on the role is not ready and no part is asked any more.
void health_stopping(struct health *health);

// Alive: the loop has turned within the last ten seconds.
bool health_alive(struct health *health);
// Ready: every part is. Writes a line per part, or per reason of a part, to `out`: "ingestion: the feed is not connected".
bool health_ready(struct health *health, struct buf *out);

#endif
