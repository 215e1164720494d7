// SPDX-License-Identifier: Apache-2.0
// Packing records into chunks: what goes in comes out; cut or foreign bytes end the reading, never the program.
#include "fixture.h"

#include "streaming/chunk.h"

static struct chunk_record record_of(const char *key, const char *value, int64_t timestamp_us)
{
    struct chunk_record record = {.timestamp_us = timestamp_us, .null = {!key, !value, true}};
    if (key) record.field[RECORD_KEY] = slice_of(key);
    if (value) record.field[RECORD_VALUE] = slice_of(value);
    return record;
}

static void test_chunk_reader_gives_back_every_kind_of_record(void **state)
{
    (void)state;
    const struct chunk_record in[] = {
        record_of("k", "v", 1700000000000000), record_of(NULL, "v", 5),   record_of("k", NULL, INT64_MIN),
        record_of("", "", INT64_MAX),          record_of(NULL, NULL, -1),
    };
    enum { COUNT = sizeof in / sizeof *in };
    struct chunk_writer writer;
    chunk_writer_init(&writer);
    for (int i = 0; i < COUNT; i++) chunk_writer_add(&writer, &in[i]);
    assert_int_equal(writer.records, COUNT);
    assert_true(writer.newest_us == INT64_MAX);
    struct chunk_reader reader = {writer.data.data, writer.data.data + writer.data.size, writer.base_us};
    struct chunk_record out;
    for (int i = 0; i < COUNT; i++) {
        assert_true(chunk_reader_next(&reader, &out));
        assert_true(out.timestamp_us == in[i].timestamp_us);
        for (int j = 0; j < RECORD_TIMESTAMP; j++) {
            assert_int_equal(out.null[j], in[i].null[j]);
            if (!in[i].null[j]) assert_true(slice_equal(out.field[j], in[i].field[j]));
        }
    }
    assert_false(chunk_reader_next(&reader, &out));
    chunk_writer_fini(&writer);
}

// Each shorter piece is read from memory of exactly its size, so that a sanitizer sees a byte too far.
static void test_chunk_reader_survives_every_truncation(void **state)
{
    (void)state;
    struct chunk_writer writer;
    chunk_writer_init(&writer);
    char text[300];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct chunk_record record = record_of("symbol", text, 1);
    for (int i = 0; i < 3; i++) chunk_writer_add(&writer, &record);
    for (size_t size = 0; size < writer.data.size; size++) {
        char *piece = malloc(size ? size : 1);
        assert_non_null(piece);
        memcpy(piece, writer.data.data, size);
        struct chunk_reader reader = {piece, piece + size, writer.base_us};
        int records = 0;
        while (chunk_reader_next(&reader, &record)) records++;
        assert_int_equal(records, size / (writer.data.size / 3));
        free(piece);
    }
    chunk_writer_fini(&writer);
}

static void test_chunk_reader_refuses_malformed_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0\0", 13}, // longest number: a length far beyond the end
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0", 13}, // more than 64 bits
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0", 13},
        {"\x02\0\0\0", 4}, // key of one byte that is not there
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chunk_reader reader = {cases[i].bytes, cases[i].bytes + cases[i].size, 0};
        struct chunk_record record;
        assert_false(chunk_reader_next(&reader, &record));
    }
}

static void test_chunk_writer_closes_by_size_and_by_count(void **state)
{
    (void)state;
    struct chunk_writer writer;
    chunk_writer_init(&writer);
    struct chunk_record small = record_of(NULL, "", 1);
    for (int i = 0; i < CHUNK_CLOSE_RECORDS; i++) {
        assert_false(chunk_writer_closed(&writer));
        chunk_writer_add(&writer, &small);
    }
    assert_true(chunk_writer_closed(&writer));
    chunk_writer_reset(&writer);
    assert_false(chunk_writer_closed(&writer));
    char *huge = calloc(1, BUF_MAX_RECORD);
    assert_non_null(huge);
    struct chunk_record large = {.field[RECORD_VALUE] = {huge, BUF_MAX_RECORD}, .null = {true, false, true}};
    chunk_writer_add(&writer, &large);
    assert_int_equal(writer.records, 1);
    assert_true(chunk_writer_closed(&writer));
    free(huge);
    chunk_writer_fini(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_reader_gives_back_every_kind_of_record),
        cmocka_unit_test(test_chunk_reader_survives_every_truncation),
        cmocka_unit_test(test_chunk_reader_refuses_malformed_lengths),
        cmocka_unit_test(test_chunk_writer_closes_by_size_and_by_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
