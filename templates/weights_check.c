
/* Little-endian, from any address. */
static uint64_t @NAME@_get_number(const unsigned char *at, int bytes)
{
    uint64_t x = 0;
    while (bytes > 0)
        x = x << 8 | at[--bytes];
    return x;
}

/* CRC-32 of IEEE 802.3, by half bytes. */
static uint32_t @NAME@_crc32(const unsigned char *p, size_t n)
{
    static const uint32_t step[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ step[crc & 15u];
        crc = crc >> 4 ^ step[crc & 15u];
    }
    return crc ^ 0xffffffffu;
}

@NAME@_status @NAME@_weights_check(const void *weights, size_t size)
{
    const unsigned char *const head = (const unsigned char *)weights;
    if (weights == NULL)
        return @UPPER@_ERR_NULL;
    if ((uintptr_t)weights % @UPPER@_WEIGHTS_ALIGN != 0)
        return @UPPER@_ERR_ALIGN;
    if (size < @UPPER@_WEIGHTS_FILE_SIZE)
        return @UPPER@_ERR_WEIGHTS;
    if (head[0] != 'T' || head[1] != 'N' || head[2] != 'W' || head[3] != '1' || @NAME@_get_number(head + 4, 4) != 1)
        return @UPPER@_ERR_WEIGHTS;
    if (@NAME@_get_number(head + 8, 8) != @WEIGHTS_ID@ || @NAME@_get_number(head + 16, 8) != @UPPER@_WEIGHTS_SIZE)
        return @UPPER@_ERR_WEIGHTS;
    if (@NAME@_get_number(head + 24, 4) != @NAME@_crc32(head + @HEADER@, @UPPER@_WEIGHTS_SIZE))
        return @UPPER@_ERR_WEIGHTS;
    return @UPPER@_OK;
}
