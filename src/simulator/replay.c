// SPDX-License-Identifier: Apache-2.0
// Reading recorded quotes.
#include "simulator/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "quote.pb-c.h"
#include "simulator/frame.h"
#include "simulator/instruments.h"
#include "simulator/simulator.h"

enum { COLUMNS_MAX = 64, LINE_MAX_BYTES = 16 << 10, SYMBOLS_MAX = 1000000, SYMBOL_MAX_BYTES = 64 };

struct replay {
    FILE *file;
    char *path;
    char line[LINE_MAX_BYTES];
    int64_t line_number;
    struct slice cells[COLUMNS_MAX];
    const ProtobufCFieldDescriptor *columns[COLUMNS_MAX]; // by place in the file
    uint32_t column_count;
    int64_t time_ms; // of the row before
    struct map symbols;
    struct instrument_profile *profiles; // what the spelling of each symbol tells
    uint32_t profile_count;
    Fdp__PricingData quote;
};

static enum status wrong(struct replay *self, const char *column, const char *what, struct err *err)
{
    return err_set(err, FATAL, ERR_FEED, "%s, line %lld%s%s: %s", self->path, (long long)self->line_number, *column ? ", column " : "",
                   column, what);
}

static enum status cannot_read(const char *path, struct err *err)
{
    return err_set(err, FATAL, ERR_FEED, "cannot read %s to replay it: %s", path, strerror(errno));
}

static enum status read_line(struct replay *self, struct err *err)
{
    if (!fgets(self->line, sizeof self->line, self->file)) {
        if (ferror(self->file)) return cannot_read(self->path, err);
        return AGAIN;
    }
    self->line_number++;
    size_t size = strlen(self->line);
    if ((!size || self->line[size - 1] != '\n') && !feof(self->file))
        return wrong(self, "", "the line is longer than 16 KiB, or holds a NUL", err);
    while (size && (self->line[size - 1] == '\n' || self->line[size - 1] == '\r')) size--;
    self->line[size] = '\0';
    return OK;
}

// Takes a quoted cell apart in place; `p` is behind the first quote. Returns what follows the last, or NULL when it is missing.
static char *unquote(char *p, struct slice *cell)
{
    char *to = p;
    cell->data = p;
    for (; *p; p++) {
        if (*p == '"' && *++p != '"') {
            cell->size = (size_t)(to - cell->data);
            return p;
        }
        *to++ = *p;
    }
    return NULL;
}

static enum status split_line(struct replay *self, uint32_t *count, struct err *err)
{
    char *p = self->line;
    *count = 0;
    for (;;) {
        if (*count == COLUMNS_MAX) return wrong(self, "", "more than 64 columns", err);
        struct slice *cell = &self->cells[(*count)++];
        if (*p == '"') {
            p = unquote(p + 1, cell);
            if (!p) return wrong(self, "", "a quoted cell does not end on its line", err);
            if (*p && *p != ',') return wrong(self, "", "something stands behind a quoted cell", err);
        } else {
            *cell = (struct slice){p, strcspn(p, ",")};
            p += cell->size;
        }
        if (!*p) return OK;
        p++;
    }
}

static const ProtobufCFieldDescriptor *find_field(struct slice name)
{
    char text[64];
    if (name.size >= sizeof text) return NULL;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(&fdp__pricing_data__descriptor, text);
    return field && field->label == PROTOBUF_C_LABEL_OPTIONAL ? field : NULL; // the repeated one has no form in a cell
}

static bool has_column(const struct replay *self, const char *name)
{
    for (uint32_t i = 0; i < self->column_count; i++)
        if (!strcmp(self->columns[i]->name, name)) return true;
    return false;
}

static const char byte_order_mark[] = "\xef\xbb\xbf"; // that spreadsheets put in front

static enum status read_header(struct replay *self, struct err *err)
{
    uint32_t count;
    enum status status = read_line(self, err);
    if (status == AGAIN)
        return err_set(err, FATAL, ERR_FEED, "%s is empty; its first line must name the columns: time,id,price,...", self->path);
    TRY(status);
    if (!strncmp(self->line, byte_order_mark, 3)) memmove(self->line, self->line + 3, strlen(self->line + 3) + 1);
    TRY(split_line(self, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(self->cells[i].size < 60 ? self->cells[i].size : 60), self->cells[i].data);
        const ProtobufCFieldDescriptor *field = find_field(self->cells[i]);
        if (!field) return wrong(self, name, "there is no such field of a quote", err);
        if (has_column(self, field->name)) return wrong(self, name, "named twice", err);
        self->columns[self->column_count++] = field;
    }
    static const char *const needed[] = {"time", "id", "price"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!has_column(self, needed[i])) return wrong(self, needed[i], "missing; the first line must name time, id and price", err);
    return OK;
}

// 10, 13 or 16 digits are seconds, milliseconds, microseconds; else ISO 8601.
static bool parse_time(struct slice cell, int64_t *time_ms)
{
    int64_t number;
    if (!text_to_int64(cell, &number)) {
        if (!clock_parse(cell, &number)) return false;
        *time_ms = number / 1000;
        return true;
    }
    if (cell.size == 10)
        number *= 1000;
    else if (cell.size == 16)
        number /= 1000;
    else if (cell.size != 13)
        return false;
    *time_ms = number;
    return number > 0;
}

