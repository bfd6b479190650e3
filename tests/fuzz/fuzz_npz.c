/* Any bytes as an .npy or .npz file: the reader must give arrays that fit their sizes, or an error. Bytes that begin as an
   .npy are parsed from memory; all others go through a file in memory, since libzip reads files. */
#define _GNU_SOURCE
#include "base/npz.h"
#include "guard.h"

#include <sys/mman.h>
#include <unistd.h>

/* Every byte that an array claims is there: the sanitizer sees a read beyond the end. */
static void touch(const tn_array *a)
{
    volatile unsigned char sum = 0;
    size_t count = 1;
    if (a->rank < 0 || a->rank > TN_ARRAY_MAX_RANK)
        abort();
    for (int i = 0; i < a->rank; i++)
        count *= (size_t)a->dim[i];
    if (count > a->bytes || (count == 0 && a->bytes != 0))
        abort();
    for (size_t i = 0; i < a->bytes; i++)
        sum = (unsigned char)(sum + ((const unsigned char *)a->data)[i]);
}

static void read_npy(guard *g, const void *bytes, size_t n)
{
    tn_array a = {0};
    if (tn_npy_parse(&g->arena, &g->diag, "fuzz.npy", bytes, n, &a))
        touch(&a);
    else if (g->diag.errors == 0)
        abort();
}

/* The path of a file in memory that holds what the fuzzer gave; set before the guarded body runs. */
static char zip_path[64];

static void read_npz(guard *g, const void *bytes, size_t n)
{
    tn_array_vec all = {0};
    (void)bytes;
    (void)n;
    if (!tn_npz_read(&g->arena, &g->diag, zip_path, &all)) {
        if (g->diag.errors == 0)
            abort();
        return;
    }
    for (size_t i = 0; i < all.n; i++)
        touch(&all.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n > 0 && bytes[0] == 0x93) {
        guard_run(read_npy, bytes, n);
        return 0;
    }
    int file = memfd_create("fuzz.npz", 0);
    if (file < 0 || write(file, bytes, n) != (ssize_t)n)
        abort();
    snprintf(zip_path, sizeof zip_path, "/proc/self/fd/%d", file);
    guard_run(read_npz, bytes, n);
    close(file);
    return 0;
}
