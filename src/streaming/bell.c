// SPDX-License-Identifier: Apache-2.0
// The bell: a one-byte file and inotify.
#include "streaming/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define BELL_NAME "stream.bell"

enum status bell_init(struct bell *bell, const char *folder, struct err *err)
{
    *bell = (struct bell){.ring_fd = -1, .watch_fd = -1, .file_watch = -1, .wake_fd = -1};
    if (snprintf(bell->folder, sizeof bell->folder, "%s", folder) >= (int)sizeof bell->folder ||
        snprintf(bell->path, sizeof bell->path, "%s/" BELL_NAME, folder) >= (int)sizeof bell->path)
        return err_set(err, FATAL, ERR_STREAM, "the path of the log's folder is too long: %.100s...", folder);
    bell->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell->wake_fd < 0)
        return err_set(err, FATAL, ERR_STREAM, "cannot make an eventfd: %s; raise the limit on open files (ulimit -n)", strerror(errno));
    return OK;
}

void bell_fini(struct bell *bell)
{
    if (bell->ring_fd >= 0) close(bell->ring_fd);
    if (bell->watch_fd >= 0) close(bell->watch_fd);
    if (bell->wake_fd >= 0) close(bell->wake_fd);
    bell->ring_fd = bell->watch_fd = bell->wake_fd = -1;
}

// Makes sure that ring_fd is the file that stands under the name now.
static bool take_hold(struct bell *bell)
{
    struct stat named, held;
    if (bell->ring_fd >= 0) {
        if (!stat(bell->path, &named) && named.st_ino == bell->ring_inode && named.st_dev == bell->ring_dev) return true;
        close(bell->ring_fd);
    }
    bell->ring_fd = open(bell->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (bell->ring_fd < 0 || fstat(bell->ring_fd, &held)) return false;
    bell->ring_dev = held.st_dev;
    bell->ring_inode = held.st_ino;
    return true;
}

void bell_ring(struct bell *bell)
{
    if (!take_hold(bell)) return;
    // Always the first byte: the file never grows, and writing to it needs no space on a full disk.
    ssize_t written = pwrite(bell->ring_fd, "!", 1, 0);
    (void)written;
}

// Watches the file under the name now; there may be none yet.
static void watch_file(struct bell *bell)
{
    bell->file_watch = inotify_add_watch(bell->watch_fd, bell->path, IN_MODIFY);
}

enum status bell_watch(struct bell *bell, struct err *err)
{
    if (bell->watch_fd >= 0) return OK;
    bell->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (bell->watch_fd < 0)
        return err_set(
            err, FATAL, ERR_STREAM,
            "cannot watch the log for new records: %s; raise the limit on open files (ulimit -n), or fs.inotify.max_user_instances",
            strerror(errno));
    // The folder first: a bell that is made between the two calls is seen by one of them.
    if (inotify_add_watch(bell->watch_fd, bell->folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        err_set(err, FATAL, ERR_STREAM, "cannot watch the log's folder %s for new records: %s%s", bell->folder, strerror(errno),
                errno == ENOSPC ? "; raise fs.inotify.max_user_watches" : "; it must be readable");
        close(bell->watch_fd);
        bell->watch_fd = -1;
        return FATAL;
    }
    watch_file(bell);
    return OK;
}

bool bell_clear(struct bell *bell)
{
    _Alignas(struct inotify_event) char events[4096];
    bool again = false;
    ssize_t size;
    while (bell->watch_fd >= 0 && (size = read(bell->watch_fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);
            at += (ssize_t)(sizeof *event + event->len);
            if (event->mask & IN_Q_OVERFLOW || (event->len && !strcmp(event->name, BELL_NAME))) again = true;
        }
    }
    if (again) {
        if (bell->file_watch >= 0) inotify_rm_watch(bell->watch_fd, bell->file_watch);
        watch_file(bell);
    }
    uint64_t wakes;
    return read(bell->wake_fd, &wakes, sizeof wakes) > 0;
}

bool bell_wait(struct bell *bell, int64_t deadline_ns)
{
    struct pollfd fds[2] = {{.fd = bell->wake_fd, .events = POLLIN}, {.fd = bell->watch_fd, .events = POLLIN}};
    int64_t left = deadline_ns - clock_mono_ns();
    if (left <= 0) return false;
    struct timespec timeout = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
    return ppoll(fds, 2, &timeout, NULL) != 0; // interrupted by a signal: look again
}

void bell_wake(struct bell *bell)
{
    uint64_t one = 1;
    ssize_t written = write(bell->wake_fd, &one, sizeof one); // a full counter wakes just as well
    (void)written;
}