static const char *set_number(const ProtobufCFieldDescriptor *field, char *value, struct slice cell)
{
    int64_t integer;
    double number;
    if (field->type == PROTOBUF_C_TYPE_INT32 || field->type == PROTOBUF_C_TYPE_SINT64) {
        if (!text_to_int64(cell, &integer)) return "not an integer";
        if (field->type == PROTOBUF_C_TYPE_SINT64) {
            memcpy(value, &integer, sizeof integer);
            return NULL;
        }
        if (integer < INT32_MIN || integer > INT32_MAX) return "out of range";
        int32_t small = (int32_t)integer;
        memcpy(value, &small, sizeof small);
        return NULL;
    }
    if (!text_to_double(cell, &number)) return "not a number";
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        memcpy(value, &number, sizeof number);
        return NULL;
    }
    float narrow = (float)number;
    if (!isfinite(narrow)) return "out of range";
    memcpy(value, &narrow, sizeof narrow);
    return NULL;
}

static const char *set_cell(struct replay *self, const ProtobufCFieldDescriptor *field, struct slice cell)
{
    char *base = (char *)&self->quote, *value = base + field->offset;
    protobuf_c_boolean present = 1;
    memcpy(base + field->quantifier_offset, &present, sizeof present);
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        if (!text_is_utf8(cell.data, cell.size)) return "not UTF-8";
        ProtobufCBinaryData bytes = {cell.size, (uint8_t *)(uintptr_t)cell.data};
        memcpy(value, &bytes, sizeof bytes);
        return NULL;
    }
    if (!strcmp(field->name, "time")) {
        int64_t time_ms;
        if (!parse_time(cell, &time_ms)) return "neither seconds, milliseconds or microseconds since 1970 nor ISO 8601";
        memcpy(value, &time_ms, sizeof time_ms);
        return NULL;
    }
    return set_number(field, value, cell);
}

// The number of the row's symbol, and what its spelling tells where the file does not.
static enum status complete(struct replay *self, struct replay_row *row, struct err *err)
{
    Fdp__PricingData *quote = &self->quote;
    struct slice symbol = {(const char *)quote->id.data, quote->id.len};
    if (symbol.size > SYMBOL_MAX_BYTES) return wrong(self, "id", "longer than 64 bytes", err);
    row->symbol = map_add(&self->symbols, symbol);
    if (row->symbol == MAP_NONE)
        return wrong(self, "id", "more than 1000000 different ones, or one that was not there when the file was checked", err);
    if (row->symbol == self->profile_count) {
        self->profiles = realloc(self->profiles, (size_t)(self->profile_count + 1) * sizeof *self->profiles);
        if (!self->profiles) abort();
        self->profiles[self->profile_count++] = instrument_guess(symbol);
    }
    const struct instrument_profile *profile = &self->profiles[row->symbol];
    if (!has_column(self, "quote_type")) {
        quote->has_quote_type = 1;
        quote->quote_type = instrument_quote_type(profile->asset);
    }
    if (!has_column(self, "exchange")) {
        quote->has_exchange = 1;
        quote->exchange = (ProtobufCBinaryData){strlen(profile->exchange), (uint8_t *)(uintptr_t)profile->exchange};
    }
    row->time_ms = quote->time;
    row->quote = quote;
    return OK;
}

static enum status read_row(struct replay *self, struct replay_row *row, struct err *err)
{
    uint32_t count;
    do TRY(read_line(self, err));
    while (!*self->line);
    TRY(split_line(self, &count, err));
    if (count != self->column_count)
        return wrong(self, "", count < self->column_count ? "fewer cells than columns" : "more cells than columns", err);
    fdp__pricing_data__init(&self->quote);
    for (uint32_t i = 0; i < count; i++) {
        const char *what = self->cells[i].size ? set_cell(self, self->columns[i], self->cells[i]) : NULL;
        if (what) return wrong(self, self->columns[i]->name, what, err);
    }
    if (!self->quote.has_time || !self->quote.has_id || !self->quote.has_price)
        return wrong(self, "", "time, id and price must not be empty", err);
    if (self->quote.time < self->time_ms) return wrong(self, "time", "earlier than in the line before; sort the file by time", err);
    self->time_ms = self->quote.time;
    if (fdp__pricing_data__get_packed_size(&self->quote) > FRAME_MESSAGE_MAX)
        return wrong(self, "", "the quote is longer than 4096 bytes", err);
    return complete(self, row, err);
}

static enum status start(struct replay *self, struct err *err)
{
    rewind(self->file);
    self->line_number = 0;
    self->column_count = 0;
    self->time_ms = INT64_MIN;
    return read_header(self, err);
}

static enum status check_all(struct replay *self, struct err *err)
{
    struct replay_row row;
    enum status status;
    TRY(start(self, err));
    while ((status = read_row(self, &row, err)) == OK) continue;
    if (status != AGAIN) return status;
    if (!self->symbols.count) return err_set(err, FATAL, ERR_FEED, "%s holds no quotes", self->path);
    self->symbols.max = self->symbols.count; // whoever plays it has room for these
    return start(self, err);
}

enum status replay_open(struct replay **out, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file) return cannot_read(path, err);
    struct replay *self = calloc(1, sizeof *self);
    if (!self || !(self->path = strdup(path))) abort();
    self->file = file;
    map_init(&self->symbols, SYMBOLS_MAX);
    enum status status = check_all(self, err);
    if (status != OK) {
        replay_close(self);
        return status;
    }
    *out = self;
    return OK;
}

void replay_close(struct replay *replay)
{
    if (!replay) return;
    fclose(replay->file);
    free(replay->path);
    map_fini(&replay->symbols);
    free(replay->profiles);
    free(replay);
}

const struct map *replay_symbols(const struct replay *replay)
{
    return &replay->symbols;
}

enum status replay_next(struct replay *replay, struct replay_row *row, struct err *err)
{
    return read_row(replay, row, err);
}

enum status simulator_check_replay(const struct config *config, struct err *err)
{
    struct replay *replay;
    if (!*config->simulator.replay) return OK;
    TRY(replay_open(&replay, config->simulator.replay, err));
    replay_close(replay);
    return OK;
}
