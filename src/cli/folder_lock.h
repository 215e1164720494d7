// SPDX-License-Identifier: Apache-2.0
// One whole pipeline per data folder: a lock on DIR/up.lock, held as long as the process lives.
#ifndef FDP_CLI_FOLDER_LOCK_H
#define FDP_CLI_FOLDER_LOCK_H

#include <stdbool.h>

#include "base/err.h"

struct folder_lock {
    int fd; // -1: not held
};

// Makes the folder when it is missing. FATAL / ERR_STORAGE when another process has it, and which.
enum status folder_lock_take(struct folder_lock *lock, const char *folder, struct err *err) MUST_CHECK;
// True when somebody has removed the file, and with it most likely the folder.
bool folder_lock_lost(const struct folder_lock *lock);
void folder_lock_release(struct folder_lock *lock);

#endif
