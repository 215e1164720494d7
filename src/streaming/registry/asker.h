// SPDX-License-Identifier: Apache-2.0
// Questions to the stream about _schemas: whether it is there and fits, where it ends.
//
// They have a handle of their own: on the one that reads they would wait behind the request for the next record, half a second each.
#ifndef FDP_STREAMING_REGISTRY_ASKER_H
#define FDP_STREAMING_REGISTRY_ASKER_H

#include "base/metric.h"
#include "streaming/stream.h"

struct registry_asker;

// stream_open, or what a test puts in its place.
typedef enum status registry_open_fn(struct stream **out, const struct stream_params *params, struct err *err);

enum status registry_asker_open(struct registry_asker **out, registry_open_fn *open, const struct stream_params *params,
                                struct err *err) MUST_CHECK;
void registry_asker_close(struct registry_asker *asker); // NULL is fine

// Makes the topic where it is missing and may be made; else *absent says that it is. FATAL when it is not one that a registry can use.
enum status registry_asker_prepare(struct registry_asker *asker, bool *absent, struct err *err) MUST_CHECK;
// Where the topic begins and ends now. Any thread: one asks at a time. AGAIN when the others have not done by the deadline; RETRY when
// the stream does not answer.
enum status registry_asker_ends(struct registry_asker *asker, int64_t deadline_ns, struct stream_watermarks *out,
                                struct err *err) MUST_CHECK;

#endif
