/** @file base.h
 *  What every module shares: status codes, error text owned by the caller, 128-bit keys.
 *  Nothing here is collective; nothing prints or exits. */
#ifndef SGDSWEEP_BASE_H
#define SGDSWEEP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a function of the library returns. SGS_OK is 0, everything else is an error; larger values win when ranks
 *  disagree (sgs_agree_coll). */
typedef enum sgs_status {
    SGS_OK = 0,
    SGS_STOPPED,  /**< asked to stop before the work was done; resumable */
    SGS_EINVAL,   /**< bad input of the user: grid file, command line, environment */
    SGS_EDAMAGED, /**< a file is not what it says: bad structure, checksum, truncated */
    SGS_EEXIST,   /**< would overwrite, or is held by somebody else */
    SGS_ERANGE,   /**< an argument outside of its documented range */
    SGS_ENOMEM,   /**< out of memory */
    SGS_EIO,      /**< a system or library call on a file failed */
    SGS_EFAIL     /**< anything else; a bug of ours */
} sgs_status;

/** Exit codes of the program (README, "Exit codes"). */
enum { SGS_EXIT_COMPLETE = 0, SGS_EXIT_FAILURE = 1, SGS_EXIT_USAGE = 2, SGS_EXIT_DAMAGED = 3, SGS_EXIT_STOPPED = 75 };

enum { SGS_ERROR_TEXT_BYTES = 1024 };

/** Error text, owned by the caller; one line without a newline. Empty when nothing failed. */
typedef struct sgs_error {
    char text[SGS_ERROR_TEXT_BYTES];
} sgs_error;

/** Explain and fail: write the formatted text into err (may be NULL; the text is cut at its size) and return status. */
sgs_status sgs_fail(sgs_error *err, sgs_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Put "context: " in front of the text that is in err already (may be NULL) and return status unchanged. */
sgs_status sgs_fail_in(sgs_error *err, sgs_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The exit code that reports a status: OK 0, STOPPED 75, EINVAL 2, EDAMAGED 3, the others 1. */
int sgs_exit_code(sgs_status status);

/** A 128-bit key or digest. */
typedef struct sgs_key {
    uint64_t hi, lo;
} sgs_key;

enum { SGS_KEY_TEXT_BYTES = 33 };

/** XXH3-128 (seed 0) of size bytes. */
sgs_key sgs_key_of(const void *bytes, size_t size);

/** Sum modulo 2^128: commutative and associative, so a digest over runs depends on no order. */
sgs_key sgs_key_add(sgs_key a, sgs_key b);

bool sgs_key_equal(sgs_key a, sgs_key b);

/** 32 lower-case hexadecimal digits, hi first, and a NUL into text. Returns text. */
char *sgs_key_text(sgs_key key, char text[SGS_KEY_TEXT_BYTES]);

/** CRC32C (Castagnoli, ISA-L's crc32_iscsi) of size bytes, continuing from crc (0 to begin). */
uint32_t sgs_crc32c(uint32_t crc, const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
