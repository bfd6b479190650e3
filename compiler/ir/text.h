/* What the text forms of graphs (print.c, parse.c) and of loop programs (loop/) share: quoting, numbers, tensor data,
   and a scanner for tokens.

   Both texts are made of statements, one a line. A line that begins with a space continues the one before, so long
   statements may be wrapped anywhere between tokens. A # begins a comment, to the end of its line.
       WORD      input   Relu   com.microsoft   inf
       QUOTED    "conv1/out"   with \" \\ \n \t and \xHH
       NUMBER    3   0.5   1e-3   0x1p-3        a minus in front is a sign of its own
       SIGN      : :: = ( ) [ ] { } , + - * / < <= > % @ ...  */
#ifndef TN_TEXT_H
#define TN_TEXT_H

#include "base/map.h"
#include "ir/ir.h"

/* --- printing ----------------------------------------------------------------------------------------------------- */

void tn_quote_print(tn_str *out, const char *s);         /* "s", escaped */
void tn_name_print(tn_str *out, const char *s);          /* s as a WORD where it is one, else quoted */
void tn_number_print(tn_str *out, tn_dtype t, double x); /* the shortest decimal text that reads back exactly */
void tn_integer_print(tn_str *out, tn_dtype t, int64_t x);
void tn_type_print(tn_str *out, tn_dtype t, const tn_shape *s); /* float[N,4] */
/* " = [1, 2.5]", or " = hex ..." for more than TN_TEXT_SHOWN elements, or then " = ..." where full is not set. */
void tn_data_print(tn_str *out, const tn_tensor *t, bool full);
enum { TN_TEXT_SHOWN = 16 };
/* name, or where it is taken, name~2, name~3 ...; takes it. Texts need names to be unique; graphs do not. */
const char *tn_name_unique(tn_arena *a, tn_map *taken, const char *name);

/* --- scanning ----------------------------------------------------------------------------------------------------- */

typedef enum { TN_TOK_END, TN_TOK_LINE, TN_TOK_WORD, TN_TOK_QUOTED, TN_TOK_NUMBER, TN_TOK_SIGN } tn_token_kind;

typedef struct tn_scan {
    tn_arena *arena;
    tn_diag *diag;
    const char *path; /* for messages */
    const char *end;  /* of the text */
    const char *at;   /* what follows the current token */
    int row;          /* the line of at */
    tn_token_kind kind;
    const char *start; /* the current token as it stands in the text, len bytes; LINE and END have none */
    size_t len;
    int line;         /* of the current token */
    const char *text; /* WORD and NUMBER: a copy; QUOTED: what it stands for; NULL otherwise */
    int depth;        /* of nested expressions, see tn_scan_deeper */
    bool failed;      /* an error was reported; later ones are not, since they follow from the first */
} tn_scan;

/* The first token is then the current one. False after an error, as all that follow. */
bool tn_scan_begin(tn_scan *s, tn_arena *a, tn_diag *d, const char *path, const char *text);
bool tn_scan_next(tn_scan *s);
bool tn_scan_error(tn_scan *s, const char *format, ...) TN_PRINTF(2, 3); /* "PATH:LINE: error: ..."; always false */
bool tn_scan_wanted(tn_scan *s, const char *wanted);                     /* "found X, wanted Y"; always false */
bool tn_scan_is(const tn_scan *s, const char *token);                    /* a WORD or SIGN that reads so */
bool tn_scan_skip(tn_scan *s, const char *token);                        /* goes past it if it is there: then true */
bool tn_scan_need(tn_scan *s, const char *token);
bool tn_scan_quoted(tn_scan *s, const char *what, const char **out); /* a QUOTED token; what: for the message */
bool tn_scan_name(tn_scan *s, const char *what, const char **out);   /* a WORD or QUOTED token */
bool tn_scan_statement_end(tn_scan *s);                              /* the end of the line, or of the text */
bool tn_scan_deeper(tn_scan *s); /* before a nested expression; s->depth-- after it. False when nested too deeply */

bool tn_scan_dtype(tn_scan *s, tn_dtype *out); /* a type that tensors can have */
/* A number of that type, which must fit it. */
bool tn_scan_integer(tn_scan *s, tn_dtype t, int64_t *out);
bool tn_scan_float(tn_scan *s, tn_dtype t, double *out);
tn_tensor *tn_scan_data(tn_scan *s, tn_dtype t, const tn_shape *shape); /* what follows the =; NULL after an error */

#endif
