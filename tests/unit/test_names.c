/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/names.h"

#include "cbsfs/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ID "snap-0jfkjwl1"

static const struct provider *provider = &provider_tencent;

static const char *entry_of(const char *name, bool twin)
{
    static char entry[NAME_ENTRY_SIZE];
    memset(entry, 'Z', sizeof(entry));
    name_entry(provider, name, ID, twin, entry);
    assert_non_null(memchr(entry, '\0', sizeof(entry)));
    assert_null(strchr(entry, '/'));
    assert_string_not_equal(entry, ".");
    assert_string_not_equal(entry, "..");
    assert_string_not_equal(entry, "");
    return entry;
}

static void test_entry(void **state)
{
    (void)state;
    static const struct {
        const char *name, *entry;
    } cases[] = {
        {"before-upgrade", "before-upgrade"},
        {"with blank", "with blank"},
        {"升级前", "升级前"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"a/b", "a%2Fb"},
        {"/", "%2F"},
        {".", "%2E"},
        {"..", "%2E%2E"},
        {"...", "..."},
        {".hidden", ".hidden"},
        {"a.b", "a.b"},
        {"100%", "100%"},
        {"100%!", "100%!"},
        {"%4", "%4"},
        {"%4g", "%4g"},
        {"%41", "%2541"},
        {"%aF", "%25aF"},
        {"%%41", "%%2541"},
        {"%2F", "%252F"},
        {"a\nb", "a%0Ab"},
        {"\x01\x1f\x7f", "%01%1F%7F"},
        {"\x1b[31m", "%1B[31m"},
        {"a\xc2\x9b"
         "b",
         "a%C2%9Bb"},
        {"a\xc2\x80", "a%C2%80"},
        {"a\xc2\xa0"
         "b",
         "a\xc2\xa0"
         "b"},
        {"a\u2028\u202e\u200b\ufeff", "a%E2%80%A8%E2%80%AE%E2%80%8B%EF%BB%BF"},
        {"می\u200cخواهم", "می\u200cخواهم"},
        {"\xff", "%FF"},
        {"\xc0\xaf", "%C0%AF"},
        {"\xed\xa0\x80", "%ED%A0%80"},
        {"a\xe5\x8d", "a%E5%8D"},
        {"\xe5\x8d"
         "A",
         "%E5%8DA"},
        {"a@b", "a@b"},
        {"snap-abc", "snap-abc"},
        {"disk-omp7wl2m", "disk-omp7wl2m"},
        /* What could be taken for an id or for a twin's entry carries the id. */
        {"snap-abcd", "snap-abcd@" ID},
        {"snap-0jfkjwl2", "snap-0jfkjwl2@" ID},
        {ID, ID "@" ID},
        {"x@snap-12345678", "x@snap-12345678@" ID},
        {"x@snap-1", "x@snap-1"},
        /* Nobody named these. */
        {"", ID},
        {"Unnamed", ID},
        {"未命名", ID},
        {"UNNAMED", "UNNAMED"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(entry_of(cases[i].name, false), cases[i].entry);
}

static void test_twin(void **state)
{
    (void)state;
    assert_string_equal(entry_of("nightly", true), "nightly@" ID);
    assert_string_equal(entry_of("a/b", true), "a%2Fb@" ID);
    assert_string_equal(entry_of("snap-abcd", true), "snap-abcd@" ID);
    assert_string_equal(entry_of("..", true), "%2E%2E@" ID);
    /* The id is no one's twin. */
    assert_string_equal(entry_of("", true), ID);
    assert_string_equal(entry_of("Unnamed", true), ID);
}

static void test_overlong(void **state)
{
    (void)state;
    char name[600];
    size_t room = NAME_ENTRY_LIMIT - strlen("@" ID);

    memset(name, 'n', sizeof(name));
    name[NAME_ENTRY_LIMIT] = '\0';
    assert_string_equal(entry_of(name, false), name);
    /* As a twin it has to make room. */
    assert_int_equal(strlen(entry_of(name, true)), NAME_ENTRY_LIMIT);

    name[NAME_ENTRY_LIMIT] = 'n';
    name[NAME_ENTRY_LIMIT + 1] = '\0';
    const char *entry = entry_of(name, false);
    assert_int_equal(strlen(entry), NAME_ENTRY_LIMIT);
    assert_string_equal(entry + room, "@" ID);

    /* At a character: whatever the alignment, what is left is whole. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'n', shift);
        for (size_t at = shift; at + 4 < sizeof(name); at += 4)
            strcpy(name + at, "\xf0\x9f\x98\x80");
        entry = entry_of(name, false);
        size_t length = strlen(entry);
        assert_true(length <= NAME_ENTRY_LIMIT && length > NAME_ENTRY_LIMIT - 4);
        assert_string_equal(entry + length - strlen("@" ID), "@" ID);
        assert_memory_equal(entry, name, length - strlen("@" ID));
        assert_int_equal((length - strlen("@" ID) - shift) % 4, 0);
    }

    /* An encoding is one character too. */
    for (size_t shift = 0; shift < 3; shift++) {
        memset(name, '\n', sizeof(name));
        memset(name, 'n', shift);
        name[300] = '\0';
        entry = entry_of(name, false);
        size_t length = strlen(entry) - strlen("@" ID);
        assert_int_equal((length - shift) % 3, 0);
        assert_true(length > room - 3);
        assert_memory_equal(entry + length - 3, "%0A", 3);
    }

    /* The longest id that there may be. */
    char id[65], space[NAME_ENTRY_SIZE];
    memset(id, 'i', 64);
    id[64] = '\0';
    memset(name, 'n', 599);
    name[599] = '\0';
    name_entry(provider, name, id, false, space);
    assert_int_equal(strlen(space), NAME_ENTRY_LIMIT);
    assert_string_equal(space + NAME_ENTRY_LIMIT - 64, id);
}

static int parse(const char *entry, char name[NAME_ENTRY_SIZE], char reason[200])
{
    memset(name, 'Z', NAME_ENTRY_SIZE);
    reason[0] = '\0';
    int status = name_parse_new(provider, entry, name, reason, 200);
    /* Every refusal says why. */
    assert_true((status == 0) == (reason[0] == '\0'));
    return status;
}

static void test_parse_taken(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *name;
    } cases[] = {
        {"nightly", "nightly"},
        {"升级前", "升级前"},
        {"with blank", "with blank"},
        {"100%", "100%"},
        {"100%!x", "100%!x"},
        {"a%2Fb", "a/b"},
        {"a%2541", "a%41"},
        {"a%2500", "a%00"},
        {"snap-abc", "snap-abc"},
        {"disk-omp7wl2m", "disk-omp7wl2m"},
        {"a@b", "a@b"},
        {"a\xc2\xa0", "a\xc2\xa0"},
        {"123456789012345678901234567890123456789012345678901234567890",
         "123456789012345678901234567890123456789012345678901234567890"},
    };
    char name[NAME_ENTRY_SIZE], reason[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].entry, name, reason), 0);
        assert_string_equal(name, cases[i].name);
    }
}

