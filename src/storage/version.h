// SPDX-License-Identifier: Apache-2.0
// Which version a store's tables have, and which this program brings them to.
#ifndef FDP_STORAGE_VERSION_H
#define FDP_STORAGE_VERSION_H

#include "storage/sink.h"

// `version` is 0 when there are none of our tables yet.
enum status sink_version(struct sink *sink, int *version, int *newest, struct err *err) MUST_CHECK;

#endif
