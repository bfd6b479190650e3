
#ifndef @UPPER@_NO_INFO
@PROTOTYPE@
const @NAME@_info *@GET_INFO@(void)
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
        @LAYERS@,
        @INPUT_TABLE@,
        @OUTPUT_TABLE@,
        @LAYER_TABLE@,
    };
    return &info;
}
#endif
