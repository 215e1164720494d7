// SPDX-License-Identifier: Apache-2.0
// Reading from a schema registry by its own API, for commands.
#ifndef FDP_CLI_REGISTRY_GET_H
#define FDP_CLI_REGISTRY_GET_H

#include <jansson.h>

#include "base/err.h"

// GET of a path of the registry at `base`, as JSON; free with json_decref. FATAL / ERR_REGISTRY with what it answered.
enum status registry_get(const char *base, const char *path, json_t **out, struct err *err) MUST_CHECK;

// OK; FATAL / ERR_REGISTRY when the registry says that it is not ready, and why. One that does not tell (others than ours) is taken to be.
enum status registry_ready(const char *base, struct err *err) MUST_CHECK;

// "/subjects/SUBJECT" and `rest` behind it.
void registry_subject_path(char *out, size_t size, const char *subject, const char *rest);

#endif
