// SPDX-License-Identifier: Apache-2.0
// Looks up the addresses of a host without blocking the caller.
//
// The system's call can take many seconds and cannot be interrupted, so it runs on a thread of its own; who no longer wants the answer just
// leaves, and the thread cleans up after itself.
#ifndef FDP_NET_RESOLVER_H
#define FDP_NET_RESOLVER_H

#include <stddef.h>

#include "base/err.h"

enum { RESOLVER_ADDRESSES_MAX = 8, RESOLVER_ADDRESS_BYTES = 64 };

struct resolver_addresses {
    size_t count;                                               // at least 1
    char items[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_BYTES]; // numeric, in the system's order of preference
};

struct resolver;

// Begins. `done` is called once when the answer is there, on another thread, unless the resolver was freed before; not for a host that
// is an address already, whose answer is there at once.
struct resolver *resolver_start(const char *host, void (*done)(void *context), void *context);
// OK with the addresses; AGAIN while under way; RETRY / `code` when the host could not be found.
enum status resolver_result(struct resolver *resolver, struct resolver_addresses *out, enum err_code code, struct err *err) MUST_CHECK;
// Never waits. After it, `done` is not called any more.
void resolver_free(struct resolver *resolver);

#endif
