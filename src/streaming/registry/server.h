// SPDX-License-Identifier: Apache-2.0
// Starting a registry on a stream that a test has made.
#ifndef FDP_STREAMING_REGISTRY_SERVER_H
#define FDP_STREAMING_REGISTRY_SERVER_H

#include "streaming/registry.h"
#include "streaming/registry/follow.h"

// registry_server_start with another way to open handles of the stream.
enum status registry_server_start_on(struct registry_server **out, const struct registry_server_params *params, registry_open_fn *open,
                                     struct err *err) MUST_CHECK;

#endif
