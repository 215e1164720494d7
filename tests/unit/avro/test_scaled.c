// SPDX-License-Identifier: Apache-2.0
// Decimals and uuids as text.
#include "avro/scaled.h"

#include "fixture.h"

static const char *text_of(const char *hex, int32_t precision, int32_t scale)
{
    static char text[SCALED_TEXT_BYTES];
    unsigned char bytes[SCALED_MAX_BYTES + 1];
    size_t size = bytes_of(hex, bytes);
    if (!scaled_to_text(bytes, size, precision, scale, text)) snprintf(text, sizeof text, "refused");
    return text;
}

static const char *bytes_from(const char *text, int32_t precision, int32_t scale)
{
    static char hex[2 * SCALED_MAX_BYTES + 1];
    unsigned char bytes[SCALED_MAX_BYTES];
    size_t size;
    if (!scaled_from_text(slice_of(text), precision, scale, bytes, &size)) return "refused";
    text_hex(bytes, size, hex);
    return hex;
}

static void test_to_text(void **state)
{
    (void)state;
    assert_string_equal(text_of("00", 9, 0), "0");
    assert_string_equal(text_of("00", 9, 2), "0.00");
    assert_string_equal(text_of("7b", 9, 2), "1.23");
    assert_string_equal(text_of("ff", 9, 2), "-0.01");
    assert_string_equal(text_of("000000ff", 9, 0), "255");
    assert_string_equal(text_of("80", 9, 0), "-128");
    assert_string_equal(text_of("8000000000000000", 19, 4), "-922337203685477.5808");
    assert_string_equal(text_of("7fffffffffffffffffffffffffffffff", 39, 0), "170141183460469231731687303715884105727");
    assert_string_equal(text_of("80000000000000000000000000000000", 39, 39), "-0.170141183460469231731687303715884105728");
}

static void test_to_text_refuses_what_the_type_does_not_allow(void **state)
{
    (void)state;
    assert_string_equal(text_of("", 9, 0), "refused");
    assert_string_equal(text_of("7b", 2, 0), "refused");
    unsigned char bytes[SCALED_MAX_BYTES + 1] = {1};
    char text[SCALED_TEXT_BYTES];
    assert_int_equal(scaled_to_text(bytes, SCALED_MAX_BYTES + 1, SCALED_MAX_PRECISION, 0, text), 0);
    // The longest integers have more digits than any precision, and do no harm.
    memset(bytes, 0x80, sizeof bytes);
    assert_int_equal(scaled_to_text(bytes, SCALED_MAX_BYTES, SCALED_MAX_PRECISION, SCALED_MAX_PRECISION, text), 0);
}

static void test_from_text(void **state)
{
    (void)state;
    assert_string_equal(bytes_from("0", 9, 2), "00");
    assert_string_equal(bytes_from("-0.00", 9, 2), "00");
    assert_string_equal(bytes_from("1.23", 9, 2), "7b");
    assert_string_equal(bytes_from("+001.2300", 9, 2), "7b");
    assert_string_equal(bytes_from(".5", 9, 2), "32");
    assert_string_equal(bytes_from("1e1", 9, 0), "0a");
    assert_string_equal(bytes_from("123e-2", 9, 2), "7b");
    assert_string_equal(bytes_from("128", 9, 0), "0080");
    assert_string_equal(bytes_from("-128", 9, 0), "80");
    assert_string_equal(bytes_from("-129", 9, 0), "ff7f");
    assert_string_equal(bytes_from("170141183460469231731687303715884105727", 39, 0), "7fffffffffffffffffffffffffffffff");
}

static void test_from_text_refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "-", ".", "x", "1.2.3", "1.234", "10000000", "1e9", "1e", "1e99999999999", "1e-3", "0x1", "1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (strcmp(bytes_from(wrong[i], 9, 2), "refused") != 0) fail_msg("took %s", wrong[i]);
    assert_string_equal(bytes_from("0e9999", 9, 2), "00");
}

static void test_round_trip_at_every_size(void **state)
{
    (void)state;
    char text[SCALED_TEXT_BYTES];
    for (size_t size = 1; size <= 415; size++) {
        unsigned char bytes[SCALED_MAX_BYTES], back[SCALED_MAX_BYTES];
        size_t back_size;
        for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 37 + size + 1);
        if (size > 1 && (bytes[0] == 0 || bytes[0] == 0xff)) bytes[0] = 0x5a;
        size_t length = scaled_to_text(bytes, size, SCALED_MAX_PRECISION, (int32_t)size, text);
        assert_int_not_equal(length, 0);
        assert_true(scaled_from_text((struct slice){text, length}, SCALED_MAX_PRECISION, (int32_t)size, back, &back_size));
        assert_int_equal(back_size, size);
        assert_memory_equal(back, bytes, size);
    }
}

static void test_uuid(void **state)
{
    (void)state;
    unsigned char bytes[UUID_BYTES];
    char text[UUID_TEXT_BYTES];
    assert_true(uuid_from_text(SLICE("6BA7b810-9dad-11d1-80b4-00c04fd430c8"), bytes));
    uuid_to_text(bytes, text);
    assert_memory_equal(text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", UUID_TEXT_BYTES);
    assert_false(uuid_from_text(SLICE("6ba7b810-9dad-11d1-80b4-00c04fd430c"), bytes));
    assert_false(uuid_from_text(SLICE("6ba7b810-9dad-11d1-80b4-00c04fd430cg"), bytes));
    assert_false(uuid_from_text(SLICE("6ba7b810-9dad-11d1-80b400c04fd430c8-"), bytes));
    assert_false(uuid_from_text(SLICE("6ba7b8109dad11d180b400c04fd430c80000"), bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_text),
        cmocka_unit_test(test_to_text_refuses_what_the_type_does_not_allow),
        cmocka_unit_test(test_from_text),
        cmocka_unit_test(test_from_text_refuses_what_does_not_fit),
        cmocka_unit_test(test_round_trip_at_every_size),
        cmocka_unit_test(test_uuid),
    };
    return cmocka_run_group_tests_name("scaled", tests, NULL, NULL);
}
