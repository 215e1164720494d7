// SPDX-License-Identifier: Apache-2.0
// Printing of listings.
#include "cli/output.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "model/decimal.h"

enum { TABLE_ROWS_AT_ONCE = 1000, CELL_MAX_WIDTH = 100 };

struct output {
    FILE *file;
    enum output_format format;
    struct arena arena; // of the waiting rows of a table
    uint32_t columns;
    char **names;
    struct slice *waiting; // columns * TABLE_ROWS_AT_ONCE cells as text
    bool *right;           // per column: numbers stand right
    uint32_t waiting_rows;
    uint64_t rows;
};

// Members of an object need names of their own: a, a_2, a_3 for columns that are all called "a", leaving out what is taken.
static void name_apart(struct output *output)
{
    struct map taken;
    map_init(&taken, 2 * output->columns);
    bool *again = calloc(output->columns + 1, sizeof *again);
    if (!again) abort();
    for (uint32_t i = 0; i < output->columns; i++) {
        uint32_t before = taken.count;
        map_add(&taken, slice_of(output->names[i]));
        again[i] = taken.count == before;
    }
    for (uint32_t i = 0; i < output->columns; i++) {
        if (!again[i]) continue;
        char *name = NULL;
        for (int number = 2; !name || map_find(&taken, slice_of(name)) != MAP_NONE; number++) {
            free(name);
            if (asprintf(&name, "%s_%d", output->names[i], number) < 0) abort();
        }
        map_add(&taken, slice_of(name));
        free(output->names[i]);
        output->names[i] = name;
    }
    free(again);
    map_fini(&taken);
}

struct output *output_new(FILE *file, enum output_format format, uint32_t columns, const char *const *names)
{
    struct output *output = calloc(1, sizeof *output);
    if (!output) abort();
    output->file = file;
    output->format = format;
    output->columns = columns;
    output->names = calloc(columns + 1, sizeof *output->names);
    output->right = calloc(columns + 1, sizeof *output->right);
    output->waiting = calloc((size_t)columns * TABLE_ROWS_AT_ONCE + 1, sizeof *output->waiting);
    if (!output->names || !output->right || !output->waiting) abort();
    for (uint32_t i = 0; i < columns; i++)
        if (!(output->names[i] = strdup(names[i]))) abort();
    arena_init(&output->arena, 64 << 10);
    if (format == OUTPUT_JSON) name_apart(output);
    if (format == OUTPUT_JSON) fputc('[', file);
    if (format == OUTPUT_CSV)
        for (uint32_t i = 0; i < columns; i++) fprintf(file, "%s%s%s", i ? "," : "", names[i], i + 1 == columns ? "\r\n" : "");
    return output;
}

static struct slice cell_text(struct arena *arena, const struct sink_cell *cell)
{
    char text[DECIMAL_TEXT_BYTES];
    switch (cell->type) {
    case SINK_NULL: return (struct slice){0};
    case SINK_INTEGER: return slice_of(arena_printf(arena, "%lld", (long long)cell->integer));
    case SINK_DOUBLE: {
        size_t length = decimal_format(cell->float64, text);
        return (struct slice){arena_copy(arena, text, length), length};
    }
    case SINK_BOOLEAN: return cell->integer ? SLICE("t") : SLICE("f"); // as psql has them
    case SINK_DECIMAL:
    case SINK_TEXT: return (struct slice){arena_copy(arena, cell->text.data, cell->text.size), cell->text.size};
    case SINK_BYTES: {
        char *hex = arena_alloc(arena, 2 * cell->text.size + 1);
        text_hex(cell->text.data, cell->text.size, hex);
        return (struct slice){hex, 2 * cell->text.size};
    }
    }
    return (struct slice){0};
}

// --- Table ---

// Characters, not bytes: continuation bytes of UTF-8 take no place.
static int width_of(struct slice text)
{
    int width = 0;
    for (size_t i = 0; i < text.size; i++) width += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return width;
}

// Control characters would move the cursor of the terminal: they are shown as dots.
static void print_cell(FILE *file, struct slice text, int width, bool right, bool last)
{
    int pad = width - width_of(text);
    if (right) fprintf(file, "%*s", pad, "");
    for (size_t i = 0; i < text.size; i++) fputc((unsigned char)text.data[i] < ' ' || text.data[i] == 127 ? '.' : text.data[i], file);
    if (!last) fprintf(file, "%*s", right ? 2 : pad + 2, "");
}

// Cut at a whole character.
static struct slice shortened(struct slice text)
{
    if (text.size <= CELL_MAX_WIDTH) return text;
    size_t size = CELL_MAX_WIDTH;
    while (size && ((unsigned char)text.data[size] & 0xc0) == 0x80) size--;
    return (struct slice){text.data, size};
}

static void flush_table(struct output *output)
{
    int *widths = calloc(output->columns + 1, sizeof *widths);
    if (!widths) abort();
    for (uint32_t i = 0; i < output->columns; i++) {
        widths[i] = width_of(slice_of(output->names[i]));
        for (uint32_t row = 0; row < output->waiting_rows; row++) {
            int width = width_of(output->waiting[row * output->columns + i]);
            if (width > widths[i]) widths[i] = width;
        }
    }
    for (uint32_t i = 0; i < output->columns; i++)
        print_cell(output->file, slice_of(output->names[i]), widths[i], output->right[i], i + 1 == output->columns);
    fputc('\n', output->file);
    for (uint32_t row = 0; row < output->waiting_rows; row++) {
        for (uint32_t i = 0; i < output->columns; i++)
            print_cell(output->file, output->waiting[row * output->columns + i], widths[i], output->right[i], i + 1 == output->columns);
        fputc('\n', output->file);
    }
    free(widths);
    output->waiting_rows = 0;
    arena_reset(&output->arena);
}

