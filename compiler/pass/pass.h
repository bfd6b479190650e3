/* Passes: a row each in passes.def, a file each, run by manager.c.
   Pass `fold-const` is the file fold_const.c, the function tn_pass_fold_const and the test tests/pass/fold_const.tg. */
#ifndef TN_PASS_H
#define TN_PASS_H

#include "ir/ir.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "target/target.h"

/* What a model has become on its way down; each form includes those before it. One pass makes each: infer the types,
   lower the loops, kernels the kernels, plan the plan. The manager runs it when a pass needs that form. */
typedef enum { TN_FORM_GRAPH, TN_FORM_TYPES, TN_FORM_LOOPS, TN_FORM_KERNELS, TN_FORM_PLAN } tn_form;

/* A model in its forms: what passes work on. Set arena, diag, target and a graph or a program; all else may be zero. */
typedef struct tn_module {
    tn_arena *arena;
    tn_diag *diag;
    const tn_target *target;
    const char *const *config; /* "fuse.max-nodes=100", NULL-terminated, checked by tn_passes_check; NULL: none */
    const struct tn_level
        *level;      /* of the pipeline that runs: its parameters hold where config sets none; NULL: none */
    tn_graph *graph; /* NULL: it was read as a loop program */
    const char *const
        *keep; /* values that become outputs when the graph is lowered: see tn_graph_keep_values; NULL: none */
    const char *const *
        mixed; /* operators whose storage is 16 bits wide where pass mixed-precision is on; NULL, none: conv2d, dense */
    bool is_typed;       /* all types and shapes of the graph are known */
    tn_program *program; /* NULL: not lowered yet */
    tn_plan *plan;       /* NULL: not planned yet */
} tn_module;

/* Sets *changed when it rewrote anything. False after an error. */
typedef bool tn_pass_fn(tn_module *m, bool *changed);

typedef struct tn_pass {
    const char *name;
    tn_pass_fn *run;
    int level;             /* lowest -O at which the pipelines run it */
    tn_form needs, leaves; /* leaves: the furthest form that still holds after it */
    const char *doc;
} tn_pass;
const tn_pass *tn_pass_at(size_t i); /* in the order of the pipelines; NULL past the end */
const tn_pass *tn_pass_find(const char *name);
const char *tn_form_name(tn_form form);

/* A user's own pass, see tn_ctx_add_pass. */
typedef struct tn_user_pass {
    const char *name;
    char *(*run)(void *user, const char *graph_text);
    void *user;
} tn_user_pass;

typedef struct tn_pass_options {
    const char *const *disabled; /* names, NULL-terminated; NULL: none */
    const char *const *dump_after;
    const char *stop_after;  /* NULL: run to the end */
    const tn_user_pass *own; /* n_own of them */
    size_t n_own;
    void (*dump)(void *user, const char *pass, bool changed, const char *text);
    void (*times)(void *user, const char *table); /* of all passes, at the end */
    void *user;
    bool verify;                                                /* check the result of every pass */
    const tn_op *(*find)(const char *domain, const char *name); /* for the text that a user's own pass returns */
} tn_pass_options;

/* passes: names and pipelines ("O0" .. "O3") separated by commas; "-name" leaves a pass of a pipeline out,
   "+after:name=other" runs another one after each run of it. Passes over loops run in the order of the table. */
bool tn_passes_run(tn_module *m, const char *passes, const tn_pass_options *o);

/* Runs what is missing for that form. */
bool tn_passes_complete(tn_module *m, tn_form form, const tn_pass_options *o);

/* Whether all names and parameters of the list, the options and the config exist; an error that lists them otherwise. */
bool tn_passes_check(const tn_module *m, const char *passes, const tn_pass_options *o);

/* Text of the furthest form: of the graph, or of the loop program with its plan in comments. full: parses back. */
void tn_module_print(const tn_module *m, bool full, tn_str *out);

/* Whether the result of c may take the memory of the operand b, if nobody reads that afterwards. */
bool tn_may_take_place(tn_program *p, const tn_comp *c, const tn_buf *b);

