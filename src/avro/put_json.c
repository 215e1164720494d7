// SPDX-License-Identifier: Apache-2.0
// JSON on its way out: nested values of columns, and defaults.
#include "avro/encode.h"
#include "avro/names.h"

static bool put(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning);

// Characters U+0000 to U+00FF as bytes.
static bool bytes_of_text(struct arena *arena, struct slice text, struct slice *bytes)
{
    char *to = arena_alloc(arena, text.size ? text.size : 1);
    *bytes = (struct slice){to, 0};
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0xc4) return false;
        // The text is UTF-8: a byte of the form 110000xx has one more behind it.
        if (c >= 0x80) c = (unsigned char)(c << 6 | ((unsigned char)text.data[++i] & 0x3f));
        to[bytes->size++] = (char)c;
    }
    return true;
}

// What the bytes that were written since `start` give when they are read is the JSON value to the letter.
static bool reads_back(struct avro_output *output, const struct avro_type *type, const struct json *json, size_t start)
{
    struct buf text;
    struct avro_cell cell;
    if (output->out->full) return false;
    const unsigned char *data = (const unsigned char *)output->out->data;
    struct avro_leaf leaf = {
        .writer = type, .reader = type, .logical = type->logical, .from = avro_shape_of(type), .to = avro_shape_of(type)};
    struct avro_run run = {.in = {data, data + start, data + output->out->size}, .arena = output->arena};
    if (!avro_leaf_read(&run, &leaf, &cell)) return false;
    bool number = cell.type == COLUMN_DOUBLE || cell.type == COLUMN_TIMESTAMP || (cell.type == COLUMN_INT64 && leaf.to != SHAPE_BOOL);
    switch (json->kind) {
    case JSON_BOOL: return leaf.to == SHAPE_BOOL;
    case JSON_TEXT: return cell.type == COLUMN_BYTES || (cell.type == COLUMN_TEXT && slice_equal(cell.text, json->text));
    case JSON_NUMBER: break;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT: return false;
    }
    if (!number) return false;
    buf_init(&text, JSON_MAX_NUMBER);
    avro_cell_print(&cell, leaf.to, &text);
    bool same = slice_equal(buf_slice(&text), json->text);
    buf_fini(&text);
    return same;
}

// As the specification writes defaults: by kind, bytes in text, ticks for timestamps.
static bool put_default(struct avro_output *output, const struct avro_type *type, const struct json *json)
{
    enum avro_shape shape = avro_plain_shape_of(type);
    struct avro_cell cell = {.type = avro_shape_column(shape)};
    bool number = json->kind == JSON_NUMBER, text = json->kind == JSON_TEXT;
    bool ok = shape == SHAPE_BOOL                           ? json->kind == JSON_BOOL
            : shape == SHAPE_INT32 || shape == SHAPE_INT64  ? number && json_int64(json, &cell.int64)
            : shape == SHAPE_FLOAT || shape == SHAPE_DOUBLE ? number
            : shape == SHAPE_BYTES || shape == SHAPE_FIXED  ? text && bytes_of_text(output->arena, json->text, &cell.text)
                                                            : text;
    if (!ok) return avro_output_fail(output, "not %s", avro_shape_name(shape));
    if (shape == SHAPE_BOOL) cell.int64 = json->boolean;
    if (shape == SHAPE_FLOAT || shape == SHAPE_DOUBLE) cell.float64 = json_double(json);
    if (shape == SHAPE_TEXT || shape == SHAPE_ENUM) cell.text = json->text;
    if (shape == SHAPE_TEXT && !wire_is_text(cell.text)) return avro_output_fail(output, "text with NUL in it");
    struct avro_type plain = *type;
    plain.logical = AVRO_LOGICAL_NONE;
    return avro_put_cell(output, &plain, &cell);
}

static bool put_single(struct avro_output *output, const struct avro_type *type, const struct json *json)
{
    enum avro_shape to = avro_shape_of(type), from = SHAPE_TEXT;
    struct avro_cell cell = {.type = COLUMN_TEXT, .text = json->text};
    switch (json->kind) {
    case JSON_BOOL:
        from = SHAPE_BOOL;
        cell = (struct avro_cell){.type = COLUMN_INT64, .int64 = json->boolean};
        break;
    case JSON_NUMBER:
        if (to != SHAPE_TIMESTAMP) break;
        // In JSON as in columns: microseconds.
        from = SHAPE_TIMESTAMP;
        cell.type = COLUMN_TIMESTAMP;
        if (!json_int64(json, &cell.int64)) return avro_output_fail(output, "a timestamp that is no integer");
        break;
    case JSON_TEXT:
        if (!wire_is_text(json->text) && to != SHAPE_BYTES && to != SHAPE_FIXED) return avro_output_fail(output, "text with NUL in it");
        if (to != SHAPE_BYTES && to != SHAPE_FIXED) break;
        from = SHAPE_BYTES;
        cell.type = COLUMN_BYTES;
        if (!bytes_of_text(output->arena, json->text, &cell.text)) return avro_output_fail(output, "text that does not stand for bytes");
        break;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT: return avro_output_fail(output, "not %s", avro_shape_name(to));
    }
    return avro_put_converted(output, type, from, cell);
}