static void table_row(struct output *output, const struct sink_cell *cells)
{
    if (output->waiting_rows == TABLE_ROWS_AT_ONCE) flush_table(output);
    struct slice *row = output->waiting + (size_t)output->waiting_rows++ * output->columns;
    for (uint32_t i = 0; i < output->columns; i++) {
        row[i] = shortened(cell_text(&output->arena, &cells[i]));
        if (cells[i].type == SINK_INTEGER || cells[i].type == SINK_DOUBLE || cells[i].type == SINK_DECIMAL) output->right[i] = true;
    }
}

// --- JSON and CSV ---

static void print_json_text(FILE *file, struct slice text)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_HTTP_REPLY);
    buf_append_json(&buf, text.data, text.size);
    fwrite(buf.data, 1, buf.size, file);
    buf_fini(&buf);
}

static void json_row(struct output *output, const struct sink_cell *cells)
{
    fputs(output->rows ? ",\n {" : "\n {", output->file);
    for (uint32_t i = 0; i < output->columns; i++) {
        if (i) fputc(',', output->file);
        print_json_text(output->file, slice_of(output->names[i]));
        fputc(':', output->file);
        struct slice text = cell_text(&output->arena, &cells[i]);
        if (cells[i].type == SINK_NULL || (cells[i].type == SINK_DOUBLE && !isfinite(cells[i].float64)))
            fputs("null", output->file);
        else if (cells[i].type == SINK_BOOLEAN)
            fputs(cells[i].integer ? "true" : "false", output->file);
        else if (cells[i].type == SINK_TEXT || cells[i].type == SINK_BYTES)
            print_json_text(output->file, text);
        else
            fwrite(text.data, 1, text.size, output->file);
    }
    fputc('}', output->file);
    arena_reset(&output->arena);
}

static void csv_row(struct output *output, const struct sink_cell *cells)
{
    for (uint32_t i = 0; i < output->columns; i++) {
        struct slice text = cell_text(&output->arena, &cells[i]);
        if (i) fputc(',', output->file);
        bool quote = false;
        for (size_t c = 0; c < text.size && !quote; c++) quote = strchr("\",\r\n", text.data[c]) != NULL;
        if (quote) fputc('"', output->file);
        for (size_t c = 0; c < text.size; c++) {
            if (text.data[c] == '"') fputc('"', output->file);
            fputc(text.data[c], output->file);
        }
        if (quote) fputc('"', output->file);
    }
    fputs("\r\n", output->file);
    arena_reset(&output->arena);
}

void output_row(struct output *output, const struct sink_cell *cells)
{
    switch (output->format) {
    case OUTPUT_TABLE: table_row(output, cells); break;
    case OUTPUT_JSON: json_row(output, cells); break;
    case OUTPUT_CSV: csv_row(output, cells); break;
    }
    output->rows++;
}

void output_end(struct output *output, const char *empty)
{
    if (output->format == OUTPUT_JSON) fputs(output->rows ? "\n]\n" : "]\n", output->file);
    if (output->format == OUTPUT_TABLE) {
        if (output->waiting_rows || (!output->rows && !empty)) flush_table(output);
        if (!output->rows && empty && *empty) fprintf(output->file, "%s\n", empty);
    }
    for (uint32_t i = 0; i < output->columns; i++) free(output->names[i]);
    free(output->names);
    free(output->right);
    free(output->waiting);
    arena_fini(&output->arena);
    free(output);
}

// --- Batch rows ---

static void append_value(struct buf *out, const struct column *column, enum column_type type, uint32_t row)
{
    char text[DECIMAL_TEXT_BYTES], time[CLOCK_TEXT_BYTES];
    switch (type) {
    case COLUMN_INT64: buf_printf(out, "%lld", (long long)column->int64[row]); break;
    case COLUMN_DOUBLE:
        decimal_format(column->float64[row], text);
        buf_append_text(out, text);
        break;
    case COLUMN_TIMESTAMP: buf_printf(out, "\"%s\"", clock_format(column->int64[row], time)); break;
    case COLUMN_TEXT: buf_append_json(out, column->text[row].data, column->text[row].size); break;
    case COLUMN_BYTES: {
        char *hex = malloc(2 * column->text[row].size + 1);
        if (!hex) abort();
        text_hex(column->text[row].data, column->text[row].size, hex);
        buf_printf(out, "\"%s\"", hex);
        free(hex);
        break;
    }
    }
}

void output_append_row(struct buf *out, const struct batch *batch, uint32_t row, bool with_nulls)
{
    bool first = true;
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < batch->type->column_count; i++) {
        const struct row_column *column = &batch->type->columns[i];
        if (column->hidden || (!with_nulls && batch_is_null(batch, i, row))) continue;
        if (!first) buf_append_byte(out, ',');
        first = false;
        buf_append_json(out, column->name, strlen(column->name));
        buf_append_byte(out, ':');
        if (batch_is_null(batch, i, row))
            buf_append_text(out, "null");
        else
            append_value(out, &batch->columns[i], column->type, row);
    }
    buf_append_byte(out, '}');
}
