// SPDX-License-Identifier: Apache-2.0
// fdp feed decode: frames in, JSON lines out.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "model/quote.h"

static void append_error(struct buf *line, const char *text, struct slice frame)
{
    buf_append_text(line, "{\"error\":");
    buf_append_json(line, text, strlen(text));
    if (text_is_utf8(frame.data, frame.size)) {
        buf_append_text(line, ",\"frame\":");
        buf_append_json(line, frame.data, frame.size);
    }
    buf_append_byte(line, '}');
}

static void decode_line(struct batch *batch, const struct buf *frame, struct buf *line)
{
    struct err err;
    enum quote_frame kind;
    batch_reset(batch);
    uint32_t row = batch_row_begin(batch);
    if (frame->full)
        append_error(line, "the frame is longer than 65536 bytes", (struct slice){0});
    else if (quote_decode_frame(buf_slice(frame), batch, row, &kind, &err) != OK)
        append_error(line, err.text, buf_slice(frame));
    else if (kind == QUOTE_FRAME_OTHER)
        buf_append_text(line, "{\"other\":true}");
    else
        output_append_row(line, batch, row, false);
    buf_append_byte(line, '\n');
}

// One line without its end; false at the end of the input. What is longer than a frame may be is counted but not kept.
static bool read_line(struct buf *line)
{
    int c;
    buf_reset(line);
    while ((c = getc(stdin)) != EOF && c != '\n') buf_append_byte(line, (char)c);
    if (line->size && line->data[line->size - 1] == '\r') line->size--;
    return c != EOF || line->size;
}

int cmd_feed_decode(struct app *app)
{
    (void)app;
    struct batch *batch = batch_new(&quote_row_type, 1);
    struct buf frame, line;
    buf_init(&frame, BUF_MAX_FRAME);
    buf_init(&line, BUF_MAX_HTTP_REPLY);
    while (read_line(&frame) && !ferror(stdout)) {
        if (!frame.size) continue;
        buf_reset(&line);
        decode_line(batch, &frame, &line);
        fwrite(line.data, 1, line.size, stdout);
    }
    buf_fini(&frame);
    buf_fini(&line);
    batch_free(batch);
    return EXIT_DONE;
}
