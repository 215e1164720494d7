// SPDX-License-Identifier: Apache-2.0
// Numbers as people write them: shortest decimals of float and double.
//
// "Shortest" is, of the decimals that read back as the same number, the one with the fewest significant digits, and of those the
// one nearest to it. Ordinary prices take a path of a few multiplications; the rest is tried out with the C library's exact text.
#ifndef FDP_MODEL_DECIMAL_H
#define FDP_MODEL_DECIMAL_H

#include <stddef.h>

// The double whose shortest decimal is the float's shortest decimal: 305.76f becomes 305.76, not 305.760009765625.
// NaN, infinities and zeros stay what they are.
double decimal_from_float(float value);

enum { DECIMAL_TEXT_BYTES = 32 };
// The shortest text that reads back as the same double, and a NUL; returns its length without the NUL. Spelled as JavaScript and
// JSON tools do: plain decimals from 1e-6 up to below 1e21 ("305.76", "191", "0.000001"), else one digit before the point and an exponent
// with its sign ("1e+300", "1.5e-7"). Minus zero is "-0"; "nan", "inf" and "-inf" are no JSON: check first where they can come.
size_t decimal_format(double value, char out[DECIMAL_TEXT_BYTES]);

#endif
