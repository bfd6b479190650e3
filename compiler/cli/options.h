/* Options from tables: --name value, --name=value, -o value, -ovalue, -v, -vv; "--" ends them.

   A command takes its rows of options.def, the options of every command (help, verbose) and, where it compiles, the table
   of tn_options(). A row found first hides a later row of the same name. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct cmd;

typedef struct cli_option {
    const char *name;  /* "inputs" is --inputs on the command line, "O" is -O */
    char letter;       /* 'o' is -o; 0: none */
    const char *value; /* what it takes, for the help; NULL: a switch */
    const char *def;   /* the default, for the help; NULL or "": none */
    const char *doc;   /* one line */
} cli_option;

/* One option as a command sees it. */
typedef struct cli_row {
    cli_option option;
    const char *group; /* for a heading of the help; "" for the command's own */
    bool api;          /* goes to tn_ctx_set */
} cli_row;

/* The row of that name; false: the command takes no such option. */
bool cli_row_find(const struct cmd *c, const char *name, cli_row *row);
/* The rows of a command by number; false behind the last. */
bool cli_row_at(const struct cmd *c, size_t i, cli_row *row);
/* Rows that an earlier row of the same name hides are not found, so neither shown. */
bool cli_row_is_hidden(const struct cmd *c, size_t i);

bool cli_is_letter(const char *name); /* "O" is -O and has no long form */

typedef struct cli_setting {
    const char *name;
    const char *value; /* "1" for a switch */
    bool api;
} cli_setting;

/* A parsed command line. The texts are argv's. */
typedef struct cli_args {
    cli_setting *settings; /* in the order given */
    size_t n_settings;
    const char **words; /* what is no option */
    size_t n_words;
} cli_args;

/* argv[0] is the first argument after the command's name. Says on standard error what is wrong, and gives the exit
   code; TN_OK when all is well. */
int cli_parse(const struct cmd *c, int argc, char **argv, cli_args *out);
void cli_args_free(cli_args *a);

const char *cli_value(const cli_args *a, const char *name); /* the last one given; NULL: none */
bool cli_is_set(const cli_args *a, const char *name);
size_t cli_times_set(const cli_args *a, const char *name);

/* The number of letters to add, drop or replace to make a of b. For names. */
size_t cli_distance(const char *a, const char *b);
bool cli_is_near(const char *word, size_t distance); /* near enough to be what was meant */

#endif
