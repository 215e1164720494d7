// SPDX-License-Identifier: Apache-2.0
// Version, readiness and resources.
#include "monitoring/vitals.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

// The second number of the file, in pages.
static double memory_bytes(void)
{
    char text[256], *second = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return NAN;
    if (fgets(text, sizeof text, file)) second = strchr(text, ' ');
    fclose(file);
    return second ? strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE) : NAN;
}

static double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static double open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return NAN;
    int count = -3; // . and .. and the folder itself
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static void refresh(void *context)
{
    const struct vitals *self = context;
    struct buf why;
    buf_init(&why, 4096);
    metric_set(self->ready, health_ready(self->health, &why));
    buf_fini(&why);
    metric_set(self->memory, memory_bytes());
    metric_set(self->cpu, cpu_seconds());
    metric_set(self->files, open_files());
}

void vitals_init(struct vitals *self, struct metric_registry *metrics, struct health *health)
{
    metric_set(metric_gauge(metrics, "fdp_build_info", "version=\"" FDP_VERSION "\"", "1; the label says which version runs"), 1);
    metric_set(metric_gauge(metrics, "process_start_time_seconds", NULL, "When the process started, since 1970"),
               (double)clock_now_us() / 1e6);
    *self = (struct vitals){
        .health = health,
        .ready = metric_gauge(metrics, "fdp_ready", NULL, "Whether the role can do useful work now, as /readyz says"),
        .memory = metric_gauge(metrics, "process_resident_memory_bytes", NULL, "Memory of the process that is not swapped out"),
        .cpu = metric_counter(metrics, "process_cpu_seconds_total", NULL, "Time that the process has spent on processors"),
        .files = metric_gauge(metrics, "process_open_fds", NULL, "File descriptors that are open"),
    };
    metric_refresh_with(metrics, refresh, self);
}
