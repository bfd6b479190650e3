/* What the tests of loop programs share beside bench.h: an empty program, and one from text. */
#ifndef TN_TEST_PROGRAM_H
#define TN_TEST_PROGRAM_H

#include "loop/loop.h"

#include "bench.h"

static inline int set_up_program(void **state)
{
    set_up(state);
    bench *b = *state;
    tn_graph *g = TN_NEW(&b->arena, tn_graph);
    *g = (tn_graph){.arena = &b->arena, .diag = &b->diag, .path = "test"};
    b->p = tn_program_make(&b->arena, g);
    return 0;
}

static inline tn_program *parse_loops(bench *b, const char *text)
{
    tn_program *p = tn_program_parse(&b->arena, &b->diag, "t.loops", text);
    if (p == NULL)
        print_error("%s\n", b->line);
    assert_non_null(p);
    return p;
}

#define PROGRAM_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_program, tear_down)

#endif
