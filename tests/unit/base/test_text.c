// SPDX-License-Identifier: Apache-2.0
// Slices, UTF-8, numbers, hexadecimal, base64, nearest names.
#include "base/text.h"

#include "../unit.h"

static bool utf8(const char *text)
{
    return text_is_utf8(text, strlen(text));
}

static void test_slices_compare_by_content(void **state)
{
    (void)state;
    assert_true(slice_equal((struct slice){NULL, 0}, SLICE("")));
    assert_true(slice_is((struct slice){NULL, 0}, ""));
    assert_true(slice_is(SLICE("ab"), "ab"));
    assert_false(slice_is(SLICE("ab"), "abc"));
    assert_false(slice_is(SLICE("abc"), "ab"));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    assert_int_equal(slice_of(NULL).size, 0);
}

static void test_is_utf8_takes_what_is_well_formed(void **state)
{
    (void)state;
    assert_true(text_is_utf8(NULL, 0));
    assert_true(utf8("plain ASCII, longer than eight bytes"));
    assert_true(utf8("\xc2\x80"));
    assert_true(utf8("\xdf\xbf"));
    assert_true(utf8("\xe0\xa0\x80"));
    assert_true(utf8("\xed\x9f\xbf"));
    assert_true(utf8("\xee\x80\x80"));
    assert_true(utf8("\xf0\x90\x80\x80"));
    assert_true(utf8("\xf4\x8f\xbf\xbf"));
    assert_true(utf8("12345678é12345678€1234567"));
    assert_true(text_is_utf8("a\0b", 3));
}

static void test_is_utf8_refuses_what_is_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",         "\xbf",          "\xc0\x80",         "\xc1\xbf",         "\xc2",         "\xc2g",
        "\xe0\x9f\xbf", "\xe1\x80",      "\xe1\x80g",        "\xed\xa0\x80",     "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf1\x80\x80g", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",         "\xfe",
        "12345678\x80", "\xe2\x82",      "1234567\xe2",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (utf8(bad[i])) fail_msg("number %zu was taken", i);
}

// Every code point, written by the rules: well-formed exactly when it is no surrogate.
static void test_is_utf8_over_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c < 0x120000; c += c < 0x10000 ? 1 : 97) {
        char text[4];
        size_t size = 0;
        if (c < 0x800) {
            text[size++] = (char)(0xc0 | c >> 6);
        } else if (c < 0x10000) {
            text[size++] = (char)(0xe0 | c >> 12);
            text[size++] = (char)(0x80 | (c >> 6 & 63));
        } else {
            text[size++] = (char)(0xf0 | c >> 18);
            text[size++] = (char)(0x80 | (c >> 12 & 63));
            text[size++] = (char)(0x80 | (c >> 6 & 63));
        }
        text[size++] = (char)(0x80 | (c & 63));
        bool good = (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
        if (text_is_utf8(text, size) != good) fail_msg("U+%04X", c);
        for (size_t i = 1; i < size; i++) assert_false(text_is_utf8(text, i));
    }
}

static void test_is_blank_of_white_space_only(void **state)
{
    (void)state;
    assert_true(text_is_blank((struct slice){NULL, 0}));
    assert_true(text_is_blank(SLICE("")));
    assert_true(text_is_blank(SLICE(" \t\r\n\v\f\n")));
    assert_true(text_is_blank(SLICE("\xef\xbb\xbf")));
    assert_true(text_is_blank(SLICE("\xef\xbb\xbf\r\n")));
    assert_true(text_is_blank((struct slice){" a", 1}));
    assert_false(text_is_blank(SLICE("#")));
    assert_false(text_is_blank(SLICE("\n\n  a")));
    assert_false(text_is_blank(SLICE("a\n")));
    assert_false(text_is_blank(SLICE("\n\0")));
    assert_false(text_is_blank(SLICE("\xef\xbb")));
    assert_false(text_is_blank(SLICE("\n\xef\xbb\xbf")));
}

