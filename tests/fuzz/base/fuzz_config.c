// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration file, or behind "--set " as an assignment: what loads is written as values, and loads equal.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option_write.h"
#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Fails loudly: the fuzzer takes an abort for a finding.
static void must(bool condition, const char *what, const struct buf *shown)
{
    if (condition) return;
    fprintf(stderr, "%s\n%.*s\n", what, shown ? (int)shown->size : 0, shown ? shown->data : "");
    abort();
}

// All values as a file: `folded` as the sample file writes them, else each on one line.
static void write_values(const struct option_values *values, bool folded, struct buf *out)
{
    const char *before = "";
    for (size_t i = 0; i < config_options.count; i++) {
        const struct option_row *row = &config_options.rows[i];
        const void *at = (const char *)values->values + row->at;
        int indent = 0;
        const char *name = row->name;
        for (const char *dot; (dot = strchr(name, '.')); name = dot + 1, indent += 2) {
            size_t length = (size_t)(dot - row->name) + 1;
            if (strncmp(before, row->name, length)) buf_printf(out, "%*s%.*s:\n", indent, "", (int)(dot - name), name);
        }
        if (folded) {
            option_block(row, name, at, indent, 80, out);
        } else {
            buf_printf(out, "%*s%s: ", indent, "", name);
            option_value_write(row, at, true, out);
            buf_append_byte(out, '\n');
        }
        before = row->name;
    }
}

static void check_round_trip(const struct option_values *values, bool folded)
{
    enum { ROOM = 16 << 20 };
    struct buf first, second;
    buf_init(&first, ROOM);
    buf_init(&second, ROOM);
    write_values(values, folded, &first);
    struct option_values again;
    struct err err = {0};
    must(option_load_defaults(&config_options, &again, &err) == OK, err.text, NULL);
    if (first.size <= BUF_MAX_CONFIG_FILE) {
        must(option_load_yaml(&config_options, &again, first.data, first.size, "again", &err) == OK, err.text, &first);
        write_values(&again, folded, &second);
        must(slice_equal(buf_slice(&first), buf_slice(&second)), "written values load as other values", &first);
    }
    option_values_fini(&again);
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char prefix[] = "--set ";
    struct option_values values;
    struct err err = {0};
    must(option_load_defaults(&config_options, &values, &err) == OK, err.text, NULL);
    enum status status;
    if (size >= strlen(prefix) && !memcmp(data, prefix, strlen(prefix)) && !memchr(data, 0, size)) {
        char *assignment = strndup((const char *)data + strlen(prefix), size - strlen(prefix));
        if (!assignment) abort();
        // Secret files of the machine are not what is tested here.
        status = strstr(assignment, "-file") ? FATAL : option_load_set(&config_options, &values, assignment, "--set", &err);
        free(assignment);
    } else {
        status = option_load_yaml(&config_options, &values, (const char *)data, size, "fuzz.yaml", &err);
        must(status == OK || (status == FATAL && err.code == ERR_CONFIG && !strncmp(err.text, "fuzz.yaml", 9)), "an error without a place",
             NULL);
    }
    if (status == OK) {
        config_check(values.values, NULL, NULL);
        check_round_trip(&values, false);
        check_round_trip(&values, true);
    }
    option_values_fini(&values);
    return 0;
}
