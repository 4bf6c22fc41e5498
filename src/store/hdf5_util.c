/* HDF5's errors as one line, property lists, types, attributes (hdf5_util.h). */
#include "hdf5_util.h"
#include "sgdsweep/store.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sgs_hdf5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void sgs_store_start(void)
{
    H5dont_atexit();
    H5open(); /* without MPI the library leaves no call of itself behind for MPI_Finalize */
}

enum { DEEPEST_BYTES = 400 };

/* Called from the innermost frame outwards: the first text that says anything is the one to keep. */
static herr_t keep_first(unsigned n, const H5E_error2_t *frame, void *text)
{
    (void)n;
    if (((char *)text)[0] == '\0' && frame->desc)
        snprintf(text, DEEPEST_BYTES, "%s", frame->desc);
    return 0;
}

/* HDF5 wraps the system's words: "file write failed: time = ..., errno = 28, error message = 'No space left ...'". */
static bool unwrap_system_text(char *text)
{
    char *begin = strstr(text, "error message = '");
    if (!begin)
        return false;
    begin += strlen("error message = '");
    char *end = strchr(begin, '\'');
    if (!end)
        return false;
    *end = '\0';
    memmove(text, begin, (size_t)(end - begin) + 1);
    return true;
}

sgs_status sgs_hdf5_fail(sgs_error *err, sgs_status status, const char *format, ...)
{
    char what[SGS_ERROR_TEXT_BYTES / 2];
    char deepest[DEEPEST_BYTES] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, deepest);
    H5Eclear2(H5E_DEFAULT);
    if (unwrap_system_text(deepest) && status == SGS_EDAMAGED)
        status = SGS_EIO; /* a file that cannot be read says nothing about its bytes */
    if (deepest[0] == '\0')
        return sgs_fail(err, status, "%s", what);
    return sgs_fail(err, status, "%s: %s", what, deepest);
}

hid_t sgs_hdf5_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return H5I_INVALID_HID;
    /* V18 means superblock 2, which has no flag "open for writing" that a killed sweep would leave behind. A sieve
     * buffer would hold back writes, and with them the order of data, checksum and status. */
    if (H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0 || H5Pset_sieve_buf_size(access, 0) < 0 ||
        H5Pset_file_locking(access, false, true) < 0) {
        H5Pclose(access);
        return H5I_INVALID_HID;
    }
    return access;
}

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

hid_t sgs_hdf5_file_type(sgs_variable_type type)
{
    switch (type) {
    case SGS_TYPE_TEXT:
        return text_type(H5T_VARIABLE);
    case SGS_TYPE_INT8:
        return H5T_STD_I8LE;
    case SGS_TYPE_INT32:
        return H5T_STD_I32LE;
    case SGS_TYPE_INT64:
        return H5T_STD_I64LE;
    case SGS_TYPE_UINT32:
        return H5T_STD_U32LE;
    case SGS_TYPE_REAL:
        return H5T_IEEE_F64LE;
    }
    return H5I_INVALID_HID;
}

hid_t sgs_hdf5_memory_type(sgs_variable_type type)
{
    switch (type) {
    case SGS_TYPE_TEXT:
        return text_type(H5T_VARIABLE);
    case SGS_TYPE_INT8:
        return H5T_NATIVE_INT8;
    case SGS_TYPE_INT32:
        return H5T_NATIVE_INT32;
    case SGS_TYPE_INT64:
        return H5T_NATIVE_INT64;
    case SGS_TYPE_UINT32:
        return H5T_NATIVE_UINT32;
    case SGS_TYPE_REAL:
        return H5T_NATIVE_DOUBLE;
    }
    return H5I_INVALID_HID;
}

sgs_status sgs_hdf5_put_text(hid_t object, const char *name, const char *text, sgs_error *err)
{
    size_t size = strlen(text);
    sgs_status status = SGS_EIO;
    hid_t type = text_type(size > 0 ? size : 1), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0 && H5Awrite(attribute, type, text) >= 0)
        status = SGS_OK;
    if (status != SGS_OK)
        sgs_hdf5_fail(err, status, "attribute %s", name);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

sgs_status sgs_hdf5_put_values(hid_t object, const char *name, sgs_variable_type type, int count, const void *values)
{
    hsize_t extent = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t attribute = H5Acreate2(object, name, sgs_hdf5_file_type(type), space, H5P_DEFAULT, H5P_DEFAULT);
    bool written = attribute >= 0 && H5Awrite(attribute, sgs_hdf5_memory_type(type), values) >= 0;
    H5Aclose(attribute);
    H5Sclose(space);
    return written ? SGS_OK : SGS_EIO;
}

/* Every HDF5 call clears the error stack, so the one that failed must be the last before sgs_hdf5_fail. */
static sgs_status read_text(hid_t attribute, hid_t type, char **text)
{
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0)
        return SGS_EDAMAGED;
    *text = calloc(H5Tget_size(type) + 1, 1);
    if (!*text)
        return SGS_ENOMEM;
    return H5Aread(attribute, type, *text) < 0 ? SGS_EDAMAGED : SGS_OK;
}

sgs_status sgs_hdf5_get_text(hid_t object, const char *name, char **text, sgs_error *err)
{
    *text = NULL;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return sgs_hdf5_fail(err, SGS_EDAMAGED, "attribute %s", name);
    hid_t type = H5Aget_type(attribute);
    sgs_status status = type < 0 ? SGS_EDAMAGED : read_text(attribute, type, text);
    if (status != SGS_OK) {
        status = sgs_hdf5_fail(err, status, "attribute %s is no text", name);
        free(*text);
        *text = NULL;
    }
    H5Tclose(type);
    H5Aclose(attribute);
    return status;
}

static sgs_status read_int(hid_t attribute, int *value)
{
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    bool fits = H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1;
    H5Sclose(space);
    H5Tclose(type);
    return fits && H5Aread(attribute, H5T_NATIVE_INT, value) >= 0 ? SGS_OK : SGS_EDAMAGED;
}

sgs_status sgs_hdf5_get_int(hid_t object, const char *name, int *value, sgs_error *err)
{
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return sgs_hdf5_fail(err, SGS_EDAMAGED, "attribute %s", name);
    sgs_status status = read_int(attribute, value);
    if (status != SGS_OK)
        status = sgs_hdf5_fail(err, status, "attribute %s is no integer", name);
    H5Aclose(attribute);
    return status;
}
