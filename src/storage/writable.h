// SPDX-License-Identifier: Apache-2.0
// Whether a worker could write to a store, asked without writing.
#ifndef FDP_STORAGE_WRITABLE_H
#define FDP_STORAGE_WRITABLE_H

#include "storage/sink.h"

// Called for everything that stands in the way, with a text for people that says what to do.
typedef void writable_fn(void *context, const char *problem);

// Asks the store that a worker would connect to; `tables` are those that its routes lead to, and may be missing. Of SQLite there is
// nothing to ask. FATAL or REJECT when the store does not tell.
enum status writable_look(struct sink *sink, const char *const *tables, uint32_t count, writable_fn *problem, void *context,
                          struct err *err) MUST_CHECK;

#endif
