// SPDX-License-Identifier: Apache-2.0
// Asking for permissions one by one.
#include "base/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

// The number where a user has no name.
static const char *user_name(uid_t uid, char out[NAME_BYTES])
{
    char room[4096];
    struct passwd entry, *found = NULL;
    if (!getpwuid_r(uid, &entry, room, sizeof room, &found) && found)
        snprintf(out, NAME_BYTES, "%s", entry.pw_name);
    else
        snprintf(out, NAME_BYTES, "%u", (unsigned)uid);
    return out;
}

struct question {
    bool look;
    char *out; // the answer
    size_t size;
};

static bool denied(const struct question *question, const char *path, int mode, const char *doing)
{
    char user[NAME_BYTES], owner[NAME_BYTES];
    struct stat info;
    if (!faccessat(AT_FDCWD, path, mode, AT_EACCESS) || errno != EACCES || stat(path, &info)) return false;
    snprintf(question->out, question->size,
             "the user %s has no permission to %s %.400s (owner %s, mode %04o)%s; run as the owner, have it granted, or choose another "
             "folder with --data",
             user_name(geteuid(), user), doing, path, user_name(info.st_uid, owner), (unsigned)info.st_mode & 07777u,
             question->look ? ", which is needed even to look" : "");
    return true;
}

static bool no_folder(const struct question *question, const char *path)
{
    struct stat info;
    if (stat(path, &info) || S_ISDIR(info.st_mode)) return false;
    snprintf(question->out, question->size, "%.400s is not a folder; choose another with --data", path);
    return true;
}

bool permission_missing(const char *path, bool look, char *out, size_t size)
{
    char folder[PATH_MAX] = ".";
    struct question question = {look, out, size};
    if (strlen(path) >= sizeof folder) return false;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, length);
        folder[length] = '\0';
        if (no_folder(&question, folder) || denied(&question, folder, X_OK, "enter the folder")) return true;
    }
    return denied(&question, path, R_OK, "read") || denied(&question, folder, W_OK, "write to the folder") ||
           denied(&question, path, W_OK, "write to");
}
