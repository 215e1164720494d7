// SPDX-License-Identifier: Apache-2.0
// Which permission is missing, and whose: what "Permission denied" leaves open.
#ifndef FDP_BASE_PERMISSION_H
#define FDP_BASE_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>

enum { PERMISSION_TEXT_BYTES = 640 };

// Looks what this process may not do of: enter the folders on the way to `path`, read the file (when there is one), write to its folder,
// write to the file. Writes the first as "the user nobody has no permission to write to the folder /data (owner root, mode 0755)"; false
// when nothing is missing. Opens nothing.
bool permission_missing(const char *path, char *out, size_t size);

#endif
