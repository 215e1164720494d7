// SPDX-License-Identifier: Apache-2.0
// How the threads of one role end: by a deadline set from outside, or by the first of them that fails. And how they wait meanwhile.
//
// Any thread may call any function, once halt_init has returned.
#ifndef FDP_BASE_HALT_H
#define FDP_BASE_HALT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

struct halt {
    const struct log *log;
    const char *component;
    _Atomic int64_t stop_ns; // deadline once asked to stop, else 0
    atomic_bool failed;
    pthread_mutex_t lock;
    struct err failure; // the first one, under the lock
};

void halt_init(struct halt *halt, const struct log *log, const char *component);
void halt_fini(struct halt *halt);

// Asks the threads to finish what they hold, at the latest at `deadline_ns` (of clock_mono_ns).
void halt_ask(struct halt *halt, int64_t deadline_ns);
// A thread cannot go on: the first failure is kept and logged, later ones are its consequences.
void halt_fail(struct halt *halt, const struct err *err);

bool halt_asked(const struct halt *halt); // asked to stop, or failed
bool halt_due(const struct halt *halt);   // past the deadline, or failed
bool halt_failed(const struct halt *halt);
// OK, or FATAL with the first failure in `err`.
enum status halt_result(struct halt *halt, struct err *err);

// A wait that doubles, for something that is tried again. Start with {0}.
struct backoff {
    int64_t ms;
    uint64_t said[4]; // hashes of the texts that were said last
    uint32_t said_count;
};

// Says what is wrong, each thing once, waits, doubles the wait. False when there is no time left.
bool halt_back_off(const struct halt *halt, struct backoff *backoff, const char *what, const struct err *err);
// What was tried has worked: says so if there was trouble, and begins anew.
void halt_back_on(const struct halt *halt, struct backoff *backoff, const char *what);

#endif