/* Whether pass schedule will make dot products of bytes of it. */
bool tn_has_dots(tn_program *p, const tn_target *t, tn_comp *c);

/* --- parameters and levels ---------------------------------------------------------------------------------------- */

enum { TN_PARAM_AUTO = -1 }; /* the default is found out from the target */
typedef struct tn_param {
    const char *name; /* "fuse.max-nodes" */
    int64_t def, min, max;
    const char *doc;
} tn_param;
const tn_param *tn_param_at(size_t i);                       /* NULL past the end */
int64_t tn_param_get(const tn_module *m, const char *name);  /* or TN_PARAM_AUTO */
bool tn_config_check(tn_diag *d, const char *const *config); /* names and values; config may be NULL */

typedef struct tn_level {
    const char *name;         /* "2" of -O2 */
    int level;                /* which passes run */
    const char *config, *doc; /* parameters, by commas */
} tn_level;
const tn_level *tn_level_at(size_t i); /* NULL past the end */
const tn_level *tn_level_find(const char *name);

/* --- sizes that only the run knows (find_sizes.c) ----------------------------------------------------------------- */

typedef struct tn_sizes tn_sizes;
/* What integer inputs must hold for the outputs to have the shapes that the file declares; NULL where that is not needed or
   not found. The graph then takes it for granted. */
const tn_sizes *tn_sizes_find(tn_graph *g);
/* The first computed output only when the inputs hold them: once types are known. */
bool tn_sizes_check(tn_expand *e, const tn_sizes *s);
/* Infers nodes one by one and appends them, or what they are functions of, to done. */
bool tn_infer_nodes(tn_graph *g, const tn_node_vec *nodes, tn_node_vec *done);

/* --- what passes share -------------------------------------------------------------------------------------------- */

/* The node's outputs for constant inputs, found by interpreting its computations; false when it has none of its own
   (a reported error) or its inputs are not all constant. */
bool tn_evaluate_node(tn_graph *g, const tn_node *n, tn_tensor **out);
/* Replaces nodes whose inputs are constants; DequantizeLinear too, or not yet. */
bool tn_fold_constants(tn_module *m, bool dequantise, bool *changed);
bool tn_all_constant(const tn_node *n);
int tn_count_uses(const tn_graph *g, const tn_value *v); /* by nodes and as outputs */
void tn_graph_drop_dead(tn_graph *g);                    /* nodes whose outputs nobody uses */

/* Operators to computations: pass lower without its manager, for the interpreter. */
bool tn_lower_graph(tn_arena *a, tn_graph *g, tn_program **out);
/* What every computation can be lowered by: "", loops as the axes stand, and sums side by side where it has several. */
const char *tn_plain_schedule(tn_program *p, const tn_comp *c);
/* The kernel that a schedule's text makes, "" plain loops; false when it does not fit, *why says what. */
bool tn_kernel_make(tn_program *p, tn_comp *c, const char *schedule, tn_kernel *out, const char **why);
/* The same by the computation's own text; what does not fit is an error. */
bool tn_kernel_replay(tn_program *p, tn_comp *c, tn_kernel *out);

/* An Identity of v, not yet among the nodes, and its result, which is an output of the graph but not yet in its list. */
tn_value *tn_graph_copy_value(tn_graph *g, tn_value *v, const char *name, tn_node **made);
/* Whether option mixed-precision-ops takes the name: an operator of ONNX, or tvmc's word for some. */
bool tn_mixed_is_name(const char *name, const tn_op *(*find)(const char *domain, const char *name));

/* Copies of the named values (NULL-terminated; "all": of all) become outputs, behind those there are. False after an
   error: no node makes such a value. What has a copy gets no second one. */
bool tn_graph_keep_values(tn_graph *g, const char *const *names);

#define TN_PASS(name, fn, level, needs, leaves, doc) bool fn(tn_module *m, bool *changed);
#include "pass/passes.def"
#undef TN_PASS

#endif
