// SPDX-License-Identifier: Apache-2.0
// Yahoo's frames into rows: envelope, base64, protobuf, checks.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "model/decimal.h"
#include "model/quote.h"
#include "quote.pb-c.h"

// Memory of one frame while it is decoded: a piece of the stack, which every frame seen so far fits into many times over; what does not
// fit (a hostile frame of many unknown fields) is taken from the heap and given back at the end.
enum { SCRATCH_BYTES = 8192 };

struct piece {
    struct piece *next;
    _Alignas(16) char data[];
};

struct scratch {
    struct piece *pieces;
    size_t used;
    _Alignas(16) char room[SCRATCH_BYTES];
};

static void *scratch_alloc(void *context, size_t size)
{
    struct scratch *scratch = context;
    if (size <= SCRATCH_BYTES - scratch->used) {
        void *given = scratch->room + scratch->used;
        scratch->used += (size + 15) & ~(size_t)15;
        return given;
    }
    struct piece *piece = malloc(sizeof *piece + size);
    if (!piece) abort();
    piece->next = scratch->pieces;
    scratch->pieces = piece;
    return piece->data;
}

// Everything goes at once, at the end.
static void scratch_keep(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

static void scratch_init(struct scratch *scratch)
{
    scratch->pieces = NULL;
    scratch->used = 0;
}

static void scratch_fini(struct scratch *scratch)
{
    while (scratch->pieces) {
        struct piece *piece = scratch->pieces;
        scratch->pieces = piece->next;
        free(piece);
    }
}

// The frame's memory is left as it is: clearing it would cost more than decoding.
#define UNCLEARED __attribute__((uninitialized))

static const char *field_name(uint32_t column)
{
    return quote_row_type.columns[column].name;
}

static enum status set_double(struct batch *batch, uint32_t column, uint32_t row, double value, struct err *err)
{
    if (!isfinite(value)) return err_set(err, REJECT, ERR_FEED, "%s is %s", field_name(column), isnan(value) ? "not a number" : "infinite");
    batch_set_double(batch, column, row, value);
    return OK;
}

static enum status set_int64(struct batch *batch, uint32_t column, uint32_t row, int64_t value, struct err *err)
{
    // Milliseconds on the wire, microseconds in a batch.
    if (column == QUOTE_TIME && __builtin_mul_overflow(value, 1000, &value))
        return err_set(err, REJECT, ERR_FEED, "time is out of range: %lld ms", (long long)value);
    batch_set_int64(batch, column, row, value);
    return OK;
}

static enum status check_text(uint32_t column, const ProtobufCBinaryData *bytes, struct err *err)
{
    if (bytes->len && memchr(bytes->data, '\0', bytes->len))
        return err_set(err, REJECT, ERR_FEED, "%s holds a NUL character", field_name(column));
    if (!text_is_utf8((const char *)bytes->data, bytes->len)) return err_set(err, REJECT, ERR_FEED, "%s is not UTF-8", field_name(column));
    return OK;
}

static enum status set_text(struct batch *batch, uint32_t column, uint32_t row, const ProtobufCBinaryData *bytes, struct err *err)
{
    TRY(check_text(column, bytes, err));
    if (column == QUOTE_ID && bytes->len > QUOTE_ID_MAX_BYTES)
        return err_set(err, REJECT, ERR_FEED, "id is no symbol: it has %zu bytes, and at most %d are taken", bytes->len,
                       QUOTE_ID_MAX_BYTES);
    batch_set_slice(batch, column, row, (struct slice){(const char *)bytes->data, bytes->len});
    return OK;
}

static enum status set_joined(struct scratch *scratch, struct batch *batch, uint32_t column, uint32_t row, const ProtobufCBinaryData *items,
                              size_t count, struct err *err)
{
    size_t size = count - 1;
    for (size_t i = 0; i < count; i++) {
        TRY(check_text(column, &items[i], err));
        size += items[i].len;
    }
    char *text = scratch_alloc(scratch, size), *to = text;
    for (size_t i = 0; i < count; i++) {
        if (i) *to++ = ',';
        if (items[i].len) memcpy(to, items[i].data, items[i].len);
        to += items[i].len;
    }
    batch_set_slice(batch, column, row, (struct slice){text, size});
    return OK;
}

// One field by its description, which protobuf-c made from quote.proto. Texts stay in the scratch memory for now.
static enum status set_field(struct scratch *scratch, struct batch *batch, uint32_t row, const Fdp__PricingData *quote,
                             const ProtobufCFieldDescriptor *field, struct err *err)
{
    const char *base = (const char *)quote;
    const void *value = base + field->offset;
    uint32_t column = field->id - 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
        return count ? set_joined(scratch, batch, column, row, *(ProtobufCBinaryData *const *)value, count, err) : OK;
    }
    if (!*(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset)) return OK;
    if (field->type == PROTOBUF_C_TYPE_FLOAT) return set_double(batch, column, row, decimal_from_float(*(const float *)value), err);
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) return set_double(batch, column, row, *(const double *)value, err);
    if (field->type == PROTOBUF_C_TYPE_SINT64) return set_int64(batch, column, row, *(const int64_t *)value, err);
    if (field->type == PROTOBUF_C_TYPE_INT32) return set_int64(batch, column, row, *(const int32_t *)value, err);
    return set_text(batch, column, row, value, err);
}

