// SPDX-License-Identifier: Apache-2.0
// Changing the configuration of a running role: when its file's content changes, and on SIGHUP.
//
// The new configuration is checked whole first; what is wrong with it is said, and the running one stays in force. Owner: the role's loop.
#ifndef FDP_CLI_RELOAD_H
#define FDP_CLI_RELOAD_H

#include "cli/command.h"
#include "ingestion/ingest.h"
#include "processing/process.h"

struct reload {
    const struct app *app;
    const struct config *config;        // in force
    struct option_values **generations; // that were taken up; parts may still read them
    uint32_t generation_count;
    uint64_t seen;        // hash of the file's content when it was last looked at
    int64_t next_look_ns; // at the file
    const char *file;     // whose content was seen last; NULL: there was none yet
    bool missing;         // that file was empty or gone at the last look
    bool pending;         // something that the change needs did not answer: tried again
    struct metric *applied, *refused, *restart_needed, *in_force;
};

void reload_init(struct reload *reload, const struct app *app);
void reload_fini(struct reload *reload); // once the parts have stopped

// Called at every turn of the loop. `asked` by SIGHUP; the parts may be NULL.
void reload_look(struct reload *reload, bool asked, struct ingest *ingest, struct process *process);

#endif