static void test_to_int64_at_the_limits(void **state)
{
    (void)state;
    int64_t value;
    assert_true(text_to_int64(SLICE("9223372036854775807"), &value) && value == INT64_MAX);
    assert_true(text_to_int64(SLICE("-9223372036854775808"), &value) && value == INT64_MIN);
    assert_true(text_to_int64(SLICE("+7"), &value) && value == 7);
    assert_true(text_to_int64(SLICE("-0"), &value) && value == 0);
    assert_true(text_to_int64(SLICE("000000000000000000000000012"), &value) && value == 12);
    value = 5;
    static const char *const bad[] = {"",    "-",   "+",   "9223372036854775808", "-9223372036854775809", "1 ", " 1", "1.0",
                                      "0x1", "--1", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (text_to_int64(slice_of(bad[i]), &value)) fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(value, 5);
    assert_false(text_to_int64((struct slice){NULL, 0}, &value));
}

static void test_to_double_takes_decimals_only(void **state)
{
    (void)state;
    double value;
    assert_true(text_to_double(SLICE("305.76"), &value) && value == 305.76);
    assert_true(text_to_double(SLICE("-1.5e-3"), &value) && value == -0.0015);
    assert_true(text_to_double(SLICE(".5"), &value) && value == 0.5);
    assert_true(text_to_double(SLICE("1e308"), &value) && value == 1e308);
    assert_true(text_to_double(SLICE("1e-400"), &value) && value == 0);
    static const char *const bad[] = {"", "-", ".", "e5", "1e", "1e309", "-1e309", "nan", "inf", "0x10", " 1", "1 ", "1,5", "1.5.2", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (text_to_double(slice_of(bad[i]), &value)) fail_msg("\"%s\" was taken", bad[i]);
    assert_false(text_to_double(SLICE("1\0"), &value));
    char longest[100];
    memset(longest, '1', sizeof longest);
    assert_false(text_to_double((struct slice){longest, sizeof longest}, &value));
    assert_true(text_to_double((struct slice){longest, 63}, &value));
}

static void test_hex_is_lower_case(void **state)
{
    (void)state;
    char out[9];
    text_hex("\x00\xff\x1a\xA0", 4, out);
    assert_string_equal(out, "00ff1aa0");
    text_hex(NULL, 0, out);
    assert_string_equal(out, "");
}

// RFC 4648, section 10.
static void test_base64_of_the_standard_vectors(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < 7; i++) {
        char text[16], data[16];
        text_base64_encode(vectors[i][0], strlen(vectors[i][0]), text);
        assert_string_equal(text, vectors[i][1]);
        assert_int_equal(text_base64_bytes(strlen(vectors[i][0])), strlen(vectors[i][1]));
        assert_int_equal(text_base64_decode(text, strlen(text), data), strlen(vectors[i][0]));
        assert_memory_equal(data, vectors[i][0], strlen(vectors[i][0]));
    }
}

static void test_base64_round_trip_of_all_bytes(void **state)
{
    (void)state;
    unsigned char data[256], back[256];
    char text[400];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 151 + 13);
    for (size_t size = 0; size <= sizeof data; size++) {
        text_base64_encode(data, size, text);
        assert_int_equal(strlen(text), text_base64_bytes(size));
        assert_int_equal(text_base64_decode(text, strlen(text), back), size);
        assert_memory_equal(back, data, size);
    }
}

static void test_base64_decode_refuses_every_other_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",    "AA",   "AAA",  "AAAAA", "A===", "====", "=AAA",     "AA=A",   "AA==AAAA",
                                      "AAA-", "AAA_", "AAA ", "\nAAA", "AB==", "AAB=", "AAAAAB==", "AA\xff="};
    char out[16];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (text_base64_decode(bad[i], strlen(bad[i]), out) != -1) fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(text_base64_decode("AA\0=", 4, out), -1);
}

static void test_nearest_finds_slips_of_the_finger(void **state)
{
    (void)state;
    static const char *const names[] = {"price", "time", "change", "change_percent", "market_hours", "id"};
    assert_string_equal(text_nearest("prise", names, 6), "price");
    assert_string_equal(text_nearest("price", names, 6), "price");
    assert_string_equal(text_nearest("tiem", names, 6), "time");
    assert_string_equal(text_nearest("chang", names, 6), "change");
    assert_string_equal(text_nearest("change_persent", names, 6), "change_percent");
    assert_string_equal(text_nearest("markethours", names, 6), "market_hours");
    assert_string_equal(text_nearest("ids", names, 6), "id");
    assert_null(text_nearest("volume", names, 6));
    assert_null(text_nearest("price", names, 0));
    char long_name[200];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(text_nearest(long_name, names, 6));
}

static void test_hash_differs_by_content_and_length(void **state)
{
    (void)state;
    char data[64] = {0};
    uint64_t seen[64];
    for (size_t size = 0; size < 64; size++) {
        seen[size] = text_hash(data, size);
        assert_true(seen[size] == text_hash(data, size));
        for (size_t i = 0; i < size; i++) assert_true(seen[i] != seen[size]);
    }
    assert_true(text_hash(NULL, 0) == seen[0]);
    for (size_t bit = 0; bit < 512; bit++) {
        char other[64] = {0};
        other[bit / 8] = (char)(1 << bit % 8);
        assert_true(text_hash(other, 64) != text_hash(data, 64));
    }
}

