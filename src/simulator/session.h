// SPDX-License-Identifier: Apache-2.0
// Trading sessions of the New York exchanges, by the clock there.
#ifndef FDP_SIMULATOR_SESSION_H
#define FDP_SIMULATOR_SESSION_H

#include <stdint.h>

// Values of the field market_hours. 3 ("extended hours") is in Yahoo's lists, but no frame with it is known.
enum session { SESSION_PRE = 0, SESSION_REGULAR = 1, SESSION_POST = 2, SESSION_OVERNIGHT = 4 };

// The session at an instant: overnight 20:00-4:00, pre 4:00-9:30, regular 9:30-16:00, post 16:00-20:00, with daylight saving time by the
// rule of 2007. Weekends and holidays are taken for working days: this market never closes, so that there is always something to see.
enum session session_at(int64_t us);

#endif
