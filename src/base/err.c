// SPDX-License-Identifier: Apache-2.0
// Filling and extending errors.
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Ends a text that fills its `capacity` before a UTF-8 character that was cut in the middle, so that it can go into JSON.
static void end_at_character(char *text, size_t capacity)
{
    size_t size = strlen(text), start = size;
    if (size + 1 < capacity) return;
    while (start > 0 && size - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (whole > size - start + 1) text[start - 1] = '\0';
}

enum status err_set_at(struct err *err, enum status status, enum err_code code, const char *origin, const char *format, ...)
{
    if (!err) return status;
    // Format aside first: callers may pass the old text as an argument.
    char text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->status = status;
    err->code = code;
    err->origin = origin;
    end_at_character(text, sizeof text);
    memcpy(err->text, text, sizeof text);
    return status;
}

enum status err_context(struct err *err, const char *format, ...)
{
    if (!err) return FATAL;
    char context[ERR_TEXT_BYTES / 2], text[2 * ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    end_at_character(context, sizeof context);
    snprintf(text, sizeof text, "%s: %s", context, err->text);
    memcpy(err->text, text, sizeof err->text);
    err->text[sizeof err->text - 1] = '\0';
    end_at_character(err->text, sizeof err->text);
    return err->status;
}

const char *status_name(enum status status)
{
    switch (status) {
    case OK: return "ok";
    case AGAIN: return "again";
    case RETRY: return "retry";
    case REJECT: return "reject";
    case FATAL: return "fatal";
    }
    return "unknown";
}
