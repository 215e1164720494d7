// SPDX-License-Identifier: Apache-2.0
// The line of progress, on stderr.
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { INTERVAL_MS = 250 };

void progress_open(struct progress *progress, const char *what)
{
    *progress = (struct progress){.on = isatty(STDERR_FILENO), .what = what, .began_ns = clock_mono_ns()};
}

void progress_show(struct progress *progress, int64_t done, int64_t total)
{
    int64_t now_ns = clock_mono_ns();
    if (!progress->on || now_ns < progress->next_ns) return;
    progress->next_ns = now_ns + INTERVAL_MS * MS_NS;
    progress->shown = true;
    double seconds = (double)(now_ns - progress->began_ns) / 1e9, rate = seconds > 0 ? (double)done / seconds : 0;
    fprintf(stderr, "\r%lld of %lld %s, %.0f/s", (long long)done, (long long)total, progress->what, rate);
    if (rate > 0) fprintf(stderr, ", %.0f s left", (double)(total - done) / rate);
    fputs("\033[K", stderr);
}

void progress_close(struct progress *progress)
{
    if (progress->shown) fputs("\r\033[K", stderr);
    progress->shown = false;
}
