// SPDX-License-Identifier: Apache-2.0
// How many connections the system's limit on open files leaves room for.
#ifndef FDP_NET_DESCRIPTORS_H
#define FDP_NET_DESCRIPTORS_H

// `most`, or less: one in `part` of the files that this process may have open beside those it needs itself. Servers ask before they listen,
// so that accepting never takes the last descriptor from a database.
unsigned descriptors_share(unsigned most, unsigned part);

#endif
