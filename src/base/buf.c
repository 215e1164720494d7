// SPDX-License-Identifier: Apache-2.0
// Bounded buffer.
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf)
{
    buf->size = 0;
    buf->full = false;
}

char *buf_reserve(struct buf *buf, size_t size)
{
    if (buf->full || size > buf->max - buf->size) {
        buf->full = true;
        return NULL;
    }
    if (!buf->data || size > buf->capacity - buf->size) {
        size_t capacity = buf->capacity ? buf->capacity : 256;
        while (capacity < buf->size + size) capacity *= 2;
        if (capacity > buf->max) capacity = buf->max;
        char *data = realloc(buf->data, capacity + 1); // one more: printing wants to put its NUL somewhere
        if (!data) abort();
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    char *to = buf_reserve(buf, size);
    if (!to || !size) return;
    memcpy(to, data, size);
    buf->size += size;
}

void buf_append_byte(struct buf *buf, char byte)
{
    buf_append(buf, &byte, 1);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof small) {
        buf_append(buf, small, (size_t)length);
    } else if (length >= 0) {
        char *to = buf_reserve(buf, (size_t)length);
        if (to) {
            vsnprintf(to, (size_t)length + 1, format, again);
            buf->size += (size_t)length;
        }
    }
    va_end(again);
}

void buf_append_json(struct buf *buf, const char *data, size_t size)
{
    buf_append_byte(buf, '"');
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        buf_append(buf, data + start, i - start);
        start = i + 1;
        switch (c) {
        case '"': buf_append(buf, "\\\"", 2); break;
        case '\\': buf_append(buf, "\\\\", 2); break;
        case '\n': buf_append(buf, "\\n", 2); break;
        case '\r': buf_append(buf, "\\r", 2); break;
        case '\t': buf_append(buf, "\\t", 2); break;
        default: buf_printf(buf, "\\u%04x", c);
        }
    }
    if (start < size) buf_append(buf, data + start, size - start);
    buf_append_byte(buf, '"');
}
