/* See child.h. fork and exec rather than posix_spawn, which has no portable way to change the folder. Between the two
   calls the child touches no heap and no arena. A second pipe, which closes by itself when exec succeeds, brings back
   why it failed. */
#define _POSIX_C_SOURCE 200809L
#include "base/child.h"

#include "base/unwind.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP_FOLDER = 1, STEP_EXEC };

typedef struct failure {
    int step, reason; /* reason is an errno */
} failure;

typedef struct child {
    tn_arena *arena;
    int report[2]; /* brings back a failure */
    int out[2];    /* brings back the output; out[0] is -1 when it is discarded */
    pid_t pid;
    failure failed; /* step 0: none */
    tn_str text;
    bool drained; /* the output was read to its end */
    int status;   /* of waitpid; -1: could not wait */
} child;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Above the three standard numbers, so that dup2 onto those never meets its own source; closed by exec. */
static bool lift(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    int reason = errno;
    close(*fd);
    *fd = high;
    errno = reason;
    return high >= 0;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    bool first = lift(&ends[0]), second = lift(&ends[1]);
    return first && second;
}

/* Opens what the child writes to: the pipe, or nowhere. */
static bool open_output(child *c, bool keep)
{
    if (keep)
        return make_pipe(c->out);
    c->out[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return c->out[1] >= 0 && lift(&c->out[1]);
}

static void tell_failure(const child *c, int step)
{
    failure f = {step, errno};
    ssize_t written = write(c->report[1], &f, sizeof f);
    (void)written; /* nobody is left to tell */
    _exit(127);
}

/* In the child. */
static void become(const child *c, const char *const *argv, const char *cwd)
{
    int in = open("/dev/null", O_RDONLY);
    if (in > 0) {
        dup2(in, STDIN_FILENO);
        close(in);
    }
    dup2(c->out[1], STDOUT_FILENO);
    dup2(c->out[1], STDERR_FILENO);
    if (cwd != NULL && chdir(cwd) != 0)
        tell_failure(c, STEP_FOLDER);
    execvp(argv[0], (char *const *)(uintptr_t)argv); /* execvp only reads the words; its type is older than const */
    tell_failure(c, STEP_EXEC);
}

static ssize_t read_some(int fd, void *bytes, size_t n)
{
    ssize_t got;
    do
        got = read(fd, bytes, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool drain(void *state)
{
    child *c = state;
    char piece[4096];
    if (read_some(c->report[0], &c->failed, sizeof c->failed) != (ssize_t)sizeof c->failed)
        c->failed.step = 0;
    ssize_t got = 0;
    while (c->out[0] >= 0 && (got = read_some(c->out[0], piece, sizeof piece)) > 0)
        tn_str_put(&c->text, piece, (size_t)got);
    c->drained = got == 0;
    return c->drained;
}

/* A child whose output nobody reads any more might never end by itself. */
static void finish(void *state)
{
    child *c = state;
    close_fd(&c->out[0]);
    close_fd(&c->report[0]);
    if (!c->drained)
        kill(c->pid, SIGKILL);
    pid_t done;
    do
        done = waitpid(c->pid, &c->status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        c->status = -1;
}

/* False, with errno set and nothing left open, when there is no child. */
static bool start(child *c, const char *const *argv, const char *cwd, bool keep)
{
    bool ok = make_pipe(c->report) && open_output(c, keep) && (c->pid = fork()) >= 0;
    if (ok && c->pid == 0)
        become(c, argv, cwd);
    int reason = errno;
    close_fd(&c->report[1]);
    close_fd(&c->out[1]);
    if (!ok) {
        close_fd(&c->report[0]);
        close_fd(&c->out[0]);
    }
    errno = reason;
    return ok;
}

int tn_child_run(tn_arena *a, tn_diag *d, const char *const *argv, const char *cwd, char **output)
{
    assert(argv[0] != NULL);
    child c = {.arena = a, .report = {-1, -1}, .out = {-1, -1}, .text = {.arena = a}};
    if (!start(&c, argv, cwd, output != NULL)) {
        tn_error(d, "cannot start '%s': %s", argv[0], strerror(errno));
        return -1;
    }
    bool ok = tn_finally(a, drain, finish, &c) && c.status != -1;
    if (c.failed.step == STEP_FOLDER) {
        tn_error_at(d, cwd, "cannot run '%s' in this folder: %s", argv[0], strerror(c.failed.reason));
        return -1;
    }
    if (c.failed.step == STEP_EXEC) {
        const char *why = c.failed.reason == ENOENT ? "command not found" : strerror(c.failed.reason);
        tn_error(d, "cannot run '%s': %s", argv[0], why);
        return -1;
    }
    if (!ok) {
        tn_error(d, "lost the output or the exit status of '%s'", argv[0]);
        return -1;
    }
    if (output != NULL)
        *output = c.text.text != NULL ? c.text.text : tn_strdup(a, "");
    return WIFEXITED(c.status) ? WEXITSTATUS(c.status) : 128 + WTERMSIG(c.status);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Reads one word from *at into out; false when a quote is not closed. */
static bool read_word(const char **at, tn_str *out)
{
    const char *p = *at;
    char quote = '\0';
    for (; *p != '\0' && (quote != '\0' || !is_blank(*p)); p++) {
        bool escapes = *p == '\\' && (quote == '\0' ? p[1] != '\0' : quote == '"' && (p[1] == '"' || p[1] == '\\'));
        if (escapes)
            tn_str_put(out, ++p, 1);
        else if (*p == quote)
            quote = '\0';
        else if (quote == '\0' && (*p == '\'' || *p == '"'))
            quote = *p;
        else
            tn_str_put(out, p, 1);
    }
    *at = p;
    return quote == '\0';
}

char **tn_child_split(tn_arena *a, const char *words, size_t *n)
{
    struct {
        char **items;
        size_t n, room;
    } out = {0};
    for (const char *p = words;;) {
        while (is_blank(*p))
            p++;
        if (*p == '\0')
            break;
        tn_str word = {.arena = a};
        if (!read_word(&p, &word))
            return NULL;
        *TN_PUSH(a, out) = word.text != NULL ? word.text : tn_strdup(a, "");
    }
    *n = out.n;
    *TN_PUSH(a, out) = NULL;
    return out.items;
}
