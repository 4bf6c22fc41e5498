/** @file key.c
 *  128-bit keys (XXH3) and CRC32C (ISA-L): thin, so that one place decides which hash stands in files. */
#include "sgdsweep/base.h"

#include <isa-l/crc.h>
#include <limits.h>
#include <stdio.h>
#include <xxhash.h>

sgs_key sgs_key_of(const void *bytes, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, size);
    return (sgs_key){.hi = hash.high64, .lo = hash.low64};
}

sgs_key sgs_key_add(sgs_key a, sgs_key b)
{
    sgs_key sum = {.hi = a.hi + b.hi, .lo = a.lo + b.lo};
    sum.hi += sum.lo < a.lo;
    return sum;
}

bool sgs_key_equal(sgs_key a, sgs_key b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

char *sgs_key_text(sgs_key key, char text[SGS_KEY_TEXT_BYTES])
{
    snprintf(text, SGS_KEY_TEXT_BYTES, "%016llx%016llx", (unsigned long long)key.hi, (unsigned long long)key.lo);
    return text;
}

uint32_t sgs_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    /* crc32_iscsi takes and gives the register: the finished value is its complement. Its length is an int, and its
     * buffer is not const though it only reads. */
    unsigned char *next = (unsigned char *)bytes;
    uint32_t state = ~crc;
    while (size > 0) {
        int part = size > INT_MAX ? INT_MAX : (int)size;
        state = crc32_iscsi(next, part, state);
        next += part;
        size -= (size_t)part;
    }
    return ~state;
}