static void test_number_finds_a_name_or_adds_it(void **state)
{
    (void)state;
    const char *names[2];
    uint32_t count = 0;
    assert_int_equal(text_number(names, &count, "a"), 0);
    assert_int_equal(text_number(names, &count, "b"), 1);
    assert_int_equal(text_number(names, &count, "a"), 0);
    assert_int_equal(count, 2);
}

static void test_url_shown_without_its_passwords(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"", ""},
        {"sqlite:", "sqlite:"},
        {"sqlite:/data/a:b@c.db", "sqlite:/data/a:b@c.db"},
        {"http://127.0.0.1:8081/x@y", "http://127.0.0.1:8081/x@y"},
        {"http://[::1]:8081", "http://[::1]:8081"},
        {"http://[::1]:8081/a@b", "http://[::1]:8081/a@b"},
        {"http://u:12/34@h", "http://u:***@h"},
        {"http://me@host", "http://me@host"},
        {"http://me:hush@host:8081/", "http://me:***@host:8081/"},
        {"http://me:@host", "http://me:***@host"},
        {"postgresql://me:hu@sh@host/db", "postgresql://me:***@host/db"},
        {"postgresql://me:hu/sh@host/db", "postgresql://me:***@host/db"},
        {"postgresql://me:hu?sh#1@host/db", "postgresql://me:***@host/db"},
        {"postgresql://one:5432,two:5432/db?user=me", "postgresql://one:5432,two:5432/db?user=me"},
        {"postgresql://host/db?user=me&password=hush&sslmode=require", "postgresql://host/db?user=me&password=***&sslmode=require"},
        {"postgresql://me:hush@host/db?PassWord=hush&sslpassword=hush", "postgresql://me:***@host/db?PassWord=***&sslpassword=***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char shown[TEXT_URL_BYTES];
        assert_string_equal(text_url_shown(cases[i].url, shown, sizeof shown), cases[i].shown);
    }
}

static void test_shown_has_nothing_that_moves_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain, two\nlines\tand caf\xc3\xa9 \xe2\x82\xac", "plain, two\nlines\tand caf\xc3\xa9 \xe2\x82\xac"},
        {"\033[31mred\r\a", "\\x1b[31mred\\x0d\\x07"},
        {"\x7f\xc2\x9b"
         "2J",
         "\\x7f\\x9b"
         "2J"},
        {"a\xff"
         "b\xe2\x82",
         "a?b??"},
        {"\xc3\xa9\xa9", "\xc3\xa9?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char shown[100];
        assert_string_equal(text_shown(cases[i].text, shown, sizeof shown), cases[i].shown);
    }
    char small[6];
    assert_string_equal(text_shown("ab\033cd", small, sizeof small), "ab\\x1");
}

static void test_url_shown_is_cut_to_its_room(void **state)
{
    (void)state;
    char shown[16];
    assert_string_equal(text_url_shown("http://me:hush@host.example", shown, 16), "http://me:***@h");
    assert_string_equal(text_url_shown("http://me:hush@host.example", shown, 12), "http://me:*");
    assert_string_equal(text_url_shown("http://me:hush@host.example", shown, 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_compare_by_content),
        cmocka_unit_test(test_is_utf8_takes_what_is_well_formed),
        cmocka_unit_test(test_is_utf8_refuses_what_is_not),
        cmocka_unit_test(test_is_utf8_over_all_code_points),
        cmocka_unit_test(test_is_blank_of_white_space_only),
        cmocka_unit_test(test_to_int64_at_the_limits),
        cmocka_unit_test(test_to_double_takes_decimals_only),
        cmocka_unit_test(test_hex_is_lower_case),
        cmocka_unit_test(test_base64_of_the_standard_vectors),
        cmocka_unit_test(test_base64_round_trip_of_all_bytes),
        cmocka_unit_test(test_base64_decode_refuses_every_other_spelling),
        cmocka_unit_test(test_nearest_finds_slips_of_the_finger),
        cmocka_unit_test(test_number_finds_a_name_or_adds_it),
        cmocka_unit_test(test_url_shown_without_its_passwords),
        cmocka_unit_test(test_shown_has_nothing_that_moves_a_terminal),
        cmocka_unit_test(test_url_shown_is_cut_to_its_room),
        cmocka_unit_test(test_hash_differs_by_content_and_length),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
