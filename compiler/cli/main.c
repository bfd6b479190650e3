/* tenon: compiles trained models (ONNX, TFLite) to standalone C99. The table of commands, read from the top, is the program;
   each command is a row in a file of its own. */
#include "cli/command.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

const cmd *const cli_commands[] = {
    &cmd_compile,  /* model -> package of C */
    &cmd_run,      /* model or package, inputs -> outputs, times, profile */
    &cmd_validate, /* model or package, inputs, reference -> metrics */
    &cmd_bench,    /* model or package -> times, or answers to the bench protocol */
    &cmd_show,     /* model -> graph or loop programs as text */
    &cmd_opt,      /* model or text, passes -> text */
    &cmd_summary,  /* model -> layers, parameters, MACs, RAM */
    &cmd_ops,      /* what is supported */
    &cmd_passes,   /* what can be run on a model */
    &cmd_patterns, /* what --dispatch finds */
    &cmd_targets,  /* what can be compiled for */
    &cmd_help,     /* this program, from the rows above */
    &cmd_man,      /* the same as a man page */
    NULL,
};

const cmd *cli_find_command(const char *name)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

/* -v is for the status line and for the API, where it knows that option. */
static int set_verbose(cli *c)
{
    size_t n;
    const tn_option *o = tn_options(&n);
    for (size_t i = 0; i < n && cli_is_set(&c->args, "verbose"); i++)
        if (strcmp(o[i].name, "verbose") == 0)
            return (int)tn_ctx_set(c->ctx, "verbose", "1");
    return TN_OK;
}

/* The API's own options, in the order given: some of them add up. */
static int set_options(cli *c)
{
    for (size_t i = 0; i < c->args.n_settings; i++) {
        const cli_setting *s = &c->args.settings[i];
        tn_status status = s->api ? tn_ctx_set(c->ctx, s->name, s->value) : TN_OK;
        if (status != TN_OK)
            return (int)status;
    }
    return set_verbose(c);
}

static int run_with_context(cli *c)
{
    tn_config config = {.report = cli_report, .progress = cli_step, .user = c};
    c->ctx = tn_ctx_open(&config);
    if (c->ctx == NULL)
        return cli_fail(c, TN_ERR_MEMORY, "out of memory");
    int status = set_options(c);
    if (status == TN_OK)
        status = c->cmd->run(c);
    cli_progress_clear(&c->progress);
    tn_ctx_close(c->ctx);
    return status;
}

/* A full disk behind standard output shows only now. */
static int finish(cli *c, int status)
{
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (lost && status == TN_OK)
        status = cli_fail(c, TN_ERR_FILE, "cannot write to standard output");
    cli_free(c);
    return status;
}

static int run_command(const cmd *command, int argc, char **argv)
{
    cli c = {.cmd = command};
    int status = cli_parse(command, argc, argv, &c.args);
    if (status != TN_OK)
        return finish(&c, status);
    if (cli_is_set(&c.args, "help")) {
        cli_print_help(stdout, command);
        return finish(&c, TN_OK);
    }
    cli_progress_open(&c.progress, cli_is_set(&c.args, "verbose"));
    return finish(&c, command->offline ? command->run(&c) : run_with_context(&c));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        cli_print_overview(stderr);
        return TN_ERR_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("tenon " TN_VERSION);
        return fflush(stdout) == 0 ? TN_OK : TN_ERR_FILE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return run_command(&cmd_help, argc - 2, argv + 2);
    if (strcmp(name, "--list-patterns") == 0)
        return run_command(&cmd_patterns, argc - 2, argv + 2);
    const cmd *command = cli_find_command(name);
    if (command == NULL)
        return cli_tell_unknown_command(name);
    return run_command(command, argc - 2, argv + 2);
}
