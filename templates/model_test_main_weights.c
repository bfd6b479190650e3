#ifndef @UPPER@_TEST_NO_MAIN
/* Reads the weights from the file that is given, or from @NAME@_weights.bin here. */
static int @NAME@_read_weights(const char *path, unsigned char *to)
{
    FILE *const f = fopen(path, "rb");
    const size_t n = f != NULL ? fread(to, 1, @UPPER@_WEIGHTS_FILE_SIZE, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    if (n != @UPPER@_WEIGHTS_FILE_SIZE)
        (void)printf("@NAME@: cannot read the weights from %s\n", path);
    return n == @UPPER@_WEIGHTS_FILE_SIZE;
}

static unsigned char *@NAME@_align(unsigned char *p, size_t align)
{
    return p + (align - (size_t)((uintptr_t)p % align)) % align;
}

int main(int argc, char **argv)
{
    static unsigned char work_room[@UPPER@_WORK_SIZE + @UPPER@_WORK_ALIGN];
    static unsigned char weights_room[@UPPER@_WEIGHTS_FILE_SIZE + @UPPER@_WEIGHTS_ALIGN];
    unsigned char *const weights = @NAME@_align(weights_room, @UPPER@_WEIGHTS_ALIGN);
    @NAME@_status status;
@OPEN_POOL@
    if (!@NAME@_read_weights(argc > 1 ? argv[1] : "@NAME@_weights.bin", weights))
        return 1;
    status = @NAME@_weights_check(weights, @UPPER@_WEIGHTS_FILE_SIZE);
    if (status == @UPPER@_OK)
        status = @NAME@_selftest(weights, @NAME@_align(work_room, @UPPER@_WORK_ALIGN), @UPPER@_WORK_SIZE@THREADS_ARG@);
@CLOSE_POOL@
    if (status == @UPPER@_OK)
        (void)printf("@NAME@: self-test passed\n");
    else
        (void)printf("@NAME@: self-test failed: status %d\n", (int)status);
    return status == @UPPER@_OK ? 0 : 1;
}
#endif
