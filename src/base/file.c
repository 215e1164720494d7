// SPDX-License-Identifier: Apache-2.0
// Reading a small file whole.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITER_WAIT_MS = 2000 };

static void wait_for_bytes(int fd, int timeout_ms)
{
    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, timeout_ms);
}

// The descriptor does not block: opening a pipe would wait for its writer without end.
static const char *read_all(int fd, bool pipe, struct buf *out)
{
    char chunk[8192];
    bool began = false;
    while (!out->full) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got == 0 && pipe && !began) {
            wait_for_bytes(fd, WRITER_WAIT_MS);
            got = read(fd, chunk, sizeof chunk);
            if (got == 0) return "nothing writes to this pipe";
        }
        if (got == 0) return NULL;
        began = true;
        if (got > 0)
            buf_append(out, chunk, (size_t)got);
        else if (errno == EAGAIN || errno == EINTR)
            wait_for_bytes(fd, -1);
        else
            return strerror(errno);
    }
    return NULL;
}

const char *file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return strerror(errno);
    struct stat info;
    bool pipe = !fstat(fd, &info) && S_ISFIFO(info.st_mode);
    const char *why = read_all(fd, pipe, out);
    close(fd);
    return why;
}
