// SPDX-License-Identifier: Apache-2.0
// Frames of the quarantine, as records.
#include "cli/reframe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ingestion/publish.h"
#include "model/convert.h"
#include "model/quote.h"
#include "model/record.h"

struct reframe {
    struct publisher *publisher;
    struct publication *publication; // of one quote
};

enum status reframe_open(struct reframe **out, const struct config *config, struct registry_client *registry, struct err *err)
{
    struct publisher *publisher;
    TRY(publisher_new(&publisher, config, registry, err));
    struct reframe *self = memory_new(1, sizeof *self);
    self->publisher = publisher;
    self->publication = publication_new(publisher, 1);
    *out = self;
    return OK;
}

void reframe_close(struct reframe *self)
{
    if (!self) return;
    publication_free(self->publication);
    publisher_free(self->publisher);
    free(self);
}

// The quote of the frame, as it would have been when it was received.
static enum status decode(struct reframe *self, const struct batch *records, uint32_t row, struct slice source, struct err *err)
{
    struct batch *quotes = self->publication->quotes;
    enum quote_frame kind;
    int64_t received_us = records->columns[RECORD_TIMESTAMP].int64[row];
    if (batch_is_null(records, RECORD_VALUE, row)) return err_set(err, REJECT, ERR_FEED, "the record has no value");
    uint32_t to = batch_row_begin(quotes);
    TRY(quote_decode_frame(records->columns[RECORD_VALUE].text[row], quotes, to, &kind, err));
    if (kind != QUOTE_FRAME_QUOTE) return err_set(err, REJECT, ERR_FEED, "the frame is not a quote");
    if (!batch_is_null(records, RECORD_HEADERS, row))
        clock_parse(record_header(records->columns[RECORD_HEADERS].text[row], "received"), &received_us);
    if (source.size) batch_set_slice(quotes, QUOTE_SOURCE_API, to, source);
    batch_set_int64(quotes, QUOTE_INGESTION_TS, to, received_us);
    quote_set_event_id(quotes, to);
    batch_row_commit(quotes);
    return OK;
}

static enum status why_rejected(const struct batch *rejects, struct err *err)
{
    struct slice reason = rejects->rows ? record_header(rejects->columns[RECORD_HEADERS].text[0], "reason") : SLICE("no route takes it");
    return err_set(err, REJECT, ERR_FEED, "%.*s", SLICE_ARG(reason));
}

static void take_record(struct batch *records, uint32_t row, const struct batch *made)
{
    for (uint32_t column = RECORD_KEY; column <= RECORD_VALUE; column++) {
        struct slice bytes = made->columns[column].text[0];
        batch_set_slice(records, column, row, (struct slice){arena_copy(&records->arena, bytes.data, bytes.size), bytes.size});
    }
}

enum status reframe_record(struct reframe *self, struct batch *records, uint32_t row, const char **topic, struct err *err)
{
    char name[256];
    struct slice source = {0};
    if (!batch_is_null(records, RECORD_HEADERS, row)) source = record_header(records->columns[RECORD_HEADERS].text[row], "source");
    if (!convert_text_is_valid(source)) source = (struct slice){0};
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(source));
    publication_reset(self->publication);
    TRY(decode(self, records, row, source, err));
    TRY(publication_encode(self->publication, name, err));
    const char *const *topics;
    uint32_t count = publisher_topics(self->publisher, &topics);
    for (uint32_t i = 0; i < count; i++) {
        if (!self->publication->records[i]->rows) continue;
        *topic = topics[i];
        take_record(records, row, self->publication->records[i]);
        return OK;
    }
    return why_rejected(self->publication->rejects, err);
}
