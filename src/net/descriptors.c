// SPDX-License-Identifier: Apache-2.0
// Sharing the descriptors of the process.
#include "net/descriptors.h"

#include <sys/resource.h>

enum { OWN_FILES = 96 }; // the whole pipeline has about 65: databases, what its threads wait on, the feed

unsigned descriptors_share(unsigned most, unsigned part)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return most;
    rlim_t left = limit.rlim_cur > OWN_FILES ? limit.rlim_cur - OWN_FILES : 0;
    if (left / part >= most) return most;
    return left > part ? (unsigned)(left / part) : 1;
}
