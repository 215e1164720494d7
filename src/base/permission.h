// SPDX-License-Identifier: Apache-2.0
// Which permission is missing, and whose: what "Permission denied" leaves open.
#ifndef FDP_BASE_PERMISSION_H
#define FDP_BASE_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>

enum { PERMISSION_TEXT_BYTES = 768 };

// Looks what this process may not do of: enter the folders on the way to `path`, read the file (when there is one), write to its folder,
// write to the file. Writes the first as "the user nobody has no permission to write to the folder /data (owner root, mode 0755)" and what
// to do, with a word of explanation for who only wanted to `look`; or what on the way is no folder. False when nothing is in the way.
// Opens nothing.
bool permission_missing(const char *path, bool look, char *out, size_t size);

#endif
