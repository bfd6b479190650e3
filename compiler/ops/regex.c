/* From a pattern to a table, by way of a tree and a nondeterministic automaton (Thompson, CACM 11, 1968), whose sets of
   states become the table's (Rabin and Scott, 1959). See regex.h.

       tree       (a|b)*c       sequence of a repetition of a choice, and c
       automaton  ITEM set -> next     FORK -> next, other     TEST assertion -> next     MATCH
       table      a state is the set of ITEMs and MATCH that may come next, and what stood before: nothing, a word's byte,
                  another. Assertions (^ $ \b) are looked at once the next byte is known too.

   A character is its UTF-8 bytes; a class without its members is one of ASCII, or any character beyond ASCII. */
#include "ops/regex.h"

#include <stdlib.h>

enum { MOST_REPEATS = 1000, MOST_DEPTH = 200, MOST_STEPS = 20000, MOST_STATES = 4096 };

typedef struct byte_set {
    bool has[256];
} byte_set;

/* --- the tree ------------------------------------------------------------------------------------------------------- */

typedef enum { EMPTY, BYTE, ASSERT, SEQUENCE, CHOICE, REPEAT } tree_kind;
typedef enum { AT_BEGIN, AT_END, AT_EDGE, NOT_AT_EDGE } assertion; /* EDGE: of a word */

typedef struct tree tree;
struct tree {
    tree_kind kind;
    const byte_set *set; /* BYTE */
    assertion what;      /* ASSERT */
    const tree *x, *y;   /* SEQUENCE, CHOICE: both; REPEAT: x */
    int least, most;     /* REPEAT; most -1: no end */
};

typedef struct reader {
    tn_arena *arena;
    const char *at;
    const char *wrong; /* NULL: nothing yet */
    int depth;
} reader;

static const tree *fail(reader *r, const char *why)
{
    static const tree empty = {.kind = EMPTY};
    r->wrong = r->wrong != NULL ? r->wrong : why;
    return &empty;
}

static const tree *make_tree(reader *r, tree t)
{
    tree *out = TN_NEW(r->arena, tree);
    *out = t;
    return out;
}

static const tree *follow(reader *r, const tree *x, const tree *y)
{
    return x == NULL ? y : make_tree(r, (tree){.kind = SEQUENCE, .x = x, .y = y});
}

static const tree *either(reader *r, const tree *x, const tree *y)
{
    return x == NULL ? y : make_tree(r, (tree){.kind = CHOICE, .x = x, .y = y});
}

static byte_set *make_set(reader *r)
{
    byte_set *s = TN_NEW(r->arena, byte_set);
    *s = (byte_set){0};
    return s;
}

static void add_range(byte_set *s, int from, int to)
{
    for (int i = from; i <= to; i++)
        s->has[i] = true;
}

static const tree *byte_tree(reader *r, int from, int to)
{
    byte_set *s = make_set(r);
    add_range(s, from, to);
    return make_tree(r, (tree){.kind = BYTE, .set = s});
}

/* --- characters ----------------------------------------------------------------------------------------------------- */

/* Any character beyond ASCII: a first byte, and one to three that follow. */
static const tree *beyond_ascii(reader *r)
{
    static const int first[3][2] = {{0xc2, 0xdf}, {0xe0, 0xef}, {0xf0, 0xf4}};
    const tree *out = NULL;
    for (int n = 0; n < 3; n++) {
        const tree *t = byte_tree(r, first[n][0], first[n][1]);
        for (int i = 0; i <= n; i++)
            t = follow(r, t, byte_tree(r, 0x80, 0xbf));
        out = either(r, out, t);
    }
    return out;
}

