/* Runs pass tests: text in, text out. Each file names its passes and holds cases:

       # pass: fold-identity
       === an Identity goes away
       input "x" : float[4]
       "a" : float[4] = Identity("x")
       "y" : float[4] = Relu("a")
       output "y"
       ---
       input "x" : float[4]
       "y" : float[4] = Relu("x") @ 1
       output "y"

   The graph above ---, or the loop program where it begins with `program`, is parsed, the passes run, and the result is
   printed: the graph, or the loop program that has become of it. It must read as what stands below. Comments, but for
   those of a plan, and the line of the graph's name are not compared. `error: TEXT` below --- means that the passes must
   fail with that message. Every result is also parsed and printed again. `# target: NAME` and `# config: NAME=VALUE`
   above a case hold for it and those after it; the defaults are generic and none.
   `# dispatch: ITEM` is option dispatch, with files by their path from the test's folder.
   Usage: run_tg FILE.tg...; the last line counts. */
#include "ops/ops.h"
#include "pass/dispatch.h"
#include "pass/pass.h"

#include <stdlib.h>

typedef struct {
    const char **items;
    size_t n, room;
} lines;

typedef struct test_case {
    const char *file, *title, *passes, *target, *config[2];
    const tn_pattern_vec *patterns;
    int line; /* of its first line of text */
    lines in, out;
} test_case;

typedef struct run {
    tn_arena *arena;
    tn_diag diag;
    char message[2100]; /* the last error */
    int passed, failed;
} run;

static void keep_message(void *user, const char *line)
{
    run *r = user;
    snprintf(r->message, sizeof r->message, "%s", line);
}

/* --- differences --- */

static void add_lines(tn_arena *a, const char *text, lines *out)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");
        bool comment = *text == '#' && strncmp(text, "# plan:", 7) != 0 && strncmp(text, "#  ", 3) != 0;
        if (n > 0 && !comment && strncmp(text, "graph ", 6) != 0)
            *TN_PUSH(a, *out) = tn_strndup(a, text, n);
        text += n + (text[n] == '\n');
    }
}

static bool same_lines(const lines *x, const lines *y)
{
    for (size_t i = 0; i < x->n && i < y->n; i++)
        if (strcmp(x->items[i], y->items[i]) != 0)
            return false;
    return x->n == y->n;
}

/* Unified form with all lines as context: by the longest common subsequence. */
static void print_difference(tn_arena *a, const lines *wanted, const lines *found)
{
    size_t w = found->n + 1, i = 0, k = 0;
    int *common = TN_NEW_N(a, int, (wanted->n + 1) * w);
    for (size_t x = wanted->n; x-- > 0;)
        for (size_t y = found->n; y-- > 0;) {
            int down = common[(x + 1) * w + y], right = common[x * w + y + 1];
            bool same = strcmp(wanted->items[x], found->items[y]) == 0;
            common[x * w + y] = same ? common[(x + 1) * w + y + 1] + 1 : down > right ? down : right;
        }
    printf("--- wanted\n+++ found\n");
    while (i < wanted->n || k < found->n) {
        if (i < wanted->n && k < found->n && strcmp(wanted->items[i], found->items[k]) == 0) {
            printf(" %s\n", wanted->items[i++]);
            k++;
        } else if (k == found->n || (i < wanted->n && common[(i + 1) * w + k] >= common[i * w + k + 1])) {
            printf("-%s\n", wanted->items[i++]);
        } else {
            printf("+%s\n", found->items[k++]);
        }
    }
}

/* --- one case --- */

static bool fail(const test_case *c, const char *what, const char *detail)
{
    printf("%s:%d: %s: %s%s\n", c->file, c->line, c->title, what, detail);
    return false;
}

static const char *join(tn_arena *a, const lines *l)
{
    tn_str s = {.arena = a};
    tn_str_put(&s, "", 0);
    for (size_t i = 0; i < l->n; i++)
        tn_str_add(&s, "%s\n", l->items[i]);
    return s.text;
}

static const char *print(run *r, const tn_module *m)
{
    tn_str s = {.arena = r->arena};
    tn_module_print(m, true, &s);
    return s.text;
}

static bool parse(run *r, const char *path, const char *text, tn_module *m)
{
    *m = (tn_module){.arena = r->arena, .diag = &r->diag};
    if (strncmp(text + strspn(text, "\n"), "program ", 8) == 0)
        m->program = tn_program_parse(r->arena, &r->diag, path, text);
    else
        m->graph = tn_graph_parse(r->arena, &r->diag, path, text, tn_op_find);
    return m->graph != NULL || m->program != NULL;
}

static bool check_error(run *r, const test_case *c, bool ok)
{
    const char *wanted = c->out.items[0] + strlen("error: ");
    if (ok)
        return fail(c, "the passes succeed, wanted the error: ", wanted);
    return strstr(r->message, wanted) != NULL || fail(c, "wrong error: ", r->message);
}

