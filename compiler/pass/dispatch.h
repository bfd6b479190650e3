/* Dispatch: parts of a graph that a library or the user's own C function computes.

   A pattern is a graph in text form; its inputs are the operands, its only output the result. Pass dispatch (dispatch.c)
   marks the nodes of each match with the attribute call="PATTERN#NUMBER", one number per match: the graph means what it
   meant before. passes call-functions and call-library make calls of marked computations; everything else is generated. */
#ifndef TN_PASS_DISPATCH_H
#define TN_PASS_DISPATCH_H

#include "ir/ir.h"

typedef struct tn_pattern {
    const char *name;     /* "cblas.matmul_bias", "user.swish" */
    const char *function; /* the user's own; NULL: a library's, which call_library.c knows */
    const tn_graph *graph;
} tn_pattern;
typedef struct tn_pattern_vec {
    tn_pattern *items;
    size_t n, room;
} tn_pattern_vec;

/* What an item of option dispatch asks for: "cblas", "cblas.matmul" or "matmul", several of those with commas between;
   or "user.NAME=FILE:FUNCTION", where FILE holds a pattern: operands of known rank, each symbol in some operand's dims
   an extent that FUNCTION is given. False after an error. */
bool tn_dispatch_add(tn_arena *a, tn_diag *d, const char *item, tn_pattern_vec *out);

/* The library's patterns. Rows of one name are alternatives. */
typedef struct tn_pattern_row {
    const char *name, *doc, *text;
} tn_pattern_row;
bool tn_pattern_row_at(tn_arena *a, size_t i, tn_pattern_row *out); /* false past the end */

typedef struct tn_match {
    const tn_pattern *pattern;
    tn_value **value; /* by id of the pattern's values */
    tn_node **node;   /* by place of the pattern's nodes */
    tn_dim *symbol;   /* by place of the pattern's symbols; n < 0: not met yet */
} tn_match;

/* Whether the pattern's result is root's. mark: what the nodes must be marked with; NULL: not at all. */
bool tn_dispatch_match(tn_graph *g, const tn_pattern *p, tn_node *root, const char *mark, tn_match *out);

const char *tn_node_mark(const tn_node *n); /* "cblas.matmul#3", or NULL */

#endif
