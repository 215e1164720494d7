// SPDX-License-Identifier: Apache-2.0
// The one error type: what class of trouble it is, which component it came from, and a text written for a person.
//
// Lower layers fill a struct err and return its status; they never log. The loop of a role logs it once and acts on the class.
#ifndef FDP_BASE_ERR_H
#define FDP_BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

// What the caller can do about it. OK is zero, so `if (call(..., err)) return err->status;` reads well.
enum status {
    OK = 0,
    AGAIN,  // not now: full, empty or past the deadline; nothing is wrong
    RETRY,  // transient: back off and try again
    REJECT, // this record is bad: quarantine it and go on
    FATAL,  // stop this role; the exit code is err->code
};

// Where the trouble is. The values are the exit codes of the program.
enum err_code {
    ERR_NONE = 0,
    ERR_USAGE = 2,
    ERR_CONFIG = 3,
    ERR_FEED = 4,
    ERR_STREAM = 5,
    ERR_STORAGE = 6,
    ERR_REGISTRY = 7,
    ERR_INTERNAL = 70,
};

enum { ERR_TEXT_BYTES = 1024 };

struct err {
    enum status status;
    enum err_code code;
    const char *origin;        // file:line that filled it
    char text[ERR_TEXT_BYTES]; // what was tried, what came back, what to do next
};

// Fills `err` (which may be NULL) and returns `status`, so that `return err_set(...)` reads as one thought.
#define err_set(err, status, code, ...) err_set_at((err), (status), (code), ERR_ORIGIN, __VA_ARGS__)
#define ERR_ORIGIN __FILE__ ":" ERR_STRING(__LINE__)
#define ERR_STRING(x) ERR_STRING_(x)
#define ERR_STRING_(x) #x

enum status err_set_at(struct err *err, enum status status, enum err_code code, const char *origin, const char *format, ...)
    PRINTF_LIKE(5, 6);

// Puts "context: " in front of the text that is already there; status and code stay. Returns err->status; FATAL when `err` is NULL, so a
// caller for whom the class matters passes one.
enum status err_context(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

// "again", "retry", "reject", "fatal" or "ok".
const char *status_name(enum status status);

// Hands a failure on to the caller unchanged.
#define TRY(call)                                                                                                                          \
    do {                                                                                                                                   \
        enum status try_status = (call);                                                                                                   \
        if (try_status != OK) return try_status;                                                                                           \
    } while (0)

#endif
