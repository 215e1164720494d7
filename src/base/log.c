// SPDX-License-Identifier: Apache-2.0
// Formatting and writing of log lines.
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_colors[] = {"\033[2m", "", "\033[33m", "\033[31m"};

enum { LOG_LINE_MAX = 8192, LOG_LINE_TAIL = 64 };

// What JSON leaves as it is and a terminal does not: DEL, and U+0080 to U+009F.
static bool moves_terminals(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) return true;
    return false;
}

// A JSON string of any bytes: what is not UTF-8 becomes question marks, so that the line stays JSON.
static void append_json(struct buf *line, const char *text)
{
    size_t size = strlen(text);
    if (text_is_utf8(text, size) && !moves_terminals(text)) {
        buf_append_json(line, text, size);
        return;
    }
    char copy[LOG_LINE_MAX];
    if (size > sizeof copy) size = sizeof copy;
    for (size_t i = 0; i < size; i++) copy[i] = (unsigned char)text[i] < 0x7f ? text[i] : '?';
    buf_append_json(line, copy, size);
}

static void append_text(struct buf *line, const char *text)
{
    bool plain = *text != '\0' && !moves_terminals(text);
    for (const char *p = text; *p && plain; p++) plain = (unsigned char)*p > ' ' && *p != '"' && *p != '=';
    if (plain && text_is_utf8(text, strlen(text)))
        buf_append_text(line, text);
    else
        append_json(line, text);
}

static void append_field(const struct log *log, struct buf *line, const char *name, const char *value)
{
    if (log->format == LOG_JSON) {
        buf_append_byte(line, ',');
        append_json(line, name);
        buf_append_byte(line, ':');
        if (value)
            append_json(line, value);
        else
            buf_append_text(line, "null");
    } else {
        buf_printf(line, "  %s=", name);
        append_text(line, value ? value : "null");
    }
}

static void append_head(const struct log *log, struct buf *line, enum log_level level, const char *component, const char *message)
{
    char time[CLOCK_TEXT_BYTES];
    if (log->format == LOG_JSON) {
        buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", clock_format(clock_now_us(), time),
                   level_names[level], component);
        append_json(line, message);
    } else {
        clock_format(clock_now_us() / 1000 * 1000, time);
        if (log->terminal) buf_append_text(line, "\r\033[K");
        buf_printf(line, "%s%-24s %-5s %-10s %s", log->color ? level_colors[level] : "", time, level_names[level], component, message);
    }
}

void log_write(const struct log *log, enum log_level level, const char *component, const char *message, ...)
{
    if (!log || level < log->level) return;
    struct buf line;
    buf_init(&line, LOG_LINE_MAX);
    append_head(log, &line, level, component, message);
    va_list fields;
    va_start(fields, message);
    bool cut = false;
    for (const char *name; (name = va_arg(fields, const char *));) {
        size_t whole = line.size;
        append_field(log, &line, name, va_arg(fields, const char *));
        if (!line.full) continue;
        // A field that does not fit is left out; the line stays whole, and says so.
        line.size = whole;
        line.full = false;
        cut = true;
    }
    va_end(fields);
    line.max += LOG_LINE_TAIL;
    if (cut) append_field(log, &line, "cut", "true");
    if (log->format == LOG_JSON) buf_append_byte(&line, '}');
    if (log->format == LOG_TEXT && log->color) buf_append_text(&line, "\033[0m");
    buf_append_byte(&line, '\n');
    while (write(log->fd, line.data, line.size) < 0 && errno == EINTR) continue; // any other failure: nowhere left to say it
    buf_fini(&line);
}

void log_err(const struct log *log, enum log_level level, const char *component, const char *message, const struct err *err)
{
    log_write(log, level, component, message, "error", err->text, "class", status_name(err->status), "origin", err->origin,
              (const char *)0);
}

const char *log_number_text(int64_t value, char out[24])
{
    snprintf(out, 24, "%lld", (long long)value);
    return out;
}
