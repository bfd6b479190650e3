/* Two checksums: FNV-1a for tables and cache keys, CRC-32 for files that other programs check. */
#ifndef TN_HASH_H
#define TN_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 64-bit FNV-1a; seed 0 gives the published values, and an earlier hash as seed chains two pieces. */
uint64_t tn_hash(const void *bytes, size_t n, uint64_t seed);

/* CRC-32 of IEEE 802.3 (zip, gzip, PNG): reflected, polynomial 0xedb88320, inverted at both ends. before: that of the
   bytes in front, 0 of none. */
uint32_t tn_crc32(uint32_t before, const void *bytes, size_t n);

#endif
