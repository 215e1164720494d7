// SPDX-License-Identifier: Apache-2.0
// Commands that run until they are stopped: the whole pipeline, or one role of it.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/role.h"

static void print_summary(const struct role *role)
{
    const struct ingest_summary *in = &role->ingested;
    const struct process_summary *out = &role->processed;
    uint64_t filtered = out->filtered + in->unread;
    // Offsets that hold no record are no backlog.
    uint64_t backlog = out->backlog > out->skipped ? out->backlog - out->skipped : 0;
    // Counted apart at the two ends of the stream: what was acknowledged, and what was committed.
    int64_t lost = (int64_t)(backlog + in->published) - (int64_t)(out->stored + out->quarantined + filtered);
    printf(
        "{\"received\":%llu,\"duplicates\":%llu,\"published\":%llu,\"backlog\":%llu,\"stored\":%llu,\"quarantined\":%llu,\"filtered\":%llu,"
        "\"lost\":%lld,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
        (unsigned long long)in->received, (unsigned long long)in->duplicates, (unsigned long long)in->published,
        (unsigned long long)backlog, (unsigned long long)out->stored, (unsigned long long)out->quarantined, (unsigned long long)filtered,
        (long long)lost, out->p50_ms, out->p99_ms);
}

int cmd_up(struct app *app)
{
    struct role role;
    unsigned parts = ROLE_LOCK | ROLE_REGISTRY | ROLE_INGEST | ROLE_PROCESS | ROLE_MONITOR;
    if (!strcmp(app->config->ingestion.source, "simulator:")) parts |= ROLE_SIMULATOR;
    if (*app->config->streaming.registry.url) parts &= ~(unsigned)ROLE_REGISTRY;
    int code = role_run(&role, app, parts);
    if (!role.started) return code;
    if (app_flag(app, "for"))
        print_summary(&role);
    else
        log_info(&app->log, "up", "stopped", "received", log_number((int64_t)role.ingested.received), "stored",
                 log_number((int64_t)role.processed.stored), "quarantined", log_number((int64_t)role.processed.quarantined));
    return code;
}

static int run(struct app *app, unsigned parts)
{
    struct role role;
    return role_run(&role, app, parts);
}

int cmd_ingest(struct app *app)
{
    return run(app, ROLE_INGEST | ROLE_MONITOR);
}

int cmd_process(struct app *app)
{
    return run(app, ROLE_PROCESS | ROLE_MONITOR);
}

int cmd_registry(struct app *app)
{
    return run(app, ROLE_REGISTRY);
}

int cmd_console(struct app *app)
{
    return run(app, ROLE_CONSOLE | ROLE_MONITOR);
}

int cmd_simulate(struct app *app)
{
    static const struct {
        const char *flag, *key;
    } shorthands[] = {{"replay", "simulator.replay"}, {"speed", "simulator.speed"}};
    struct err err;
    for (size_t i = 0; i < sizeof shorthands / sizeof *shorthands; i++) {
        const char *value = app_flag(app, shorthands[i].flag);
        if (!value) continue;
        char assignment[4200];
        snprintf(assignment, sizeof assignment, "%s=%s", shorthands[i].key, value);
        if (option_load_set(&config_options, &app->values, assignment, "command line", &err) != OK) return app_fail(app, &err);
    }
    return run(app, ROLE_SIMULATOR | ROLE_MONITOR);
}
