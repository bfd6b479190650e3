/* The command line of Tenon. A command is one row: its texts and what it runs; its options are rows of options.def. Help
   pages, the man page, the parser and the tests all read the same rows.

       const cmd cmd_ops = {
           .name = "ops", .doc = "list the supported operators", .usage = "[options]",
           .examples = examples, .run = run,
       };

   The command line knows the compiler only through include/tenon.h. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"
#include "cli/progress.h"
#include "include/tenon.h"

#include <stdbool.h>
#include <stddef.h>

/* The exit codes are those of tn_status, and this one: it ran, and the answer is no. */
enum { CLI_DIFFERS = 1 };

typedef struct cli_example {
    const char *line; /* as typed, with "tenon" */
    const char *doc;  /* what it does */
} cli_example;

typedef struct cli_block cli_block;

/* One call of the program. */
typedef struct cli {
    const struct cmd *cmd;
    cli_args args;
    tn_ctx *ctx; /* open, with the API's options set; NULL for commands that need none */
    cli_progress progress;
    cli_block *owned;  /* what cli_alloc gave; freed at the end */
    const char *about; /* the file that the API's errors are about, where it cannot know; NULL: none */
    char error[512];   /* the first error line since cli_forget_error; "" for none */
} cli;

typedef struct cmd {
    const char *name;
    const char *doc;             /* one line, for the list of commands */
    const char *usage;           /* what stands after the name */
    const char *about;           /* a paragraph; NULL: doc says it all */
    const cli_example *examples; /* ended by a row without a line; at least one */
    size_t min_words, max_words; /* how many arguments that are no options */
    bool compiles;               /* takes the options of tn_options() as well */
    bool only_looks;             /* but writes no package: not those of the groups "package" and "build" */
    bool offline;                /* needs no context: help, man */
    int (*run)(cli *c);          /* gives the exit code */
} cmd;

/* All commands in the order of the help, ended by NULL. In main.c. */
extern const cmd *const cli_commands[];
const cmd *cli_find_command(const char *name); /* may be NULL */

extern const cmd cmd_compile, cmd_run, cmd_validate, cmd_bench, cmd_show, cmd_opt, cmd_summary;
extern const cmd cmd_ops, cmd_passes, cmd_patterns, cmd_targets, cmd_help, cmd_man;

/* Prints "tenon NAME: error: ..." on standard error and keeps it in c->error. Gives status back. */
int cli_fail(cli *c, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void cli_note(cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code after a call of the API that failed: it has said why. */
int cli_failed(const cli *c);
/* The model or package that the first argument names; NULL: *status is the exit code. */
tn_runner *cli_open_runner(cli *c, int *status);
void cli_forget_error(cli *c);

/* Zeroed memory that lives until the program ends; NULL after an error message. */
void *cli_alloc(cli *c, size_t count, size_t size);

/* The values of options, or their defaults: 0 where there is none. After an error message: false, or NULL. */
bool cli_int(cli *c, const char *name, int64_t min, int64_t max, int64_t *out);
bool cli_real(cli *c, const char *name, double *out); /* not negative */
const char *cli_choice(cli *c, const char *name);     /* one of "text|json" */

#endif