// Looked at before the values are: of several records the wrong ones are told soon.
static bool has_just_the_fields(const struct avro_type *type, const struct json *json)
{
    bool same = json->count == type->count;
    for (uint32_t i = 0; same && i < type->count; i++) same = slice_is(json->items[i].name, type->fields[i].name);
    return same;
}

static bool put_record(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    uint32_t used = 0;
    if (json->kind != JSON_OBJECT) return avro_output_fail(output, "not an object, for record %s", type->full_name);
    if (meaning == MEANS_EXACTLY && !has_just_the_fields(type, json)) return false;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct avro_field *field = &type->fields[i];
        // Members mostly stand in the order of the fields.
        const struct json *member = i < json->count && slice_is(json->items[i].name, field->name) ? &json->items[i] : NULL;
        if (!member) {
            member = json_member(json, field->name);
            output->values += json->count / 16; // what looking for it may have cost
        }
        used += member != NULL;
        if (!member && !field->default_value) return avro_output_fail(output, "record %s needs \"%s\"", type->full_name, field->name);
        if (!put(output, field->type, member ? member : field->default_value, member ? meaning : MEANS_DEFAULT)) return false;
    }
    // Members of a default that are no fields are ignored, as Avro Java does; in a value they would be lost.
    if (used == json->count || meaning == MEANS_DEFAULT) return true;
    return avro_output_fail(output, "the object has members that are no fields of record %s", type->full_name);
}

static bool put_collection(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    if (json->kind != (type->kind == AVRO_ARRAY ? JSON_ARRAY : JSON_OBJECT))
        return avro_output_fail(output, "not %s", type->kind == AVRO_ARRAY ? "an array" : "an object, for a map");
    if (json->count) avro_put_long(output->out, json->count);
    for (uint32_t i = 0; i < json->count; i++) {
        const struct json *item = &json->items[i];
        if (type->kind == AVRO_MAP) {
            if (!wire_is_text(item->name)) return avro_output_fail(output, "a key with NUL in it");
            avro_put_long(output->out, (int64_t)item->name.size);
            buf_append(output->out, item->name.data, item->name.size);
        }
        if (!put(output, type->items, item, meaning)) return false;
    }
    avro_put_long(output->out, 0);
    return true;
}

static bool try_branches(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    size_t start = output->out->size;
    unsigned depth = output->depth;
    for (uint32_t i = 0; i < type->count && !output->out->full; i++) {
        avro_put_long(output->out, i);
        if (put(output, type->branches[i], json, meaning)) return true;
        output->out->size = start;
        output->depth = depth;
    }
    return false;
}

static bool put_union(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    struct err *err = output->err;
    output->err = NULL;
    bool done = meaning == MEANS_VALUE && try_branches(output, type, json, MEANS_EXACTLY);
    done = done || try_branches(output, type, json, meaning);
    output->err = err;
    if (!done && output->values > AVRO_DATUM_MAX_VALUES) return avro_output_fail(output, "more than %d values", AVRO_DATUM_MAX_VALUES);
    return done || avro_output_fail(output, "a value that no branch of the union takes");
}

static bool put(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    size_t start = output->out->size;
    bool done = false;
    if (++output->values > AVRO_DATUM_MAX_VALUES) return avro_output_fail(output, "more than %d values", AVRO_DATUM_MAX_VALUES);
    switch (type->kind) {
    case AVRO_NULL: return json->kind == JSON_NULL || avro_output_fail(output, "not null");
    case AVRO_UNION: return put_union(output, type, json, meaning);
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
        if (++output->depth > AVRO_DATUM_MAX_DEPTH) return avro_output_fail(output, "values nest more than %d deep", AVRO_DATUM_MAX_DEPTH);
        done = type->kind == AVRO_RECORD ? put_record(output, type, json, meaning) : put_collection(output, type, json, meaning);
        output->depth--;
        return done;
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_FIXED:
        done = meaning == MEANS_DEFAULT ? put_default(output, type, json) : put_single(output, type, json);
        return done && (meaning != MEANS_EXACTLY || reads_back(output, type, json, start));
    }
    return false;
}

bool avro_put_json(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning)
{
    return put(output, type, json, meaning);
}

enum status avro_encode_default(const struct avro_type *type, const struct json *json, struct buf *out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 1024);
    struct avro_output output = {.out = out, .arena = &arena, .err = err};
    bool done = put(&output, type, json, MEANS_DEFAULT);
    arena_fini(&arena);
    if (done && out->full) return err_set(err, REJECT, ERR_REGISTRY, "a default of more than %zu bytes", out->max);
    if (!done) err->code = ERR_REGISTRY;
    return done ? OK : REJECT;
}
