/* The frozen part of a results file: every byte outside of the raw data of live variables. Its CRC32C and the raw
 * extents stand in the first line of FILE.log, so that damage is found by plain reads before HDF5 parses anything (with
 * one bit flipped, HDF5 1.10.8 itself crashes or hangs on 4 % of the bytes). */
#ifndef SGS_STORE_FROZEN_H
#define SGS_STORE_FROZEN_H

#include "layout.h"
#include "sgdsweep/store.h"

typedef struct sgs_extent {
    const char *name; /* of the variable; borrowed, NULL when read from a log */
    int64_t offset, bytes;
} sgs_extent;

/* Extents ascend and do not overlap. */
typedef struct sgs_frozen {
    uint32_t crc;
    int64_t file_bytes;
    int count;
    sgs_extent extent[SGS_LAYOUT_VARIABLES];
} sgs_frozen;

/* Raw extents of the live variables of an open store; crc and file_bytes are not set. */
sgs_status sgs_frozen_extents(const sgs_store *store, sgs_frozen *frozen, sgs_error *err);

/* CRC32C of the bytes outside of the extents, in ascending order. */
sgs_status sgs_frozen_crc(int fd, const sgs_frozen *frozen, uint32_t *crc, sgs_error *err);

/* The first line of FILE.log with its newline, in a new string; NULL: out of memory. */
char *sgs_frozen_line(const sgs_frozen *frozen, const sgs_grid *grid);

/* The first line of FILE.log. found: false if there is no log, or none that begins with such a line. */
sgs_status sgs_frozen_read_log(const char *path, bool *found, sgs_frozen *frozen, sgs_error *err);

/* Open a file in a child process that may crash or hang in place of this one. */
sgs_status sgs_probe_file(const char *path, unsigned timeout_s, sgs_error *err);

enum { SGS_PROBE_TIMEOUT_S = 30 };

/* PATH and a suffix in a new string; NULL: out of memory. sgs_state_folder: FILE.ckpt. */
char *sgs_beside(const char *path, const char *suffix);
char *sgs_state_folder(const char *path);

#endif
