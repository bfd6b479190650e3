
#ifndef @UPPER@_NO_INFO
const @NAME@_info *@NAME@_get_info(void)
{
@TABLES@
    static const @NAME@_info info = {
        "@NAME@",
        "@VERSION@",
        @TARGET@,
        @UPPER@_MODEL_HASH,
        @UPPER@_WORK_SIZE,
        @UPPER@_WORK_ALIGN,
        @UPPER@_WEIGHTS_SIZE,
        @UPPER@_MACC,
        @UPPER@_INPUTS,
        @UPPER@_OUTPUTS,
        @UPPER@_LAYER_COUNT,
        @INPUT_TABLE@,
        @OUTPUT_TABLE@,
        @LAYER_TABLE@,
    };
    return &info;
}
#endif