static void test_parse_refused(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        int status;
    } cases[] = {
        {".", -EPERM},
        {"..", -EPERM},
        {".Trash-0", -EPERM},
        {".git", -EPERM},
        {"a\nb", -EINVAL},
        {"a\tb", -EINVAL},
        {"\x7f", -EINVAL},
        {"a\xc2\x9b", -EINVAL},
        {"a%0Ab", -EINVAL},
        {"a%1b[0m", -EINVAL},
        {"a%00b", -EINVAL},
        {"\xff", -EINVAL},
        {"a%FF", -EINVAL},
        {"\xed\xa0\x80", -EINVAL},
        {"a\xe5\x8d", -EINVAL},
        {"snap-0jfkjwl2", -EINVAL},
        {"snap-abcd", -EINVAL},
        {"x@snap-12345678", -EINVAL},
        {"@snap-12345678", -EINVAL},
        {"Unnamed", -EINVAL},
        {"未命名", -EINVAL},
        /* These would appear under another entry. */
        {"a%41", -EINVAL},
        {"a%2fb", -EINVAL},
        {"%25", -EINVAL},
        {"%2Ehidden", -EPERM},
        {"%2E", -EPERM},
        {"%2E%2E", -EPERM},
        {"%73nap-abcd", -EINVAL},
        {"1234567890123456789012345678901234567890123456789012345678901", -ENAMETOOLONG},
        {"升升升升升升升升升升升升升升升升升升升升升", -ENAMETOOLONG},
    };
    char name[NAME_ENTRY_SIZE], reason[200], longest[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(parse(cases[i].entry, name, reason), cases[i].status);
    memset(longest, 'n', sizeof(longest));
    longest[NAME_ENTRY_LIMIT + 1] = '\0';
    assert_int_equal(parse(longest, name, reason), -ENAMETOOLONG);
    /* 60 bytes count as the cloud counts them, not as they are written. */
    longest[0] = '\0';
    for (size_t i = 0; i < 60; i++)
        strcat(longest, "%2F");
    assert_int_equal(parse(longest, name, reason), 0);
    assert_int_equal(strlen(name), 60);
}

