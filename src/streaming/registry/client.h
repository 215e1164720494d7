// SPDX-License-Identifier: Apache-2.0
// What the client offers to the loading of schemas beyond streaming/registry.h.
#ifndef FDP_STREAMING_REGISTRY_CLIENT_H
#define FDP_STREAMING_REGISTRY_CLIENT_H

#include "streaming/registry.h"

// Gives the subject a compatibility level of its own ("NONE", "BACKWARD", ...) unless it has it already. REJECT when it is refused.
enum status registry_client_set_level(struct registry_client *client, const char *subject, const char *level, struct err *err) MUST_CHECK;

#endif
