// SPDX-License-Identifier: Apache-2.0
// Structured log: one line per event, text for people or JSON by flag.
//
// A line has a time, a level, a component, a message that never changes for the same event, and fields (name, value pairs) that do.
// Any thread may write; a line is one write(2).
#ifndef FDP_BASE_LOG_H
#define FDP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    enum log_level level; // lines below it are not written
    enum log_format format;
    int fd;
    bool color;    // text only
    bool terminal; // text only: a line of progress may stand where the log line goes; it is wiped first
};

// log_info(log, "ingestion", "connected", "url", url, "symbols", log_number(50)); values are strings, NULL is written as null.
#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__, (const char *)0)
#define log_info(log, ...) log_write((log), LOG_INFO, __VA_ARGS__, (const char *)0)
#define log_warn(log, ...) log_write((log), LOG_WARN, __VA_ARGS__, (const char *)0)
#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__, (const char *)0)
void log_write(const struct log *log, enum log_level level, const char *component, const char *message, ...) __attribute__((sentinel));

// Writes an error once, with its class and origin.
void log_err(const struct log *log, enum log_level level, const char *component, const char *message, const struct err *err);

// A number as text for a field; lives until the end of the enclosing block.
#define log_number(value) log_number_text((value), (char[24]){0})
const char *log_number_text(int64_t value, char out[24]);

#endif