// The row is accepted: its texts move to the batch.
static void keep_texts(struct batch *batch, uint32_t row)
{
    for (uint32_t column = 0; column < QUOTE_FIELDS; column++) {
        if (quote_row_type.columns[column].type != COLUMN_TEXT || batch_is_null(batch, column, row)) continue;
        struct slice *text = &batch->columns[column].text[row];
        text->data = arena_copy(&batch->arena, text->data, text->size);
    }
}

static enum status fill_row(struct scratch *scratch, struct slice message, struct batch *batch, uint32_t row, struct err *err)
{
    ProtobufCAllocator allocator = {scratch_alloc, scratch_keep, scratch};
    const Fdp__PricingData *quote = fdp__pricing_data__unpack(&allocator, message.size, (const uint8_t *)message.data);
    if (!quote) return err_set(err, REJECT, ERR_FEED, "not a protobuf message of a quote (%zu bytes)", message.size);
    const ProtobufCMessageDescriptor *descriptor = &fdp__pricing_data__descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) TRY(set_field(scratch, batch, row, quote, &descriptor->fields[i], err));
    keep_texts(batch, row);
    return OK;
}

enum status quote_decode_message(struct slice message, struct batch *batch, uint32_t row, struct err *err)
{
    UNCLEARED struct scratch scratch;
    scratch_init(&scratch);
    enum status status = fill_row(&scratch, message, batch, row, err);
    scratch_fini(&scratch);
    return status;
}

// The message inside base64 text; false when the text is not base64.
static bool decode_base64(struct scratch *scratch, struct slice text, struct slice *message)
{
    char *bytes = scratch_alloc(scratch, text.size / 4 * 3);
    ptrdiff_t size = text_base64_decode(text.data, text.size, bytes);
    *message = (struct slice){bytes, size < 0 ? 0 : (size_t)size};
    return size >= 0;
}

static const struct slice envelope_start = SLICE("{\"type\":\"pricing\",\"message\":\""), envelope_end = SLICE("\"}");

// The spelling that servers use, to the letter. What is between may still hold anything: base64 decoding tells.
static bool plain_envelope(struct slice frame, struct slice *text)
{
    if (frame.size < envelope_start.size + envelope_end.size || memcmp(frame.data, envelope_start.data, envelope_start.size) ||
        memcmp(frame.data + frame.size - envelope_end.size, envelope_end.data, envelope_end.size))
        return false;
    *text = (struct slice){frame.data + envelope_start.size, frame.size - envelope_start.size - envelope_end.size};
    return true;
}

// Any other spelling of a JSON object.
static enum status read_envelope(struct scratch *scratch, const json_t *root, struct slice *message, enum quote_frame *kind,
                                 struct err *err)
{
    if (!json_is_object(root)) return err_set(err, REJECT, ERR_FEED, "the envelope is no JSON object");
    const json_t *type = json_object_get(root, "type"), *text = json_object_get(root, "message");
    if (!json_is_string(type)) return err_set(err, REJECT, ERR_FEED, "the envelope has no type");
    if (strcmp(json_string_value(type), "pricing") != 0) {
        *kind = QUOTE_FRAME_OTHER;
        return OK;
    }
    if (!json_is_string(text)) return err_set(err, REJECT, ERR_FEED, "the envelope has no message");
    if (!decode_base64(scratch, (struct slice){json_string_value(text), json_string_length(text)}, message))
        return err_set(err, REJECT, ERR_FEED, "the message in the envelope is not base64");
    return OK;
}

static enum status decode_unusual_envelope(struct scratch *scratch, struct slice frame, struct slice *message, enum quote_frame *kind,
                                           struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(frame.data, frame.size, JSON_REJECT_DUPLICATES, &why);
    if (!root) return err_set(err, REJECT, ERR_FEED, "the envelope is not JSON: %s at byte %d", why.text, why.position);
    enum status status = read_envelope(scratch, root, message, kind, err);
    json_decref(root);
    return status;
}

static enum status decode(struct scratch *scratch, struct slice frame, struct batch *batch, uint32_t row, enum quote_frame *kind,
                          struct err *err)
{
    struct slice text, message;
    *kind = QUOTE_FRAME_QUOTE;
    if (frame.size > BUF_MAX_FRAME)
        return err_set(err, REJECT, ERR_FEED, "a frame of %zu bytes; at most %d are read", frame.size, BUF_MAX_FRAME);
    if (!frame.size) return err_set(err, REJECT, ERR_FEED, "an empty frame");
    bool json = frame.data[0] == '{' || frame.data[0] == ' ' || frame.data[0] == '\n' || frame.data[0] == '\r' || frame.data[0] == '\t';
    if (!json) {
        if (!decode_base64(scratch, frame, &message)) return err_set(err, REJECT, ERR_FEED, "neither base64 nor a JSON envelope");
    } else if (!plain_envelope(frame, &text) || !decode_base64(scratch, text, &message)) {
        TRY(decode_unusual_envelope(scratch, frame, &message, kind, err));
    }
    if (*kind == QUOTE_FRAME_OTHER) return OK;
    TRY(fill_row(scratch, message, batch, row, err));
    batch_set_slice(batch, QUOTE_FRAME, row, (struct slice){arena_copy(&batch->arena, frame.data, frame.size), frame.size});
    return OK;
}

enum status quote_decode_frame(struct slice frame, struct batch *batch, uint32_t row, enum quote_frame *kind, struct err *err)
{
    UNCLEARED struct scratch scratch;
    scratch_init(&scratch);
    enum status status = decode(&scratch, frame, batch, row, kind, err);
    scratch_fini(&scratch);
    return status;
}
