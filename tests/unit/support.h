// SPDX-License-Identifier: Apache-2.0
// What tests of rooms with files share: a temporary folder per test, and a configuration of defaults.
#ifndef FDP_TESTS_SUPPORT_H
#define FDP_TESTS_SUPPORT_H

#include <ftw.h>
#include <unistd.h>

#include "unit.h"

#include "base/err.h"
#include "model/config.h"

// A status that must be OK; shows the error when it is not.
#define assert_ok(call, err)                                                                                                               \
    do {                                                                                                                                   \
        enum status assert_status = (call);                                                                                                \
        if (assert_status != OK) fail_msg("%s: %s: %s", #call, status_name(assert_status), (err)->text);                                   \
    } while (0)

#define assert_status(call, expected, err, fragment)                                                                                       \
    do {                                                                                                                                   \
        enum status assert_status = (call);                                                                                                \
        if (assert_status != (expected)) fail_msg("%s: %s, not %s", #call, status_name(assert_status), status_name(expected));             \
        assert_contains((err)->text, fragment);                                                                                            \
    } while (0)

struct bed {
    char folder[64];
    struct option_values values;
    struct config *config;
};

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static inline void bed_open(struct bed *bed)
{
    struct err err;
    memset(bed, 0, sizeof *bed);
    snprintf(bed->folder, sizeof bed->folder, "/tmp/fdp-test-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    assert_ok(option_load_defaults(&config_options, &bed->values, &err), &err);
    bed->config = bed->values.values;
    bed->config->data = bed->folder;
}

static inline void bed_close(struct bed *bed)
{
    option_values_fini(&bed->values);
    nftw(bed->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
