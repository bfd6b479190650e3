/* See tar.h. The only file that knows libarchive. */
#define _POSIX_C_SOURCE 200809L
#include "base/tar.h"

#include "base/path.h"
#include "base/unwind.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- packing ---- */

typedef struct name_vec {
    char **items;
    size_t n, room;
} name_vec;

typedef struct packer {
    tn_arena *arena;
    tn_diag *diag;
    const char *tar_path, *folder;
    const char *beside; /* written first, then renamed to tar_path */
    name_vec names;     /* relative to folder, sorted */
    struct archive *archive;
    struct archive_entry *entry;
    FILE *file; /* being packed, or NULL */
    bool done;  /* beside became tar_path */
} packer;

/* Adds the files under folder/below; names in *out are relative to folder. */
static bool collect_files(tn_arena *a, tn_diag *d, const char *folder, const char *below, name_vec *out)
{
    char **names;
    size_t n;
    if (!tn_path_list(a, d, tn_path_join(a, folder, below), &names, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *name = tn_path_join(a, below, names[i]);
        const char *path = tn_path_join(a, folder, name);
        struct stat s;
        if (lstat(path, &s) != 0) {
            tn_error_at(d, path, "cannot read: %s", strerror(errno));
            return false;
        }
        if (S_ISREG(s.st_mode)) {
            *TN_PUSH(a, *out) = tn_strdup(a, name);
        } else if (!S_ISDIR(s.st_mode)) {
            tn_error_at(d, path, "is neither a file nor a folder, so it cannot be packed");
            return false;
        } else if (!collect_files(a, d, folder, name, out)) {
            return false;
        }
    }
    return true;
}

static int compare_names(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static bool fail_archive(tn_diag *d, const char *tar_path, const char *name, struct archive *archive)
{
    const char *why = archive_error_string(archive);
    tn_error_at(d, tar_path, "%s%s%s%s", name != NULL ? "entry '" : "", name != NULL ? name : "",
                name != NULL ? "': " : "", why != NULL ? why : "the archive library gave no reason");
    return false;
}

static bool put_header(const packer *p, const char *name, int64_t size)
{
    archive_entry_clear(p->entry);
    archive_entry_set_pathname(p->entry, name);
    archive_entry_set_filetype(p->entry, AE_IFREG);
    archive_entry_set_perm(p->entry, 0644);
    archive_entry_set_uid(p->entry, 0);
    archive_entry_set_gid(p->entry, 0);
    archive_entry_set_mtime(p->entry, 0, 0);
    archive_entry_set_size(p->entry, size);
    if (archive_write_header(p->archive, p->entry) != ARCHIVE_OK)
        return fail_archive(p->diag, p->tar_path, name, p->archive);
    return true;
}

static bool put_content(const packer *p, const char *name, int64_t size)
{
    char piece[1 << 14];
    int64_t put = 0;
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, p->file)) > 0) {
        put += (int64_t)got;
        if (put > size)
            break;
        if (archive_write_data(p->archive, piece, got) != (la_ssize_t)got)
            return fail_archive(p->diag, p->tar_path, name, p->archive);
    }
    if (put == size && !ferror(p->file))
        return true;
    tn_error_at(p->diag, p->tar_path, "'%s' could not be read or changed while it was packed", name);
    return false;
}

static bool pack_file(packer *p, const char *name)
{
    const char *path = tn_path_join(p->arena, p->folder, name);
    struct stat s;
    p->file = fopen(path, "rb");
    if (p->file == NULL || fstat(fileno(p->file), &s) != 0) {
        tn_error_at(p->diag, path, "cannot read: %s", strerror(errno));
        return false;
    }
    bool ok = put_header(p, name, s.st_size) && put_content(p, name, s.st_size);
    fclose(p->file);
    p->file = NULL;
    return ok;
}

static bool pack_files(void *state)
{
    packer *p = state;
    for (size_t i = 0; i < p->names.n; i++)
        if (!pack_file(p, p->names.items[i]))
            return false;
    if (archive_write_close(p->archive) != ARCHIVE_OK)
        return fail_archive(p->diag, p->tar_path, NULL, p->archive);
    p->done = rename(p->beside, p->tar_path) == 0;
    if (!p->done)
        tn_error_at(p->diag, p->tar_path, "cannot write: %s", strerror(errno));
    return p->done;
}

static void close_packer(void *state)
{
    packer *p = state;
    if (p->file != NULL)
        fclose(p->file);
    archive_entry_free(p->entry);
    archive_write_free(p->archive);
    if (!p->done)
        remove(p->beside);
}

/* False after an error; then nothing is left open. */
static bool open_packer(packer *p)
{
    p->archive = archive_write_new();
    p->entry = archive_entry_new();
    if (p->archive != NULL && p->entry != NULL && archive_write_set_format_ustar(p->archive) == ARCHIVE_OK
        && archive_write_open_filename(p->archive, p->beside) == ARCHIVE_OK)
        return true;
    if (p->archive == NULL)
        tn_error_at(p->diag, p->tar_path, "cannot write: the archive library could not start");
    else
        fail_archive(p->diag, p->tar_path, NULL, p->archive);
    archive_entry_free(p->entry);
    archive_write_free(p->archive);
    return false;
}

