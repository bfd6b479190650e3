
void @NAME@_state_init(void *state)
{
    memset(state, 0, @UPPER@_STATE_SIZE);
}

@NAME@_status @NAME@_run_stateful(const @NAME@_io *io, @WEIGHTS_PARAM@void *work, size_t work_size, void *state@THREADS_PARAM@)
{
    unsigned char *const now = (unsigned char *)state, *const next = now + @UPPER@_STATE_SIZE / 2;
    @NAME@_io own;
    @NAME@_status status;
#ifndef @UPPER@_NO_CHECKS
    if (io == NULL || state == NULL)
        return @UPPER@_ERR_NULL;
    if ((uintptr_t)state % @UPPER@_STATE_ALIGN != 0)
        return @UPPER@_ERR_ALIGN;
#endif
    own = *io;
@MEMBERS@
    status = @NAME@_run(&own, @WEIGHTS@work, work_size@THREADS@);
    if (status == @UPPER@_OK)
        memcpy(now, next, @UPPER@_STATE_SIZE / 2);
    return status;
}
