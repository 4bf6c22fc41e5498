/* What we need of HDF5 in more than one file: its errors as one line, property lists, types, attributes. */
#ifndef SGS_STORE_HDF5_UTIL_H
#define SGS_STORE_HDF5_UTIL_H

#include "layout.h"
#include <hdf5.h>

/* No automatic printing of error stacks; call before the first HDF5 call of a public function that opens or creates. */
void sgs_hdf5_quiet(void);

/* Explain and fail: the formatted text, then the deepest useful message of HDF5's error stack, which is cleared. Where
 * that is the system's, SGS_EDAMAGED becomes SGS_EIO. */
sgs_status sgs_hdf5_fail(sgs_error *err, sgs_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* File access property list: library bounds V18, no file locking (FILE.lock is ours). H5I_INVALID_HID on error. */
hid_t sgs_hdf5_access(void);

/* The type in the file: little-endian whatever the machine; and the one in memory. Text: a new type, to be closed by
 * the caller; else a predefined one, which H5Tclose must not get. */
hid_t sgs_hdf5_file_type(sgs_variable_type type);
hid_t sgs_hdf5_memory_type(sgs_variable_type type);

/* Attributes: text as one fixed-length UTF-8 string (R's ncdf4 reads no others), numbers as one-dimensional arrays. */
sgs_status sgs_hdf5_put_text(hid_t object, const char *name, const char *text, sgs_error *err);
sgs_status sgs_hdf5_put_values(hid_t object, const char *name, sgs_variable_type type, int count, const void *values);
/* Text goes to a new NUL-terminated string. SGS_EDAMAGED: absent or of another type. */
sgs_status sgs_hdf5_get_text(hid_t object, const char *name, char **text, sgs_error *err);
sgs_status sgs_hdf5_get_int(hid_t object, const char *name, int *value, sgs_error *err);

#endif
