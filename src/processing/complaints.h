// SPDX-License-Identifier: Apache-2.0
// What is wrong now with the partitions and topics of a worker, and with the store and the stream as a whole: noted by its reader and its
// writer, told to whoever asks why it is not ready.
//
// Any thread may call any function, once complaints_init has returned.
#ifndef FDP_PROCESSING_COMPLAINTS_H
#define FDP_PROCESSING_COMPLAINTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum complaint_kind {
    COMPLAINT_WAITS,      // a partition, because of its records or of the table that they lead to
    COMPLAINT_UNREADABLE, // a partition that the stream cannot read
    COMPLAINT_LOST,       // a topic that the stream gives to nobody
};

struct complaint;

// What does not work as a whole.
enum complaint_side { COMPLAINT_STORE, COMPLAINT_STREAM, COMPLAINT_SIDES };

struct complaints {
    pthread_mutex_t lock;                       // of all below
    char down[COMPLAINT_SIDES][ERR_TEXT_BYTES]; // why; "": it works
    struct complaint *items;
    uint32_t count, capacity;
};

void complaints_init(struct complaints *complaints);
void complaints_fini(struct complaints *complaints);

// True when nothing of that kind was wrong with it so far; of what was, the reason is replaced. The partition of a COMPLAINT_LOST is 0.
bool complaints_put(struct complaints *complaints, enum complaint_kind kind, const char *topic, int32_t partition, const char *why);
void complaints_drop(struct complaints *complaints, enum complaint_kind kind, const char *topic, int32_t partition);
void complaints_clear(struct complaints *complaints);

// Why it does not work now; "": it does again.
void complaints_set_down(struct complaints *complaints, enum complaint_side side, const char *why);
// Appends "what: why" and the end of the line. False when it works.
bool complaints_tell_down(struct complaints *complaints, enum complaint_side side, const char *what, struct buf *out);

// Appends a line per reason, with the partitions that have it; "" when nothing is wrong.
void complaints_tell(struct complaints *complaints, struct buf *out);

#endif
