// SPDX-License-Identifier: Apache-2.0
// Our side of tests/integration/test_kafka_partitions.py: kafka_partitions URL TOPIC PARTITIONS. Keys in hexadecimal on standard input, one
// a line; for each the partition that record_partition gives, and the one that its record went to through the stream.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/stream.h"

enum { KEYS_MAX = 100000, KEY_MAX = 1024 };

#define MUST(call)                                                                                                                         \
    do {                                                                                                                                   \
        if ((call) == OK) break;                                                                                                           \
        fprintf(stderr, "%s: %s\n", #call, err.text);                                                                                      \
        exit(1);                                                                                                                           \
    } while (0)

static struct err err;

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void read_keys(struct batch *batch)
{
    char line[2 * KEY_MAX + 2], key[KEY_MAX], value[16];
    while (fgets(line, sizeof line, stdin) && !batch_full(batch)) {
        size_t size = strcspn(line, "\n") / 2;
        for (size_t i = 0; i < size; i++) key[i] = (char)(digit(line[2 * i]) << 4 | digit(line[2 * i + 1]));
        uint32_t row = batch_row_begin(batch);
        snprintf(value, sizeof value, "%u", row);
        batch_set_slice(batch, RECORD_KEY, row, (struct slice){arena_copy(&batch->arena, key, size), size});
        batch_set_slice(batch, RECORD_VALUE, row, (struct slice){arena_copy(&batch->arena, value, strlen(value)), strlen(value)});
        batch_set_int64(batch, RECORD_TIMESTAMP, row, clock_now_us());
        batch_row_commit(batch);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    int64_t partitions = 0, number = 0;
    struct config config = {.streaming = {.url = argv[1]}};
    struct stream_params params = {&config, NULL, NULL, false};
    struct stream *stream;
    if (!text_to_int64(slice_of(argv[3]), &partitions)) return 2;
    MUST(stream_open(&stream, &params, &err));
    struct stream_topic topic = {.partitions = (int32_t)partitions};
    snprintf(topic.name, sizeof topic.name, "%s", argv[2]);
    MUST(stream->ops->topic_create(stream, &topic, &err));

    struct batch *keys = batch_new(&record_row_type, KEYS_MAX), *back = batch_new(&record_row_type, KEYS_MAX);
    read_keys(keys);
    MUST(stream->ops->append(stream, argv[2], keys, &err));
    MUST(stream->ops->flush(stream, clock_deadline_ms(60000), &err));
    for (int32_t i = 0; i < partitions; i++) MUST(stream->ops->seek(stream, argv[2], i, i, 0, &err));
    while (back->rows < keys->rows) MUST(stream->ops->poll(stream, back, clock_deadline_ms(30000), &err));

    int64_t *went = calloc(keys->rows + 1, sizeof *went);
    if (!went) return 1;
    for (uint32_t row = 0; row < back->rows; row++)
        if (text_to_int64(back->columns[RECORD_VALUE].text[row], &number) && number < keys->rows) went[number] = back->source[row];
    for (uint32_t row = 0; row < keys->rows; row++)
        printf("%d %d\n", record_partition(keys->columns[RECORD_KEY].text[row], (int32_t)partitions), (int)went[row]);
    free(went);
    batch_free(keys);
    batch_free(back);
    stream_close(stream);
    return 0;
}