/* What other clouds do not take, or not as it is. */
static void test_names_of_other_clouds(void **state)
{
    (void)state;
    char name[NAME_ENTRY_SIZE], reason[160], long_name[66 * 3 + 1] = "";
    for (unsigned i = 0; i < 65; i++)
        strcat(long_name, "\xe5\xbf\xab");
    static const struct {
        const char *entry;
        int cinder, evs;
    } cases[] = {
        {"nightly", 0, 0},
        {"in the middle", 0, 0},
        {" before", -EINVAL, -EINVAL},
        {"behind ", -EINVAL, -EINVAL},
        {"autobk_snapshot_vbs_1", 0, -EINVAL},
        {"autobk_snapsho", 0, 0},
        {"5aa119a8-d25b-45a7-8d1b-88e127885635", -EINVAL, -EINVAL},
        {"x@5aa119a8-d25b-45a7-8d1b-88e127885635", -EINVAL, -EINVAL},
        {"snap-abcd1234", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            name_parse_new(&provider_openstack, cases[i].entry, name, reason, sizeof reason),
            cases[i].cinder);
        assert_int_equal(name_parse_new(&provider_evs, cases[i].entry, name, reason, sizeof reason),
                         cases[i].evs);
    }
    assert_int_equal(name_parse_new(&provider_openstack, long_name, name, reason, sizeof reason),
                     0);
    assert_int_equal(name_parse_new(&provider_evs, long_name, name, reason, sizeof reason),
                     -ENAMETOOLONG);
    assert_non_null(strstr(reason, "65 characters"));
    long_name[64 * 3] = '\0';
    assert_int_equal(name_parse_new(&provider_evs, long_name, name, reason, sizeof reason), 0);
    assert_true(name_is_backup(&provider_evs, "autobk_snapshot_vbs_1"));
    assert_false(name_is_backup(&provider_openstack, "autobk_snapshot_vbs_1"));
}

static void test_ids(void **state)
{
    (void)state;
    assert_true(name_is_id("snap-abcd", "snap-"));
    assert_true(name_is_id("snap-ABCD1234", "snap-"));
    assert_false(name_is_id("snap-abc", "snap-"));
    assert_false(name_is_id("snap-", "snap-"));
    assert_false(name_is_id("snap-abc-d", "snap-"));
    assert_false(name_is_id("snap-abcd ", "snap-"));
    assert_false(name_is_id("Snap-abcd", "snap-"));
    assert_false(name_is_id("", "snap-"));
    assert_true(name_is_id("snap-0123456789012345678901234567890123456789", "snap-"));
    assert_false(name_is_id("snap-01234567890123456789012345678901234567890", "snap-"));
    assert_true(name_is_id("5aa119a8-d25b-45a7-8d1b-88e127885635", NULL));
    assert_true(name_is_id("5AA119A8-d25b-45a7-8d1b-88e127885635", NULL));
    assert_false(name_is_id("5aa119a8-d25b-45a7-8d1b-88e12788563", NULL));
    assert_false(name_is_id("5aa119a8-d25b-45a7-8d1b-88e1278856356", NULL));
    assert_false(name_is_id("5aa119a8_d25b-45a7-8d1b-88e127885635", NULL));
    assert_false(name_is_id("nightly", NULL));
    assert_false(name_is_id("", NULL));
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xe5\x8d", 0},
        {"\xe5", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc3(", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(name_utf8_length(cases[i].text), cases[i].length);
}

/* Whatever a snapshot is called: if its entry is the plain one, that entry gives the name back or
 * is refused, and no two names share an entry. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",        "%",        "%2F",  "41",  "/",    ".",
                                         "@",        "snap-",    "abcd", "\n",  "\xff", "升",
                                         "\xc2\x9b", "\xe5\x8d", " ",    "%00", "2",    "F"};
    unsigned short seed[3] = {7, 8, 9};
    unsigned taken = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char name[64] = "", again[NAME_ENTRY_SIZE], reason[200], entry[NAME_ENTRY_SIZE];
        unsigned count = 1 + (unsigned)(nrand48(seed) % 6);
        for (unsigned i = 0; i < count; i++)
            strcat(name, pieces[(size_t)nrand48(seed) % (sizeof pieces / sizeof *pieces)]);
        strcpy(entry, entry_of(name, false));
        int status = parse(entry, again, reason);
        assert_true(status == 0 || status == -EPERM || status == -EINVAL);
        if (status == 0) {
            assert_string_equal(again, name);
            taken++;
        }
        /* A clean name that is taken as it is appears as it is. */
        if (parse(name, again, reason) == 0) {
            assert_string_equal(entry_of(again, false), name);
            taken++;
        }
    }
    assert_true(taken > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_overlong),
        cmocka_unit_test(test_parse_taken),
        cmocka_unit_test(test_parse_refused),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_names_of_other_clouds),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
