// SPDX-License-Identifier: Apache-2.0
// The entries of the quarantine as an operator works on them: chosen, read back as records, dropped.
#ifndef FDP_STORAGE_QUARANTINE_H
#define FDP_STORAGE_QUARANTINE_H

#include "storage/sink.h"

// Which of the waiting entries are meant: those that everything given here says of.
struct quarantine_choice {
    const int64_t *ids; // NULL: any
    uint32_t id_count;
    const char *rule, *topic; // NULL: any
};

// What is known of an entry beside its record.
struct quarantine_entry {
    int64_t id;
    int64_t source; // provenance: the partition's number, as rows have it
    int32_t partition;
    const char *topic, *rule, *error; // in the arena
};

// The first `limit` waiting entries above `after_id`, in order: their records, with the provenance that they had, and beside each what else
// is known. `records` (of record_row_type) is emptied first; it and `entries` have room for as many.
enum status quarantine_read(struct sink *sink, const struct quarantine_choice *choice, int64_t after_id, uint32_t limit,
                            struct batch *records, struct quarantine_entry *entries, struct arena *arena, struct err *err) MUST_CHECK;
// How many are meant.
enum status quarantine_count(struct sink *sink, const struct quarantine_choice *choice, int64_t *count, struct err *err) MUST_CHECK;
// Of an entry by its id: its state ("waiting", "redriven", "dropped"), or "" when there is none.
enum status quarantine_state(struct sink *sink, int64_t id, char state[16], struct err *err) MUST_CHECK;

// Gives up on the first `limit` of them: they stay as they are and count as quarantined for ever, but are not waiting any more.
enum status quarantine_drop(struct sink *sink, const struct quarantine_choice *choice, int64_t limit, struct err *err) MUST_CHECK;

#endif
