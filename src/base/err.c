// SPDX-License-Identifier: Apache-2.0
// Filling and extending errors.
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    snprintf(text, sizeof text, "%s: %s", context, err->text);
    memcpy(err->text, text, sizeof err->text);
    err->text[sizeof err->text - 1] = '\0';
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
