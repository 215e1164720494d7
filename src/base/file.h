// SPDX-License-Identifier: Apache-2.0
// Reading a small file whole.
#ifndef FDP_BASE_FILE_H
#define FDP_BASE_FILE_H

#include "base/buf.h"

// Appends what the file holds; `out` is full when that is too much. A pipe is read to its end, so that `-c <(...)` works; one that nobody
// opens for writing is given up after a while. NULL, or why it could not be read.
const char *file_read(const char *path, struct buf *out);

#endif
