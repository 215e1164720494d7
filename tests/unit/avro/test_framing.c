// SPDX-License-Identifier: Apache-2.0
// Wire framing.
#include "avro/framing.h"

#include "../unit.h"

static void test_frame_round_trip(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 255, 256, 0x01020304, INT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        unsigned char value[AVRO_FRAME_BYTES + 2] = {9, 9, 9, 9, 9, 'A', 'B'};
        struct slice datum;
        struct err err;
        int32_t id;
        avro_frame(ids[i], value);
        assert_int_equal(avro_unframe((struct slice){(char *)value, sizeof value}, &id, &datum, &err), OK);
        assert_int_equal(id, ids[i]);
        assert_true(slice_is(datum, "AB"));
    }
    unsigned char bytes[AVRO_FRAME_BYTES];
    avro_frame(0x01020304, bytes);
    assert_memory_equal(bytes, "\0\1\2\3\4", AVRO_FRAME_BYTES);
}

static void test_unframe_takes_an_empty_datum(void **state)
{
    (void)state;
    struct slice datum;
    struct err err;
    int32_t id;
    assert_int_equal(avro_unframe(SLICE("\0\0\0\0\7"), &id, &datum, &err), OK);
    assert_int_equal(id, 7);
    assert_int_equal(datum.size, 0);
}

static void test_unframe_refuses(void **state)
{
    (void)state;
    static const struct {
        struct slice value;
        const char *reason;
    } cases[] = {
        {{NULL, 0}, "too short"},
        {{"\0\0\0\1", 4}, "too short"},
        {{"\1\0\0\0\1", 5}, "magic byte 0x01"},
        {{"{\"a\":1}", 7}, "magic byte 0x7b"},
        {{"\0\0\0\0\0", 5}, "schema id 0"},
        {{"\0\x80\0\0\0", 5}, "schema id 2147483648"},
        {{"\0\xff\xff\xff\xff", 5}, "schema id 4294967295"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice datum;
        struct err err;
        int32_t id;
        assert_int_equal(avro_unframe(cases[i].value, &id, &datum, &err), REJECT);
        assert_contains(err.text, cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_round_trip),
        cmocka_unit_test(test_unframe_takes_an_empty_datum),
        cmocka_unit_test(test_unframe_refuses),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