bool tn_tar_write(tn_arena *a, tn_diag *d, const char *tar_path, const char *folder)
{
    packer p = {.arena = a, .diag = d, .tar_path = tar_path, .folder = folder};
    if (!collect_files(a, d, folder, "", &p.names))
        return false;
    if (p.names.n > 1)
        qsort(p.names.items, p.names.n, sizeof *p.names.items, compare_names);
    p.beside = tn_strfmt(a, "%s.part", tar_path);
    return open_packer(&p) && tn_finally(a, pack_files, close_packer, &p);
}

/* ---- unpacking ---- */

typedef struct unpacker {
    tn_arena *arena;
    tn_diag *diag;
    const char *tar_path, *folder;
    int64_t tar_size;
    struct archive *archive;
    int fd; /* being written, or -1 */
} unpacker;

static bool refuse(const unpacker *u, const char *name, const char *why)
{
    tn_error_at(u->diag, u->tar_path, "entry '%s': %s", name, why);
    return false;
}

static bool has_parent_step(const char *name)
{
    for (const char *p = name; *p != '\0';) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0)
            return true;
        p += n + (p[n] == '/');
    }
    return false;
}

static bool check_entry(const unpacker *u, struct archive_entry *e, const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return refuse(u, name, "has an absolute or empty name, which could leave the folder");
    if (has_parent_step(name))
        return refuse(u, name, "has '..' in its name, which could leave the folder");
    if (archive_entry_hardlink(e) != NULL || archive_entry_symlink(e) != NULL || archive_entry_filetype(e) == AE_IFLNK)
        return refuse(u, name, "is a link; only files and folders are unpacked");
    if (archive_entry_filetype(e) != AE_IFREG && archive_entry_filetype(e) != AE_IFDIR)
        return refuse(u, name, "is neither a file nor a folder");
    if (archive_entry_sparse_count(e) > 0 || archive_entry_size(e) > u->tar_size)
        return refuse(u, name, "is sparse or claims to be larger than the archive");
    return true;
}

static bool copy_content(const unpacker *u, const char *name)
{
    char piece[1 << 14];
    la_ssize_t got;
    while ((got = archive_read_data(u->archive, piece, sizeof piece)) > 0)
        for (la_ssize_t done = 0; done < got;) {
            ssize_t put = write(u->fd, piece + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return refuse(u, name, strerror(errno));
            done += put > 0 ? put : 0;
        }
    return got == 0 || fail_archive(u->diag, u->tar_path, name, u->archive);
}

/* The folder above a path that has a slash in it. */
static bool make_folder_above(const unpacker *u, const char *path)
{
    return tn_path_make_folder(u->diag, tn_strndup(u->arena, path, (size_t)(strrchr(path, '/') - path)));
}

static bool unpack_file(unpacker *u, const char *name)
{
    const char *path = tn_path_join(u->arena, u->folder, name);
    if (!make_folder_above(u, path))
        return false;
    u->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (u->fd < 0)
        return refuse(u, name, strerror(errno));
    bool ok = copy_content(u, name);
    if (close(u->fd) != 0 && ok)
        ok = refuse(u, name, strerror(errno));
    u->fd = -1;
    return ok;
}

static bool unpack_entry(unpacker *u, struct archive_entry *e)
{
    const char *given = archive_entry_pathname(e);
    if (given == NULL)
        given = archive_entry_pathname_utf8(e);
    if (given == NULL)
        return refuse(u, "?", "has a name that cannot be read");
    const char *name = tn_strdup(u->arena, given);
    if (!check_entry(u, e, name))
        return false;
    if (archive_entry_filetype(e) == AE_IFDIR)
        return tn_path_make_folder(u->diag, tn_path_join(u->arena, u->folder, name));
    return unpack_file(u, name);
}

static bool unpack_entries(void *state)
{
    unpacker *u = state;
    struct archive_entry *e;
    int got;
    while ((got = archive_read_next_header(u->archive, &e)) == ARCHIVE_OK || got == ARCHIVE_WARN)
        if (!unpack_entry(u, e))
            return false;
    return got == ARCHIVE_EOF || fail_archive(u->diag, u->tar_path, NULL, u->archive);
}

static void close_unpacker(void *state)
{
    unpacker *u = state;
    if (u->fd >= 0)
        close(u->fd);
    archive_read_free(u->archive);
}

/* False after an error; then nothing is left open. */
static bool open_unpacker(unpacker *u)
{
    struct stat s;
    if (stat(u->tar_path, &s) != 0) {
        tn_error_at(u->diag, u->tar_path, "cannot open: %s", strerror(errno));
        return false;
    }
    u->tar_size = s.st_size;
    u->archive = archive_read_new();
    if (u->archive == NULL) {
        tn_error_at(u->diag, u->tar_path, "cannot read: the archive library could not start");
        return false;
    }
    if (archive_read_support_format_tar(u->archive) == ARCHIVE_OK
        && archive_read_open_filename(u->archive, u->tar_path, 1 << 16) == ARCHIVE_OK)
        return true;
    fail_archive(u->diag, u->tar_path, NULL, u->archive);
    archive_read_free(u->archive);
    return false;
}

bool tn_tar_extract(tn_arena *a, tn_diag *d, const char *tar_path, const char *folder)
{
    unpacker u = {.arena = a, .diag = d, .tar_path = tar_path, .folder = folder, .fd = -1};
    return tn_path_make_folder(d, folder) && open_unpacker(&u) && tn_finally(a, unpack_entries, close_unpacker, &u);
}
