// SPDX-License-Identifier: Apache-2.0
// Numbers as people write them: shortest decimals of float and double.
#ifndef FDP_MODEL_DECIMAL_H
#define FDP_MODEL_DECIMAL_H

#include <stddef.h>

// The double whose shortest decimal is the float's shortest decimal: 305.76f becomes 305.76, not 305.760009765625.
// NaN and infinities stay what they are.
double decimal_from_float(float value);

enum { DECIMAL_TEXT_BYTES = 32 };
// The shortest text that reads back as the same double: "305.76", "191", "1e+300". Returns its length.
size_t decimal_format(double value, char out[DECIMAL_TEXT_BYTES]);

#endif
