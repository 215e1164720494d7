// SPDX-License-Identifier: Apache-2.0
// Reading past values, and the limits that every run is held to.
#include <stdarg.h>
#include <stdio.h>

#include "avro/decode.h"
#include "avro/names.h"

bool avro_run_fail(struct avro_run *run, const char *format, ...)
{
    char text[ERR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t at = run->in.at >= run->in.start && run->in.at <= run->in.end ? (size_t)(run->in.at - run->in.start) : 0;
    (void)err_set(run->err, REJECT, ERR_STREAM, "%s (Avro, near byte %zu of %zu)", text, at, (size_t)(run->in.end - run->in.start));
    return false;
}

bool avro_count_value(struct avro_run *run)
{
    return ++run->values <= AVRO_DATUM_MAX_VALUES || avro_run_fail(run, "more than %d values", AVRO_DATUM_MAX_VALUES);
}

bool avro_enter(struct avro_run *run)
{
    return ++run->depth <= AVRO_DATUM_MAX_DEPTH || avro_run_fail(run, "values nest more than %d deep", AVRO_DATUM_MAX_DEPTH);
}

bool avro_next_block(struct avro_run *run, const struct avro_type *collection, uint64_t *count, const unsigned char **end)
{
    int64_t items, bytes;
    uint64_t least = (uint64_t)collection->items->min_bytes + (collection->kind == AVRO_MAP);
    *end = NULL;
    if (!wire_take_long(&run->in, &items) || items == INT64_MIN) return avro_run_fail(run, "malformed count of items");
    if (items < 0) {
        items = -items;
        if (!wire_take_long(&run->in, &bytes) || bytes < 0 || (uint64_t)bytes > wire_left(&run->in))
            return avro_run_fail(run, "a block is longer than what is left");
        *end = run->in.at + bytes;
    }
    *count = (uint64_t)items;
    if (least == 0) {
        // Such items cost the sender nothing: there may be a few, in the whole datum.
        if (*count > AVRO_DATUM_MAX_EMPTY_ITEMS - run->empties)
            return avro_run_fail(run, "more than %d items without content", AVRO_DATUM_MAX_EMPTY_ITEMS);
        run->empties += (unsigned)*count;
        return true;
    }
    return *count <= wire_left(&run->in) / least || avro_run_fail(run, "more items than what is left can hold");
}

static bool skip_collection(struct avro_run *run, const struct avro_type *type)
{
    uint64_t count;
    const unsigned char *end;
    struct slice key;
    if (!avro_enter(run)) return false;
    do {
        if (!avro_next_block(run, type, &count, &end)) return false;
        if (end) {
            run->in.at = end;
            continue;
        }
        for (uint64_t i = 0; i < count; i++) {
            if (type->kind == AVRO_MAP && !wire_take_bytes(&run->in, &key)) return avro_run_fail(run, "malformed key of a map");
            if (!avro_skip(run, type->items)) return false;
        }
    } while (count);
    run->depth--;
    return true;
}

static bool skip_record(struct avro_run *run, const struct avro_type *type)
{
    if (!avro_enter(run)) return false;
    for (uint32_t i = 0; i < type->count; i++)
        if (!avro_skip(run, type->fields[i].type)) return false;
    run->depth--;
    return true;
}

bool avro_skip(struct avro_run *run, const struct avro_type *type)
{
    int64_t number;
    uint32_t index;
    struct slice bytes;
    bool taken = true;
    if (!avro_count_value(run)) return false;
    switch (type->kind) {
    case AVRO_NULL: return true;
    case AVRO_BOOLEAN: taken = wire_take_fixed(&run->in, 1, &bytes) && (unsigned char)bytes.data[0] <= 1; break;
    case AVRO_INT: taken = wire_take_int(&run->in, &number); break;
    case AVRO_LONG: taken = wire_take_long(&run->in, &number); break;
    case AVRO_FLOAT: taken = wire_take_fixed(&run->in, 4, &bytes); break;
    case AVRO_DOUBLE: taken = wire_take_fixed(&run->in, 8, &bytes); break;
    case AVRO_BYTES:
    case AVRO_STRING: taken = wire_take_bytes(&run->in, &bytes); break;
    case AVRO_FIXED: taken = wire_take_fixed(&run->in, type->count, &bytes); break;
    case AVRO_ENUM: taken = wire_take_index(&run->in, type->count, &index); break;
    case AVRO_RECORD: return skip_record(run, type);
    case AVRO_ARRAY:
    case AVRO_MAP: return skip_collection(run, type);
    case AVRO_UNION:
        if (!wire_take_index(&run->in, type->count, &index)) return avro_run_fail(run, "no branch of the union has that index");
        return avro_skip(run, type->branches[index]);
    }
    return taken || avro_run_fail(run, "malformed or truncated %s", avro_kind_name(type->kind));
}
