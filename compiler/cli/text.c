/* See text.h. */
#define _POSIX_C_SOURCE 200809L
#include "cli/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_print_json_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(f, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(f, "\\u%04x", byte);
        else
            fputc(byte, f);
    }
    fputc('"', f);
}

void cli_print_json_number(FILE *f, double x)
{
    if (isfinite(x))
        fprintf(f, "%.9g", x);
    else
        fputs("null", f);
}

/* Reads what is left of f. */
static char *read_all(cli *c, FILE *f, size_t *size)
{
    size_t room = 1 << 16, n = 0;
    char *bytes = malloc(room);
    while (bytes != NULL) {
        n += fread(bytes + n, 1, room - n - 1, f);
        if (n + 1 < room)
            break;
        char *larger = room <= SIZE_MAX / 2 ? realloc(bytes, room * 2) : NULL;
        if (larger == NULL)
            free(bytes);
        bytes = larger;
        room *= 2;
    }
    char *kept = bytes != NULL ? cli_alloc(c, n + 1, 1) : NULL;
    if (kept != NULL)
        memcpy(kept, bytes, n);
    free(bytes);
    *size = n;
    return kept;
}

char *cli_read_file(cli *c, const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        cli_fail(c, TN_ERR_FILE, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    char *bytes = read_all(c, f, size);
    if (bytes != NULL && ferror(f)) {
        cli_fail(c, TN_ERR_FILE, "%s: cannot read: %s", path, strerror(errno));
        bytes = NULL;
    }
    fclose(f);
    return bytes;
}

static bool write_text(FILE *f, const char *text)
{
    size_t n = strlen(text);
    bool written = fwrite(text, 1, n, f) == n;
    return fclose(f) == 0 && written;
}

/* A device or a pipe is written to as it is: renaming onto /dev/null would put a plain file in its place. */
static bool is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

int cli_write_file(cli *c, const char *path, const char *text)
{
    size_t room = strlen(path) + 32;
    char *beside = cli_alloc(c, room, 1);
    if (beside == NULL)
        return TN_ERR_MEMORY;
    bool special = is_special(path);
    snprintf(beside, room, "%s.%ld.part", path, (long)getpid());
    FILE *f = fopen(special ? path : beside, "wb");
    if (f == NULL)
        return cli_fail(c, TN_ERR_FILE, "%s: cannot create: %s", path, strerror(errno));
    if (write_text(f, text) && (special || rename(beside, path) == 0))
        return TN_OK;
    int reason = errno;
    if (!special)
        remove(beside);
    return cli_fail(c, TN_ERR_FILE, "%s: cannot write: %s", path, strerror(reason));
}

int cli_print_text(cli *c, const char *text)
{
    cli_progress_clear(&c->progress);
    if (text == NULL)
        return cli_failed(c);
    size_t n = strlen(text);
    fputs(text, stdout);
    if (n > 0 && text[n - 1] != '\n')
        putchar('\n');
    return TN_OK;
}

bool cli_read_lines(cli *c, const char *path, cli_lines *out)
{
    size_t size;
    char *text = cli_read_file(c, path, &size);
    if (text == NULL)
        return false;
    size_t most = 1;
    for (size_t i = 0; i < size; i++)
        most += text[i] == '\n';
    *out = (cli_lines){cli_alloc(c, most, sizeof *out->line), 0};
    if (out->line == NULL)
        return false;
    for (char *line = text; line < text + size;) {
        size_t n = strcspn(line, "\n");
        char *next = line + n + 1;
        line[n] = '\0';
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        out->line[out->n++] = line;
        line = next;
    }
    return true;
}
