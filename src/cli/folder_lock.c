// SPDX-License-Identifier: Apache-2.0
// The lock of a data folder.
#include "cli/folder_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/database.h"
#include "base/permission.h"

static enum status cannot_write(const char *folder, const char *path, struct err *err)
{
    int why = errno;
    char missing[PERMISSION_TEXT_BYTES];
    if (permission_missing(path, false, missing, sizeof missing))
        return err_set(err, FATAL, ERR_STORAGE, "cannot write to %.100s: %s", folder, missing);
    return err_set(err, FATAL, ERR_STORAGE, "cannot write to %s: %s; choose a writable folder with --data", folder, strerror(why));
}

static enum status held_by_another(int fd, const char *folder, struct err *err)
{
    char owner[24] = "";
    ssize_t got = pread(fd, owner, sizeof owner - 1, 0);
    owner[got > 0 ? strcspn(owner, "\n") : 0] = '\0';
    return err_set(err, FATAL, ERR_STORAGE, "another fdp up (process %s) works in %s; stop it first, or choose another folder with --data",
                   *owner ? owner : "unknown", folder);
}

enum status folder_lock_take(struct folder_lock *lock, const char *folder, struct err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/up.lock", folder) >= (int)sizeof path)
        return err_set(err, FATAL, ERR_CONFIG, "the path of the data folder is too long");
    TRY(database_make_folders(path, ERR_STORAGE, err));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return cannot_write(folder, path, err);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        enum status status = held_by_another(fd, folder, err);
        close(fd);
        return status;
    }
    // For the message above only; a full disk is no reason not to start.
    if (ftruncate(fd, 0) == 0 && dprintf(fd, "%d\n", getpid()) < 0) errno = 0;
    lock->fd = fd;
    return OK;
}

bool folder_lock_lost(const struct folder_lock *lock)
{
    struct stat info;
    return lock->fd >= 0 && (fstat(lock->fd, &info) || info.st_nlink == 0);
}

void folder_lock_release(struct folder_lock *lock)
{
    if (lock->fd >= 0) close(lock->fd);
    lock->fd = -1;
}
