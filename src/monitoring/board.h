// SPDX-License-Identifier: Apache-2.0
// The newest stored price of every symbol, for people to look at.
//
// Bounded: symbols beyond BOARD_MAX are not shown. Any thread.
#ifndef FDP_MONITORING_BOARD_H
#define FDP_MONITORING_BOARD_H

#include "base/buf.h"
#include "model/batch.h"

enum { BOARD_MAX = 10000 };

struct board;

struct board *board_new(void);
void board_free(struct board *board);

// Notes rows that were stored in a table; columns id, price, time and change_percent are looked for by name.
void board_update(void *board, const char *table, const struct batch *rows);

// Rows of an HTML table, and a JSON array, sorted by table, then symbol.
void board_write_html(struct board *board, struct buf *out);
void board_write_json(struct board *board, struct buf *out);

#endif
