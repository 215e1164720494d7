// SPDX-License-Identifier: Apache-2.0
// The schemas that come with the program or lie in a folder: <topic>/vN.avsc.
#ifndef FDP_STREAMING_SCHEMA_FILES_H
#define FDP_STREAMING_SCHEMA_FILES_H

#include "base/buf.h"
#include "base/err.h"

// The text of the highest version for a topic. `dir` NULL or empty: the schemas built into the program. FATAL / ERR_CONFIG when there is
// none.
enum status schema_files_newest(const char *dir, const char *topic, struct buf *text, struct err *err) MUST_CHECK;

typedef enum status schema_files_fn(void *context, const char *topic, int version, struct slice text, struct err *err);

// Calls `each` for every file, in order of topic, then version.
enum status schema_files_each(const char *dir, schema_files_fn *each, void *context, struct err *err) MUST_CHECK;

#endif
