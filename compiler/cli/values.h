/* Reads arrays of any number type as doubles; ranks them. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "include/tenon.h"

#include <stdbool.h>
#include <stdio.h>

bool cli_has_numbers(const tn_array *a); /* of a type that cli_number reads */
bool cli_has_floats(const tn_array *a);
size_t cli_count(const tn_array *a);             /* of elements */
double cli_number(const tn_array *a, size_t i);  /* element i; NaN where the type has no numbers */
void cli_print_type(FILE *f, const tn_array *a); /* "float[1,10]" */

/* An array of scores as rows of classes: the classes are the last axis, or the last before axes of extent 1 as in
   [1,1000,1,1]; the first axis never counts as one of these. */
typedef struct cli_scores {
    size_t rows, classes;
} cli_scores;
cli_scores cli_scores_of(const tn_array *a);

typedef struct cli_score {
    double value;
    size_t index;
} cli_score;

/* Fills out[0..classes) with a row's values, the largest first; of equal ones the lower index first; NaN last. */
void cli_rank(const tn_array *a, size_t row, size_t classes, cli_score *out);
void cli_softmax(cli_score *scores, size_t n); /* over all of them; keeps their order */

/* How many of a row are larger than element `index` of it; classes when that is NaN. 0: it is the first, or ties. */
size_t cli_place(const tn_array *a, size_t row, size_t classes, size_t index);
size_t cli_largest(const tn_array *a, size_t row, size_t classes); /* the first of the largest */

#endif
