/* See hash.h. FNV-1a: draft-eastlake-fnv. CRC-32: RFC 1952 section 8, by half bytes, so that the table is small enough
   to be a constant and needs no first call. */
#include "base/hash.h"

uint64_t tn_hash(const void *bytes, size_t n, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

uint32_t tn_crc32(uint32_t before, const void *bytes, size_t n)
{
    static const uint32_t step[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *p = bytes;
    uint32_t crc = ~before;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ step[crc & 15u];
        crc = crc >> 4 ^ step[crc & 15u];
    }
    return ~crc;
}
