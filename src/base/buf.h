// SPDX-License-Identifier: Apache-2.0
// A growing run of bytes that is born with a maximum.
//
// Every buffer that outside bytes can make longer is one of these; full is a state that the caller checks once, at the end:
// an append that would pass the maximum is dropped and `full` stays set, so that no half a number is ever taken for a whole one.
#ifndef FDP_BASE_BUF_H
#define FDP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// Every maximum in one place: the worst use of memory can be added up here.
enum {
    BUF_MAX_CONFIG_FILE = 1 << 20,
    BUF_MAX_SCHEMA_TEXT = 1 << 20,
    BUF_MAX_RECORD = 1 << 20,
    BUF_MAX_FRAME = 64 << 10,
    BUF_MAX_HTTP_REQUEST = 2 << 20,
    BUF_MAX_HTTP_REPLY = 16 << 20,
    BUF_MAX_SQL = 64 << 10,
    BUF_MAX_WRITE = 4 << 20, // the statements of one transaction, without its rows
};

struct buf {
    char *data;
    size_t size, capacity, max;
    bool full; // something did not fit; the content is not whole
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);
// Empties it and forgets `full`; the memory stays.
void buf_reset(struct buf *buf);

// Room for `size` more bytes at the end, or NULL when that would pass the maximum (then `full` is set).
char *buf_reserve(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_byte(struct buf *buf, char byte);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A JSON string with its quotes; control characters escaped, other bytes as they are (they must be UTF-8).
void buf_append_json(struct buf *buf, const char *data, size_t size);

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->size};
}

#endif
