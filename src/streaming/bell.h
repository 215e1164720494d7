// SPDX-License-Identifier: Apache-2.0
// How a writer of the log wakes readers in other threads and processes: it writes a byte to a file that they watch with inotify.
//
// No wake-up is lost: a reader is armed from the moment it watches, so it forgets old rings (bell_clear), looks at the log, and only
// then waits. The file may vanish or be replaced at any time; both sides notice and take the new one.
#ifndef FDP_STREAMING_BELL_H
#define FDP_STREAMING_BELL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct bell {
    char folder[PATH_MAX], path[PATH_MAX];
    int ring_fd; // of the writer; -1 until the first ring
    dev_t ring_dev;
    ino_t ring_inode;
    int watch_fd;   // inotify of the reader; -1 until bell_watch
    int file_watch; // on the bell, -1 while there is none
    int wake_fd;    // eventfd: wakes the reader of this very handle
};

enum status bell_init(struct bell *bell, const char *folder, struct err *err) MUST_CHECK;
void bell_fini(struct bell *bell);

// Wakes all readers. Failing is no reason to fail what was committed: readers look again at their next deadline.
void bell_ring(struct bell *bell);

// Begins watching; a second call does nothing. FATAL with what to do when the system's limits on inotify are reached.
enum status bell_watch(struct bell *bell, struct err *err) MUST_CHECK;
// Forgets rings so far. True when bell_wake was called.
bool bell_clear(struct bell *bell);
// Waits for a ring or a wake. False at the deadline.
bool bell_wait(struct bell *bell, int64_t deadline_ns);
// Wakes the one who waits on this handle. Any thread.
void bell_wake(struct bell *bell);

#endif