static bool is_word(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_named(const char *name, int c)
{
    bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
    bool space = c == ' ' || (c >= '\t' && c <= '\r'), shown = c > ' ' && c < 127;
    bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    const struct {
        const char *name;
        bool is;
    } names[] = {{"lower", lower},
                 {"upper", upper},
                 {"alpha", lower || upper},
                 {"digit", digit},
                 {"space", space},
                 {"alnum", lower || upper || digit},
                 {"xdigit", hex},
                 {"word", is_word(c)},
                 {"punct", shown && !lower && !upper && !digit},
                 {"graph", shown},
                 {"ascii", c < 128},
                 {"blank", c == ' ' || c == '\t'},
                 {"print", shown || c == ' '},
                 {"cntrl", c < ' ' || c == 127}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].is;
    return false;
}

/* \d \w \s and their opposites; of RE2's \s the vertical tab is no part. False where c is none of these. */
static bool add_shorthand(byte_set *s, char c, bool *others)
{
    char low = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    const char *name = low == 'd' ? "digit" : low == 'w' ? "word" : low == 's' ? "space" : NULL;
    for (int i = 1; name != NULL && i < 128; i++)
        if ((is_named(name, i) && !(low == 's' && i == '\v')) != (low != c))
            s->has[i] = true;
    *others = *others || (name != NULL && low != c);
    return name != NULL;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

static int read_hex(reader *r)
{
    bool braces = *r->at == '{';
    int x = 0, digits = 0;
    for (r->at += braces; hex_value(*r->at) >= 0 && digits < (braces ? 6 : 2); r->at++, digits++)
        x = x * 16 + hex_value(*r->at);
    if (digits == 0 || (braces && *r->at != '}'))
        fail(r, "\\x is followed by two hexadecimal digits, or by {..}");
    else
        r->at += braces;
    return x;
}

/* What follows a backslash, as an ASCII character; -1 after an error. */
static int read_escape(reader *r)
{
    static const char names[] = "ntrfva", codes[] = "\n\t\r\f\v\a";
    char c = *r->at;
    const char *known = c != '\0' ? strchr(names, c) : NULL;
    int x = (unsigned char)c;
    r->at += c != '\0';
    if (known != NULL)
        x = codes[known - names];
    else if (c == 'x')
        x = read_hex(r);
    else if (c == '\0' || is_word(x))
        fail(r, "an escape that is not supported: \\ is followed by d w s D W S b B A z n t r f v a x or punctuation");
    if (x >= 128 || x == 0)
        fail(r, "\\x of a character that is not 1 to 127");
    return r->wrong == NULL ? x : -1;
}

static int sequence_length(unsigned char first)
{
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

static const tree *read_character(reader *r)
{
    const tree *t = NULL;
    for (int n = sequence_length((unsigned char)*r->at); n > 0 && *r->at != '\0'; n--, r->at++)
        t = follow(r, t, byte_tree(r, (unsigned char)*r->at, (unsigned char)*r->at));
    return t;
}

/* [:alpha:], behind its "[:" */
static void read_named_class(reader *r, byte_set *s)
{
    const char *end = strstr(r->at, ":]");
    bool found = false;
    if (end == NULL || end - r->at > 8) {
        fail(r, "[: without :]");
        return;
    }
    const char *name = tn_strndup(r->arena, r->at, (size_t)(end - r->at));
    for (int i = 1; i < 128; i++)
        if (is_named(name, i))
            s->has[i] = found = true;
    if (!found)
        fail(r, "a class [:name:] that is not supported");
    r->at = end + 2;
}

static int read_class_end(reader *r)
{
    unsigned char c = (unsigned char)*r->at;
    r->at += c != 0;
    if (c >= 128)
        fail(r, "characters beyond ASCII in a class [..] are not supported; (a|b) is");
    return c == '\\' ? read_escape(r) : c;
}

/* Behind its '['. */
static const tree *read_class(reader *r)
{
    byte_set *s = make_set(r);
    bool inverse = *r->at == '^', others = false, first = true;
    for (r->at += inverse; r->wrong == NULL && (first || *r->at != ']'); first = false) {
        if (*r->at == '\0')
            return fail(r, "[ without ]");
        if (r->at[0] == '[' && r->at[1] == ':') {
            r->at += 2;
            read_named_class(r, s);
            continue;
        }
        if (r->at[0] == '\\' && add_shorthand(s, r->at[1], &others)) {
            r->at += 2;
            continue;
        }
        int from = read_class_end(r), to = from;
        if (r->at[0] == '-' && r->at[1] != ']' && r->at[1] != '\0') {
            r->at++;
            to = read_class_end(r);
        }
        if (r->wrong == NULL && to < from)
            return fail(r, "a range in a class [..] that runs backwards");
        if (r->wrong == NULL)
            add_range(s, from, to);
    }
    r->at += *r->at == ']';
    if (inverse)
        for (int i = 1; i < 128; i++)
            s->has[i] = !s->has[i];
    const tree *ascii = make_tree(r, (tree){.kind = BYTE, .set = s});
    return others != inverse ? either(r, ascii, beyond_ascii(r)) : ascii;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static const tree *read_choice(reader *r);

/* Behind its '('. */
static const tree *read_group(reader *r)
{
    if (r->at[0] == '?' && r->at[1] == ':')
        r->at += 2;
    else if (r->at[0] == '?') {
        r->at += strspn(r->at, "?P");
        const char *end = *r->at == '<' ? strchr(r->at, '>') : NULL;
        if (end == NULL)
            return fail(r, "a group (?..) that is not supported; (?:..) and (?P<name>..) are");
        r->at = end + 1;
    }
    if (++r->depth > MOST_DEPTH)
        return fail(r, "groups nested too deeply");
    const tree *t = read_choice(r);
    r->depth--;
    return *r->at == ')' ? (r->at++, t) : fail(r, "( without )");
}

static const tree *assert_tree(reader *r, assertion what)
{
    return make_tree(r, (tree){.kind = ASSERT, .what = what});
}

static const tree *read_backslash(reader *r)
{
    byte_set *s = make_set(r);
    bool others = false;
    switch (*r->at) {
    case 'b': return r->at++, assert_tree(r, AT_EDGE);
    case 'B': return r->at++, assert_tree(r, NOT_AT_EDGE);
    case 'A': return r->at++, assert_tree(r, AT_BEGIN);
    case 'z': return r->at++, assert_tree(r, AT_END);
    default: break;
    }
    if (!add_shorthand(s, *r->at, &others)) {
        int c = read_escape(r);
        return c < 0 ? fail(r, "an escape") : byte_tree(r, c, c);
    }
    r->at++;
    const tree *ascii = make_tree(r, (tree){.kind = BYTE, .set = s});
    return others ? either(r, ascii, beyond_ascii(r)) : ascii;
}

static const tree *read_atom(reader *r)
{
    switch (*r->at) {
    case '(': return r->at++, read_group(r);
    case '[': return r->at++, read_class(r);
    case '\\': return r->at++, read_backslash(r);
    case '^': return r->at++, assert_tree(r, AT_BEGIN);
    case '$': return r->at++, assert_tree(r, AT_END);
    case '.':
        r->at++;
        return either(r, either(r, byte_tree(r, 1, '\n' - 1), byte_tree(r, '\n' + 1, 127)), beyond_ascii(r));
    case '*':
    case '+':
    case '?': return fail(r, "* + ? behind nothing to repeat");
    default: return read_character(r);
    }
}

/* {3} {3,} {3,5}; a brace that begins none of these is a character. */
static bool read_counts(reader *r, int *least, int *most)
{
    char *end;
    const char *at = r->at + 1;
    if (*at < '0' || *at > '9')
        return false;
    long low = strtol(at, &end, 10), high = low;
    if (*end == ',' && end[1] == '}') {
        high = -1;
        end++;
    } else if (*end == ',' && end[1] >= '0' && end[1] <= '9')
        high = strtol(end + 1, &end, 10);
    if (*end != '}')
        return false;
    r->at = end + 1;
    if (low > MOST_REPEATS || high > MOST_REPEATS || (high >= 0 && high < low))
        fail(r, "{n,m} with m below n, or above 1000");
    *least = r->wrong == NULL ? (int)low : 0;
    *most = r->wrong == NULL ? (int)high : 0;
    return true;
}

static bool read_repeat(reader *r, int *least, int *most)
{
    char c = *r->at;
    if (c == '{')
        return read_counts(r, least, most);
    *least = c == '+';
    *most = c == '?' ? 1 : -1;
    r->at += c == '*' || c == '+' || c == '?';
    return c == '*' || c == '+' || c == '?';
}

/* Whether a repetition takes few or many does not change what a whole string matches: a '?' behind it is skipped. */
static const tree *read_sequence(reader *r)
{
    const tree *all = NULL;
    int least, most;
    while (r->wrong == NULL && *r->at != '\0' && *r->at != '|' && *r->at != ')') {
        const tree *t = read_atom(r);
        for (int n = 0; r->wrong == NULL && read_repeat(r, &least, &most); n++) {
            if (n > 0)
                return fail(r, "a repetition of a repetition, as in a**");
            r->at += *r->at == '?';
            t = make_tree(r, (tree){.kind = REPEAT, .x = t, .least = least, .most = most});
        }
        all = follow(r, all, t);
    }
    return all != NULL ? all : make_tree(r, (tree){.kind = EMPTY});
}

static const tree *read_choice(reader *r)
{
    const tree *t = read_sequence(r);
    while (r->wrong == NULL && *r->at == '|') {
        r->at++;
        t = either(r, t, read_sequence(r));
    }
    return t;
}

/* --- the automaton -------------------------------------------------------------------------------------------------- */

typedef enum { ITEM, FORK, TEST, MATCH } step_kind;
typedef struct step {
    step_kind kind;
    const byte_set *set;
    assertion what;
    int next, other;
} step;
typedef struct {
    step *items;
    size_t n, room;
} step_vec;

typedef struct machine {
    tn_arena *arena;
    step_vec steps;
    bool too_large;
} machine;

static int add_step(machine *m, step s)
{
    m->too_large = m->too_large || m->steps.n >= MOST_STEPS;
    if (m->too_large)
        return 0;
    *TN_PUSH(m->arena, m->steps) = s;
    return (int)m->steps.n - 1;
}

static int add_tree(machine *m, const tree *t, int next);

/* The steps of t up to `next`, which stand already: from the back to the front. */
static int add_repeat(machine *m, const tree *t, int next)
{
    int at = next;
    if (t->most < 0) {
        int fork = add_step(m, (step){.kind = FORK, .other = next});
        int body = add_tree(m, t->x, fork);
        if (!m->too_large)
            m->steps.items[fork].next = body;
        at = fork;
    }
    for (int i = t->least; i < t->most && !m->too_large; i++)
        at = add_step(m, (step){.kind = FORK, .next = add_tree(m, t->x, at), .other = next});
    for (int i = 0; i < t->least && !m->too_large; i++)
        at = add_tree(m, t->x, at);
    return at;
}

static int add_tree(machine *m, const tree *t, int next)
{
    assert(t != NULL); /* follow and either never join nothing */
    switch (t->kind) {
    case EMPTY: return next;
    case BYTE: return add_step(m, (step){.kind = ITEM, .set = t->set, .next = next});
    case ASSERT: return add_step(m, (step){.kind = TEST, .what = t->what, .next = next});
    case SEQUENCE: return add_tree(m, t->x, add_tree(m, t->y, next));
    case CHOICE: {
        int x = add_tree(m, t->x, next), y = add_tree(m, t->y, next);
        return add_step(m, (step){.kind = FORK, .next = x, .other = y});
    }
    case REPEAT: return add_repeat(m, t, next);
    }
    return next;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

typedef enum { NOTHING, WORD, OTHER } before; /* what stood before */

typedef struct state {
    before before;
    int n;
    int *step; /* ascending: where the automaton may be before what needs no byte is done */
} state;

typedef struct builder {
    const machine *m;
    tn_regex *out;
    state *states; /* MOST_STATES */
    bool *seen;    /* by step */
    int *stack;
    int byte_of[256]; /* one byte of each class */
} builder;

/* Of a class that is not all in the set or all out of it, those that are unlike its first byte become a class of their own:
   in the end bytes that no set tells apart are one class. */
static void split_classes(tn_regex *out, const bool *has)
{
    int to[256], n = out->classes;
    for (int i = 0; i < n; i++)
        to[i] = -1;
    bool first[256], known[256] = {false};
    int32_t fresh[256];
    memcpy(fresh, out->class_of, sizeof fresh);
    for (int i = 0; i < 256; i++) {
        int c = out->class_of[i];
        if (!known[c]) {
            known[c] = true;
            first[c] = has[i];
        } else if (has[i] != first[c]) {
            if (to[c] < 0)
                to[c] = n++;
            fresh[i] = to[c];
        }
    }
    memcpy(out->class_of, fresh, sizeof fresh);
    out->classes = n;
}

static void find_classes(builder *b)
{
    bool word[256], zero[256] = {true};
    memset(b->out->class_of, 0, sizeof b->out->class_of);
    b->out->classes = 1;
    for (int i = 0; i < 256; i++)
        word[i] = is_word(i);
    split_classes(b->out, zero);
    split_classes(b->out, word);
    for (size_t i = 0; i < b->m->steps.n; i++)
        if (b->m->steps.items[i].kind == ITEM)
            split_classes(b->out, b->m->steps.items[i].set->has);
    for (int i = 255; i >= 0; i--)
        b->byte_of[b->out->class_of[i]] = i;
}

static bool holds(assertion what, before behind, int next)
{
    bool edge = (behind == WORD) != is_word(next);
    switch (what) {
    case AT_BEGIN: return behind == NOTHING;
    case AT_END: return next == 0;
    case AT_EDGE: return edge;
    case NOT_AT_EDGE: return !edge;
    }
    return false;
}

/* Marks in seen all that s reaches without a byte, the next byte being known. */
static void close_over(builder *b, const state *s, int next)
{
    int depth = 0;
    memset(b->seen, 0, b->m->steps.n);
    for (int i = 0; i < s->n; i++)
        b->stack[depth++] = s->step[i];
    while (depth > 0) {
        int at = b->stack[--depth];
        const step *p = &b->m->steps.items[at];
        if (b->seen[at])
            continue;
        b->seen[at] = true;
        if (p->kind == FORK) {
            b->stack[depth++] = p->other;
            b->stack[depth++] = p->next;
        } else if (p->kind == TEST && holds(p->what, s->before, next))
            b->stack[depth++] = p->next;
    }
}

static bool same_state(const state *x, const state *y)
{
    return x->before == y->before && x->n == y->n
        && (x->n == 0 || memcmp(x->step, y->step, sizeof *x->step * (size_t)x->n) == 0);
}

static int find_state(builder *b, const state *s)
{
    int i = TN_REGEX_START;
    while (i < b->out->states && !same_state(&b->states[i], s))
        i++;
    if (i == b->out->states && i < MOST_STATES) {
        b->states[i] = *s;
        b->states[i].step = TN_NEW_N(b->m->arena, int, s->n + 1);
        if (s->n > 0)
            memcpy(b->states[i].step, s->step, sizeof *s->step * (size_t)s->n);
        b->out->states++;
    }
    return i;
}

static bool ends_in_match(const builder *b)
{
    for (size_t i = 0; i < b->m->steps.n; i++)
        if (b->seen[i] && b->m->steps.items[i].kind == MATCH)
            return true;
    return false;
}

/* Where a byte leads from state s; 0: nowhere. */
static int find_next(builder *b, int s, int byte, bool *marks)
{
    state to = {.before = is_word(byte) ? WORD : OTHER, .step = b->stack};
    close_over(b, &b->states[s], byte);
    if (byte == 0)
        return ends_in_match(b) ? TN_REGEX_MATCH : 0;
    memset(marks, 0, b->m->steps.n);
    for (size_t i = 0; i < b->m->steps.n; i++) {
        const step *p = &b->m->steps.items[i];
        if (b->seen[i] && p->kind == ITEM && p->set->has[byte])
            marks[p->next] = true;
    }
    for (size_t i = 0; i < b->m->steps.n; i++)
        if (marks[i])
            b->stack[to.n++] = (int)i;
    return to.n == 0 ? 0 : find_state(b, &to);
}

static bool build_table(builder *b, int start)
{
    tn_arena *a = b->m->arena;
    tn_regex *r = b->out;
    bool *marks = TN_NEW_N(a, bool, b->m->steps.n);
    b->states = TN_NEW_N(a, state, MOST_STATES);
    b->seen = TN_NEW_N(a, bool, b->m->steps.n);
    b->stack = TN_NEW_N(a, int, 3 * b->m->steps.n + 1);
    find_classes(b);
    r->next = TN_NEW_N(a, int32_t, (size_t)MOST_STATES * (size_t)r->classes);
    memset(r->next, 0, sizeof *r->next * (size_t)(TN_REGEX_START * r->classes));
    r->next[TN_REGEX_MATCH * r->classes + r->class_of[0]] = TN_REGEX_MATCH; /* zeros behind the end */
    r->states = TN_REGEX_START;
    find_state(b, &(state){.before = NOTHING, .n = 1, .step = &start});
    for (int s = TN_REGEX_START; s < r->states && r->states < MOST_STATES; s++)
        for (int c = 0; c < r->classes; c++)
            r->next[s * r->classes + c] = find_next(b, s, b->byte_of[c], marks);
    return r->states < MOST_STATES;
}

const char *tn_regex_make(tn_arena *a, const char *pattern, tn_regex *out)
{
    enum { LONGEST = 4096 }; /* the tree is as deep as the pattern is long */
    reader r = {.arena = a, .at = pattern};
    if (strlen(pattern) > LONGEST)
        return "more than 4096 bytes";
    const tree *t = read_choice(&r);
    if (r.wrong == NULL && *r.at == ')')
        fail(&r, ") without (");
    if (r.wrong != NULL)
        return r.wrong;
    machine m = {.arena = a};
    int match = add_step(&m, (step){.kind = MATCH});
    int start = add_tree(&m, t, match);
    builder b = {.m = &m, .out = out};
    if (m.too_large || !build_table(&b, start))
        return "a pattern whose table is too large";
    return NULL;
}
