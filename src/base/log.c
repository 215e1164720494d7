// SPDX-License-Identifier: Apache-2.0
// Formatting and writing of log lines.
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_colors[] = {"\033[2m", "", "\033[33m", "\033[31m"};

enum { LOG_LINE_MAX = 8192 };

static void append_text_value(struct buf *line, const char *value)
{
    bool plain = *value != '\0';
    for (const char *p = value; *p && plain; p++) plain = (unsigned char)*p > ' ' && *p != '"' && *p != '=';
    if (plain)
        buf_append_text(line, value);
    else
        buf_append_json(line, value, strlen(value));
}

static void format_text(const struct log *log, struct buf *line, enum log_level level, const char *component, const char *message,
                        va_list fields)
{
    char time[CLOCK_TEXT_BYTES];
    clock_format(clock_now_us() / 1000 * 1000, time);
    buf_printf(line, "%s%-24s %-5s %-10s %s", log->color ? level_colors[level] : "", time, level_names[level], component, message);
    for (const char *name; (name = va_arg(fields, const char *));) {
        const char *value = va_arg(fields, const char *);
        buf_printf(line, "  %s=", name);
        append_text_value(line, value ? value : "null");
    }
    if (log->color) buf_append_text(line, "\033[0m");
}

static void format_json(struct buf *line, enum log_level level, const char *component, const char *message, va_list fields)
{
    char time[CLOCK_TEXT_BYTES];
    buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", clock_format(clock_now_us(), time),
               level_names[level], component);
    buf_append_json(line, message, strlen(message));
    for (const char *name; (name = va_arg(fields, const char *));) {
        const char *value = va_arg(fields, const char *);
        buf_append_byte(line, ',');
        buf_append_json(line, name, strlen(name));
        buf_append_byte(line, ':');
        if (value)
            buf_append_json(line, value, strlen(value));
        else
            buf_append_text(line, "null");
    }
    buf_append_byte(line, '}');
}

void log_write(const struct log *log, enum log_level level, const char *component, const char *message, ...)
{
    if (!log || level < log->level) return;
    struct buf line;
    buf_init(&line, LOG_LINE_MAX);
    va_list fields;
    va_start(fields, message);
    if (log->format == LOG_JSON)
        format_json(&line, level, component, message, fields);
    else
        format_text(log, &line, level, component, message, fields);
    va_end(fields);
    // A line that is too long is cut, not lost; as JSON it would no longer parse, so there only the message stays.
    if (line.full && log->format == LOG_JSON) {
        buf_reset(&line);
        buf_printf(&line, "{\"level\":\"%s\",\"component\":\"%s\",\"message\":", level_names[level], component);
        buf_append_json(&line, message, strlen(message));
        buf_append_byte(&line, '}');
    }
    line.full = false;
    line.max = LOG_LINE_MAX + 1;
    buf_append_byte(&line, '\n');
    ssize_t written = write(log->fd, line.data, line.size);
    (void)written; // nowhere left to say it
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
