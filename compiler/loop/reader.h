/* What parse.c and parse_expr.c share: the state of reading a loop program. */
#ifndef TN_READER_H
#define TN_READER_H

#include "ir/text.h"
#include "loop/loop.h"

typedef struct tn_loop_reader {
    tn_scan s;
    tn_program *p;
    tn_map bufs;  /* by name: tn_buf */
    tn_map names; /* what expressions may say here, by name: tn_expr of variables and lets */
} tn_loop_reader;

const tn_expr *tn_expr_parse(tn_loop_reader *r); /* NULL after an error */
/* n subscripts and the closing ] */
bool tn_expr_parse_subscripts(tn_loop_reader *r, int n, const tn_expr **at);
bool tn_expr_need_type(tn_loop_reader *r, const tn_expr *e, tn_dtype t, const char *what);
bool tn_loop_parse_dtype(tn_scan *s, tn_dtype *out); /* a tensor's type, or index */
int tn_scalar_find(const tn_scan *s);                /* the operation that the current token names; -1: none */
bool tn_scalar_takes(int op, tn_dtype t);

#endif
