// SPDX-License-Identifier: Apache-2.0
// What running roles share: parts that start and stop in order, signals, health, and the wait in between.
#ifndef FDP_CLI_ROLE_H
#define FDP_CLI_ROLE_H

#include <stdatomic.h>

#include "cli/command.h"
#include "cli/folder_lock.h"
#include "cli/reload.h"
#include "ingestion/ingest.h"
#include "monitoring/board.h"
#include "monitoring/health.h"
#include "monitoring/monitor.h"
#include "monitoring/vitals.h"
#include "processing/process.h"
#include "processing/watch.h"
#include "simulator/simulator.h"
#include "streaming/registry.h"

enum role_part {
    ROLE_REGISTRY = 1,
    ROLE_SIMULATOR = 2,
    ROLE_INGEST = 4,
    ROLE_PROCESS = 8,
    ROLE_CONSOLE = 16,
    ROLE_MONITOR = 32,
    ROLE_LOCK = 64
};

// Everything that one process runs; what is not part of it is NULL.
struct role {
    struct app *app;
    bool started;   // all parts were
    int64_t end_ns; // of --for, for the start alone and then for what follows; else never
    struct folder_lock lock;
    struct reload reload;
    struct health *health;
    struct vitals vitals;
    struct board *board;
    struct registry_server *registry;
    struct simulator *simulator;
    struct process *process;
    struct watch *watch;
    struct ingest *ingest;
    atomic_bool ingest_made; // before that, the start waits for the schema registry
    struct monitor *monitor;
    struct process_summary processed;
    struct ingest_summary ingested;
};

// Starts the parts (a set of enum role_part), runs until a signal, until --for is over or until a part fails, then stops the parts from
// the source down and drains. `role` keeps the summaries. Returns the exit code; errors are said.
int role_run(struct role *role, struct app *app, unsigned parts);

// The registry that tools and single roles ask: streaming.registry.url, or the one of the configured listen address.
const char *role_registry_url(const struct config *config, char out[512]);

#endif
