/* Regular expressions against whole strings: what matches and what does not, by the definition of RE2's syntax. */
#include "ops/regex.h"

#include "../bench.h"

static bool matches(bench *b, const char *pattern, const char *text)
{
    tn_regex r;
    const char *wrong = tn_regex_make(&b->arena, pattern, &r);
    if (wrong != NULL)
        print_error("%s: %s\n", pattern, wrong);
    assert_null(wrong);
    int state = TN_REGEX_START;
    for (size_t i = 0; i <= strlen(text); i++) {
        int c = r.class_of[(unsigned char)text[i]];
        assert_true(state >= 0 && state < r.states && c >= 0 && c < r.classes);
        state = r.next[state * r.classes + c];
    }
    assert_int_equal(r.next[state * r.classes + r.class_of[0]], state); /* more zeros change nothing */
    return state == TN_REGEX_MATCH;
}

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } row[] = {
        {"", "", true},
        {"", "a", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abc", "ab", false},
        {"a|bc|", "bc", true},
        {"a|bc|", "", true},
        {"a|bc|", "abc", false},
        {"(ab)*c", "ababc", true},
        {"(ab)*c", "abac", false},
        {"a+b?", "aaa", true},
        {"a+b?", "b", false},
        {"a+?b??", "aab", true},
        {"a{2,3}", "a", false},
        {"a{2,3}", "aa", true},
        {"a{2,3}", "aaaa", false},
        {"a{2}", "aa", true},
        {"a{2}", "aaa", false},
        {"a{2,}", "aaaaa", true},
        {"a{,2}", "a{,2}", true}, /* no counts: a brace is a character */
        {"x{0}y", "y", true},
        {"(a*)*", "aaa", true},
        {"(a|aa)+", "aaaaa", true},
        {"[abc-e]+", "abcde", true},
        {"[abc-e]+", "f", false},
        {"[^abc]", "d", true},
        {"[^abc]", "a", false},
        {"[]a]+", "]a", true},
        {"[a-]+", "-a-", true},
        {"[\\w.-]+", "a_9.-", true},
        {"[\\W]", "a", false},
        {"[[:alpha:][:digit:]]+", "aZ3", true},
        {"\\d\\D\\s\\S\\w\\W", "1a b_ ", true},
        {"\\d", "a", false},
        {"\\.\\*\\\\", ".*\\", true},
        {"\\x41\\x{62}\\t", "Ab\t", true},
        {".", "\n", false},
        {"a.c",
         "a\xc3\xa9"
         "c",
         true}, /* a character of two bytes */
        {"a..c",
         "a\xc3\xa9"
         "c",
         false},
        {"\xc3\xa9+", "\xc3\xa9\xc3\xa9", true},
        {"[^a]", "\xe7\x9a\x84", true},
        {"\\W", "\xe7\x9a\x84", true},
        {"\\w", "\xc3\xa9", false},
        {"^ab$", "ab", true},
        {"a^b", "ab", false},
        {"(^|x)a($|y)", "xay", true},
        {"\\Aab\\z", "ab", true},
        {"\\bab\\b", "ab", true},
        {"\\bab\\b.*", "ab cd", true},
        {"\\bab\\b.*", "abcd", false},
        {"a\\Bb", "ab", true},
        {"a\\bb", "ab", false},
        {"a\\b-\\bb", "a-b", true},
        {"(?:a|b)(?P<name>c)", "bc", true},
        {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "someone@gmail.com", true},
        {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "someone.with.a.long.name.here@gmail.com", false},
        {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "<someone@yahoo.com>", true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (matches(*state, row[i].pattern, row[i].text) != row[i].matches) {
            print_error("'%s' and '%s'\n", row[i].pattern, row[i].text);
            fail();
        }
}

static void test_errors(void **state)
{
    bench *b = *state;
    static const char *const row[][2] = {
        {"(", "( without )"},
        {"(a", "( without )"},
        {"a)", ") without ("},
        {"[a", "[ without ]"},
        {"[", "[ without ]"},
        {"[b-a]", "a range in a class [..] that runs backwards"},
        {"*a", "* + ? behind nothing to repeat"},
        {"a**", "a repetition of a repetition, as in a**"},
        {"a{3,2}", "{n,m} with m below n, or above 1000"},
        {"a{1001}", "{n,m} with m below n, or above 1000"},
        {"(?i)a", "a group (?..) that is not supported; (?:..) and (?P<name>..) are"},
        {"\\", "an escape that is not supported: \\ is followed by d w s D W S b B A z n t r f v a x or punctuation"},
        {"\\pL", "an escape that is not supported: \\ is followed by d w s D W S b B A z n t r f v a x or punctuation"},
        {"\\x", "\\x is followed by two hexadecimal digits, or by {..}"},
        {"\\x{41", "\\x is followed by two hexadecimal digits, or by {..}"},
        {"(\\x{41", "\\x is followed by two hexadecimal digits, or by {..}"},
        {"[\\x{41", "\\x is followed by two hexadecimal digits, or by {..}"},
        {"\\x{e9}", "\\x of a character that is not 1 to 127"},
        {"[\xc3\xa9]", "characters beyond ASCII in a class [..] are not supported; (a|b) is"},
        {"[[:vowel:]]", "a class [:name:] that is not supported"},
        {"((((a{99}){99}){99}){99})", "a pattern whose table is too large"},
        {"(a|b)*a(a|b){14}", "a pattern whose table is too large"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        tn_regex r;
        assert_string_equal(tn_regex_make(&b->arena, row[i][0], &r), row[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_matches), TEST(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