static bool check_text(run *r, const test_case *c, tn_module *m)
{
    lines found = {0};
    tn_module again;
    const char *text = print(r, m);
    add_lines(r->arena, text, &found);
    if (!same_lines(&c->out, &found)) {
        fail(c, "the result differs", "");
        print_difference(r->arena, &c->out, &found);
        return false;
    }
    if (!parse(r, "result", text, &again))
        return fail(c, "the result does not parse: ", r->message);
    m->plan = NULL; /* of which the text says nothing but comments, as of reasons */
    for (size_t i = 0; m->program != NULL && i < m->program->comps.n; i++)
        m->program->comps.items[i]->why = NULL;
    return strcmp(print(r, m), print(r, &again)) == 0 || fail(c, "the result parses to something else", "");
}

static bool run_case(run *r, const test_case *c)
{
    tn_pass_options o = {.verify = true, .find = tn_op_find};
    tn_module m;
    if (!parse(r, tn_strfmt(r->arena, "%s (case at line %d)", c->file, c->line), join(r->arena, &c->in), &m))
        return fail(c, "the input does not parse: ", r->message);
    if (c->passes == NULL || c->out.n == 0)
        return fail(c, c->passes == NULL ? "no line '# pass: NAME' above" : "no text after ---", "");
    m.target = tn_target_find(r->arena, NULL, c->target);
    m.config = c->config;
    if (m.target == NULL)
        return fail(c, "no target is called ", c->target);
    if (m.graph != NULL)
        m.graph->patterns = c->patterns;
    bool ok = tn_passes_check(&m, c->passes, &o) && tn_passes_run(&m, c->passes, &o);
    if (strncmp(c->out.items[0], "error: ", 7) == 0)
        return check_error(r, c, ok);
    return ok ? check_text(r, c, &m) : fail(c, "the passes fail: ", r->message);
}

/* --- files --- */

static void finish_case(run *r, const test_case *c)
{
    if (c->title == NULL)
        return;
    if (run_case(r, c))
        r->passed++;
    else
        r->failed++;
}

static void add_dispatch(run *r, const char *test, const char *item, tn_pattern_vec *out)
{
    const char *equals = strchr(item, '='), *slash = strrchr(test, '/');
    if (equals != NULL && slash != NULL)
        item = tn_strfmt(r->arena, "%.*s%.*s%s", (int)(equals + 1 - item), item, (int)(slash + 1 - test), test,
                         equals + 1);
    if (!tn_dispatch_add(r->arena, &r->diag, item, out)) {
        printf("%s: %s\n", test, r->message);
        r->failed++;
    }
}

/* The lines of the input keep their number from the case's title, so that messages of the parser point at them. */
static void run_file(run *r, const char *path)
{
    size_t size = 0;
    const char *text = tn_read_file(r->arena, &r->diag, path, &size), *passes = NULL, *target = "generic";
    const char *config = NULL;
    tn_pattern_vec *patterns = TN_NEW(r->arena, tn_pattern_vec);
    test_case c = {.file = path};
    bool below = false;
    int line = 0, before = r->passed + r->failed;
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");
        const char *one = tn_strndup(r->arena, text, n);
        text += n + (text[n] == '\n');
        line++;
        if (strncmp(one, "# pass: ", 8) == 0) {
            passes = one + 8;
        } else if (strncmp(one, "# target: ", 10) == 0) {
            target = one + 10;
        } else if (strncmp(one, "# config: ", 10) == 0) {
            config = one + 10;
        } else if (strncmp(one, "# dispatch: ", 12) == 0) {
            add_dispatch(r, path, one + 12, patterns);
        } else if (strncmp(one, "=== ", 4) == 0) {
            finish_case(r, &c);
            c = (test_case){.file = path, .title = one + 4, .passes = passes, .target = target, .line = line + 1};
            c.config[0] = config;
            c.patterns = patterns;
            below = false;
        } else if (strcmp(one, "---") == 0) {
            below = true;
        } else if (!below) {
            *TN_PUSH(r->arena, c.in) = one;
        } else {
            add_lines(r->arena, one, &c.out);
        }
    }
    finish_case(r, &c);
    if (r->passed + r->failed == before) {
        printf("%s: no cases%s%s\n", path, size == 0 ? ": " : "", size == 0 ? r->message : "");
        r->failed++;
    }
}

int main(int argc, char **argv)
{
    jmp_buf guard;
    tn_memory memory = {.guard = &guard};
    tn_arena arena = {.memory = &memory};
    run r = {.arena = &arena};
    r.diag = (tn_diag){.report = keep_message, .user = &r};
    if (setjmp(guard) != 0) {
        fprintf(stderr, "run_tg: out of memory\n");
        return 1;
    }
    for (int i = 1; i < argc; i++)
        run_file(&r, argv[i]);
    printf("%d passed, %d failed\n", r.passed, r.failed);
    tn_arena_free(&arena);
    return r.failed > 0 || r.passed == 0;
}
