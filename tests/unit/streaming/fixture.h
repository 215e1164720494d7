// SPDX-License-Identifier: Apache-2.0
// What the stream tests share: temporary folders, a configuration around a URL, making and checking records.
#ifndef FDP_TESTS_STREAMING_FIXTURE_H
#define FDP_TESTS_STREAMING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <ftw.h>

#include "base/clock.h"
#include "streaming/stream.h"

struct fixture {
    char folder[64], url[128];
    struct config config;
    struct err err;
};

static int fixture_remove(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static inline void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/fdp-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->url, sizeof fixture->url, "embedded:%s", fixture->folder);
    fixture->config.data = fixture->folder;
    fixture->config.streaming.url = fixture->url;
}

static inline void fixture_fini(struct fixture *fixture)
{
    nftw(fixture->folder, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

// For cmocka: a test whose state is a fixture.
static inline int fixture_setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    assert_non_null(*state);
    fixture_init(*state);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture_fini(*state);
    free(*state);
    return 0;
}

// A call that must succeed; its error text is shown when it does not.
#define must(fixture, call)                                                                                                                \
    do {                                                                                                                                   \
        if ((call) != OK) fail_msg("%s: %s", #call, (fixture)->err.text);                                                                  \
    } while (0)

static inline struct stream *fixture_open(struct fixture *fixture)
{
    static const struct log log = {LOG_ERROR, LOG_TEXT, 2, false};
    struct stream_params params = {&fixture->config, &log, NULL, false};
    struct stream *stream;
    must(fixture, stream_open(&stream, &params, &fixture->err));
    return stream;
}

static inline void fixture_topic(struct fixture *fixture, struct stream *stream, const char *name, int32_t partitions)
{
    struct stream_topic topic = {.partitions = partitions, .retention_ms = -1, .retention_bytes = -1};
    snprintf(topic.name, sizeof topic.name, "%s", name);
    must(fixture, stream->ops->topic_create(stream, &topic, &fixture->err));
}

// Another back end than the embedded log deletes what is old: its records are of today.
static inline int64_t fixture_epoch_us(void)
{
    static int64_t epoch;
    if (!epoch) epoch = getenv("FDP_TEST_STREAM") ? clock_now_us() / SECOND_US * SECOND_US - 100 * SECOND_US : 1000000;
    return epoch;
}

// Adds a record to a batch; NULL key or value is null. Texts are copied.
static inline void add_record(struct batch *batch, const char *key, const char *value, int64_t timestamp_us)
{
    uint32_t row = batch_row_begin(batch);
    if (key) batch_set_slice(batch, RECORD_KEY, row, (struct slice){arena_copy(&batch->arena, key, strlen(key)), strlen(key)});
    if (value) batch_set_slice(batch, RECORD_VALUE, row, (struct slice){arena_copy(&batch->arena, value, strlen(value)), strlen(value)});
    batch_set_int64(batch, RECORD_TIMESTAMP, row, timestamp_us);
    batch_row_commit(batch);
}

// Appends and flushes `count` records "first".."first + count - 1" with the key of each being its number modulo `keys`.
static inline enum status append_numbers(struct stream *stream, const char *topic, int first, int count, int keys, struct err *err)
{
    struct batch *batch = batch_new(&record_row_type, (uint32_t)count);
    for (int i = first; i < first + count; i++) {
        char key[16], value[16];
        snprintf(key, sizeof key, "%d", i % keys);
        snprintf(value, sizeof value, "%d", i);
        add_record(batch, key, value, fixture_epoch_us() + i);
    }
    enum status status = stream->ops->append(stream, topic, batch, err);
    if (status == OK) status = stream->ops->flush(stream, INT64_MAX, err);
    batch_free(batch);
    return status;
}

static inline struct slice text_at(const struct batch *batch, uint32_t column, uint32_t row)
{
    assert_false(batch_is_null(batch, column, row));
    return batch->columns[column].text[row];
}

static inline int number_at(const struct batch *batch, uint32_t row)
{
    int64_t value = -1;
    assert_true(text_to_int64(text_at(batch, RECORD_VALUE, row), &value));
    return (int)value;
}

// Polls until `want` rows more were added to the batch, for at most ten seconds.
static inline void poll_rows(struct fixture *fixture, struct stream *stream, struct batch *batch, uint32_t want)
{
    int64_t deadline = clock_deadline_ms(10000);
    for (uint32_t target = batch->rows + want; batch->rows < target;) {
        enum status status = stream->ops->poll(stream, batch, deadline, &fixture->err);
        if (status != OK) fail_msg("poll: %s after %u rows of %u", fixture->err.text, batch->rows, target);
    }
}

#endif
