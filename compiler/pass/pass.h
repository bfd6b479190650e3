/* Graph passes: a row each in passes.def, a file each, run by manager.c.
   Pass `fold-const` is the file fold_const.c, the function tn_pass_fold_const and the test tests/pass/fold_const.tg. */
#ifndef TN_PASS_H
#define TN_PASS_H

#include "ir/ir.h"

/* Sets *changed when it rewrote anything. False after an error. */
typedef bool tn_pass_fn(tn_graph *g, bool *changed);

typedef struct tn_pass {
    const char *name;
    int level; /* lowest -O at which the pipelines run it */
    tn_pass_fn *run;
    const char *doc;
} tn_pass;
const tn_pass *tn_pass_at(size_t i); /* in the order of the pipelines; NULL past the end */
const tn_pass *tn_pass_find(const char *name);

/* A user's own pass, see tn_ctx_add_pass. */
typedef struct tn_user_pass {
    const char *name;
    char *(*run)(void *user, const char *graph_text);
    void *user;
} tn_user_pass;

typedef struct tn_pass_options {
    const char *const *disabled; /* names, NULL-terminated; NULL: none */
    const char *const *dump_after;
    const tn_user_pass *own; /* n_own of them */
    size_t n_own;
    void (*dump)(void *user, const char *pass, bool changed, const char *graph_text);
    void (*timed)(void *user, const char *pass, double ms, bool changed);
    void *user;
    bool verify;                                                /* check the graph after every pass */
    const tn_op *(*find)(const char *domain, const char *name); /* for the text that a user's own pass returns */
} tn_pass_options;

/* passes: names and pipelines ("O0" .. "O3") separated by commas; "-name" leaves a pass of a pipeline out. */
bool tn_passes_run(tn_graph **g, const char *passes, const tn_pass_options *o); /* a user's pass replaces the graph */

/* Whether all names of the list are known; an error that lists them otherwise. */
bool tn_passes_check(tn_graph *g, const char *passes, const tn_pass_options *o);

/* The node's outputs for constant inputs, found by interpreting its computations; false when it has none of its own
   (a reported error) or its inputs are not all constant. */
bool tn_evaluate_node(tn_graph *g, const tn_node *n, tn_tensor **out);
bool tn_all_constant(const tn_node *n);
int tn_count_uses(const tn_graph *g, const tn_value *v); /* by nodes and as outputs */
void tn_graph_drop_dead(tn_graph *g);                    /* nodes whose outputs nobody uses */

#define TN_PASS(name, fn, level, doc) bool fn(tn_graph *g, bool *changed);
#include "pass/passes.def"
#undef TN_PASS

#endif
