/* See path.h. Fixed buffers where there is no arena: a longer path is an error, not a cut one. */
#define _POSIX_C_SOURCE 200809L
#include "base/path.h"

#include "base/unwind.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, NAME_TRIES = 1000 };

bool tn_path_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

bool tn_path_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

const char *tn_path_join(tn_arena *a, const char *folder, const char *name)
{
    size_t n = strlen(folder);
    if (n == 0 || name[0] == '/')
        return tn_strdup(a, name);
    return tn_strfmt(a, "%s%s%s", folder, folder[n - 1] == '/' || name[0] == '\0' ? "" : "/", name);
}

/* The length of the path without the slashes at its end; the root keeps its one. */
static size_t trimmed_length(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

const char *tn_path_stem(tn_arena *a, const char *path)
{
    size_t end = trimmed_length(path), start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    for (size_t dot = end; dot > start + 1; dot--)
        if (path[dot - 1] == '.')
            return tn_strndup(a, path + start, dot - 1 - start);
    return tn_strndup(a, path + start, end - start);
}

static bool make_one_folder(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return true;
    int reason = errno;
    bool there = reason == EEXIST && tn_path_is_folder(path);
    errno = reason;
    return there;
}

bool tn_path_make_folder(tn_diag *d, const char *path)
{
    char part[PATH_ROOM];
    size_t n = strlen(path);
    bool ok = n > 0 && n < sizeof part;
    if (!ok)
        errno = n == 0 ? ENOENT : ENAMETOOLONG;
    for (size_t i = 1; ok && i <= n; i++)
        if ((path[i] == '/' || path[i] == '\0') && path[i - 1] != '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            ok = make_one_folder(part);
        }
    if (!ok)
        tn_error_at(d, path, "cannot make the folder: %s", strerror(errno));
    return ok;
}

static int remove_entry(int folder, const char *name);

/* 0, or the errno of the first entry that would not go. */
static int remove_entries(DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (e == NULL)
            return errno;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int reason = remove_entry(dirfd(dir), e->d_name);
        if (reason != 0)
            return reason;
    }
}

/* O_NOFOLLOW and openat: a folder that somebody swaps for a link in between is refused, not entered. */
static int remove_entry(int folder, const char *name)
{
    struct stat s;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISDIR(s.st_mode))
        return unlinkat(folder, name, 0) == 0 ? 0 : errno;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int reason = errno;
        close(fd);
        return reason;
    }
    int reason = remove_entries(dir);
    closedir(dir);
    if (reason != 0)
        return reason;
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

/* Copies without the slashes at the end: with one, lstat and rename would follow a link. */
static bool copy_trimmed(tn_diag *d, const char *path, char out[PATH_ROOM])
{
    size_t n = trimmed_length(path);
    if (n >= PATH_ROOM) {
        tn_error_at(d, path, "path too long");
        return false;
    }
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

bool tn_path_remove_tree(tn_diag *d, const char *path)
{
    char trimmed[PATH_ROOM];
    if (!copy_trimmed(d, path, trimmed))
        return false;
    int reason = remove_entry(AT_FDCWD, trimmed);
    if (reason != 0)
        tn_error_at(d, path, "cannot remove: %s", strerror(reason));
    return reason == 0;
}

typedef struct listing {
    tn_arena *arena;
    DIR *dir;
    char **items;
    size_t n, room;
} listing;

static bool read_names(void *state)
{
    listing *l = state;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(l->dir);
        if (e == NULL)
            return errno == 0;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            *TN_PUSH(l->arena, *l) = tn_strdup(l->arena, e->d_name);
    }
}

static void close_listing(void *state)
{
    int reason = errno;
    closedir(((listing *)state)->dir);
    errno = reason;
}

static int compare_names(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

bool tn_path_list(tn_arena *a, tn_diag *d, const char *folder, char ***names, size_t *n)
{
    listing l = {a, opendir(folder), NULL, 0, 0};
    if (l.dir == NULL || !tn_finally(a, read_names, close_listing, &l)) {
        tn_error_at(d, folder, "cannot list the folder: %s", strerror(errno));
        return false;
    }
    if (l.n > 1)
        qsort(l.items, l.n, sizeof *l.items, compare_names);
    *names = l.items;
    *n = l.n;
    return true;
}

static const char *make_private_folder(tn_arena *a, tn_diag *d)
{
    const char *place = getenv("TMPDIR");
    if (place == NULL || place[0] == '\0')
        place = "/tmp";
    char *path = tn_strfmt(a, "%s/tenon-XXXXXX", place);
    if (mkdtemp(path) != NULL)
        return path;
    tn_error_at(d, place, "cannot make a temporary folder: %s; set TMPDIR to one that can be written", strerror(errno));
    return NULL;
}

/* Not mkdtemp: its mode 0700 would stay on the folder after the rename. */
const char *tn_path_temp_folder(tn_arena *a, tn_diag *d, const char *beside)
{
    if (beside == NULL)
        return make_private_folder(a, d);
    for (int i = 0; i < NAME_TRIES; i++) {
        char *path = tn_strfmt(a, "%.*s.part-%ld-%d", (int)trimmed_length(beside), beside, (long)getpid(), i);
        if (mkdir(path, 0777) == 0)
            return path;
        if (errno != EEXIST)
            break;
    }
    tn_error_at(d, beside, "cannot make a temporary folder beside it: %s", strerror(errno));
    return NULL;
}

/* Renames the folder to a name nobody uses. On success `aside` holds that name. */
static bool move_aside(const char *folder, char aside[PATH_ROOM])
{
    for (int i = 0; i < NAME_TRIES; i++) {
        if (snprintf(aside, PATH_ROOM, "%s.old-%ld-%d", folder, (long)getpid(), i) >= PATH_ROOM) {
            errno = ENAMETOOLONG;
            return false;
        }
        struct stat s;
        if (lstat(aside, &s) != 0)
            return rename(folder, aside) == 0;
    }
    errno = EEXIST;
    return false;
}

bool tn_path_replace_folder(tn_diag *d, const char *from, const char *to)
{
    char target[PATH_ROOM], aside[PATH_ROOM];
    struct stat s;
    if (!copy_trimmed(d, to, target))
        return false;
    bool occupied = lstat(target, &s) == 0;
    if (occupied && !tn_path_is_folder(target)) {
        tn_error_at(d, to, "is not a folder, so it is not replaced by one; remove it or choose another name");
        return false;
    }
    bool moved = occupied && move_aside(target, aside);
    if ((occupied && !moved) || rename(from, target) != 0) {
        int reason = errno;
        if (moved && rename(aside, target) != 0)
            tn_error_at(d, to, "cannot put the older folder back; it is at '%s'", aside);
        tn_error_at(d, to, "cannot be replaced by '%s': %s", from, strerror(reason));
        return false;
    }
    return !moved || tn_path_remove_tree(d, aside);
}
