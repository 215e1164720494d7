// SPDX-License-Identifier: Apache-2.0
// What every unit test includes: cmocka with the headers it wants first.
#ifndef FDP_TESTS_UNIT_H
#define FDP_TESTS_UNIT_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Fails with both texts when `part` is not in `text`.
#define assert_contains(text, part)                                                                                                        \
    do {                                                                                                                                   \
        if (!strstr((text), (part))) fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                                           \
    } while (0)

#endif
