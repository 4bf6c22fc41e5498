/* The HDF5 side of creation: serial driver, one rank.
 *
 * Invariants: every dataset is contiguous and allocated at once, so that nothing but raw bytes changes afterwards; fill
 * time ALLOC, since zeros would look like results; no times in object headers, so equal grids give equal files;
 * creation order tracked everywhere, which netCDF-4 needs to append. */
#include "build.h"
#include "hdf5_util.h"
#include "sgdsweep/store.h"
#include "values.h"
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What creation hands from step to step. */
typedef struct builder {
    const sgs_grid *grid;
    const sgs_layout *layout;
    bool reserve_wide;
    hid_t file;
    hid_t dataset[SGS_LAYOUT_VARIABLES];
} builder;

enum { TRACKED_AND_INDEXED = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED };

static bool set_fill(hid_t properties, const sgs_variable *variable)
{
    sgs_value fill;
    if (!sgs_variable_fill(variable, &fill))
        return true;
    return H5Pset_fill_value(properties, sgs_hdf5_memory_type(variable->type), &fill) >= 0;
}

static hid_t dataset_properties(const sgs_variable *variable, bool fill)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (properties >= 0 &&
        (H5Pset_layout(properties, H5D_CONTIGUOUS) < 0 || H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
         H5Pset_fill_time(properties, fill ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER) < 0 ||
         H5Pset_obj_track_times(properties, false) < 0 ||
         H5Pset_attr_creation_order(properties, TRACKED_AND_INDEXED) < 0 || !set_fill(properties, variable))) {
        H5Pclose(properties);
        return H5I_INVALID_HID;
    }
    return properties;
}

static hid_t create_dataset(const builder *b, const sgs_variable *variable, sgs_error *err)
{
    hsize_t extent[SGS_STORE_AXES];
    for (int i = 0; i < variable->rank; i++)
        extent[i] = (hsize_t)b->layout->extent[variable->axis[i]];
    bool fill = !(b->reserve_wide && sgs_variable_is_wide(variable));
    hid_t space = H5Screate_simple(variable->rank, extent, NULL);
    hid_t type = sgs_hdf5_file_type(variable->type);
    hid_t properties = dataset_properties(variable, fill);
    hid_t dataset = H5Dcreate2(b->file, variable->name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (dataset < 0)
        sgs_hdf5_fail(err, SGS_EIO, "creating variable %s", variable->name);
    H5Pclose(properties);
    if (variable->type == SGS_TYPE_TEXT)
        H5Tclose(type);
    H5Sclose(space);
    return dataset;
}

static const char *status_name(int status)
{
    return sgs_run_status_name((sgs_run_status)status);
}

static const char *precision_name(int precision)
{
    return sgs_precision_name((sgs_precision)precision);
}

/* The values 0 .. count - 1 and what they mean. */
static sgs_status put_flags(hid_t dataset, int count, const char *(*name)(int value), sgs_error *err)
{
    int8_t flags[SGS_RUN_STATUSES];
    char meanings[32 * SGS_RUN_STATUSES] = "";
    size_t used = 0;
    for (int value = 0; value < count; value++) {
        flags[value] = (int8_t)value;
        used += (size_t)snprintf(meanings + used, sizeof meanings - used, "%s%s", value > 0 ? " " : "", name(value));
    }
    if (sgs_hdf5_put_values(dataset, "flag_values", SGS_TYPE_INT8, count, flags) != SGS_OK)
        return sgs_hdf5_fail(err, SGS_EIO, "attribute flag_values");
    return sgs_hdf5_put_text(dataset, "flag_meanings", meanings, err);
}

static sgs_status put_fill_value(hid_t dataset, const sgs_variable *variable, sgs_error *err)
{
    sgs_value fill;
    if (sgs_variable_fill(variable, &fill) &&
        sgs_hdf5_put_values(dataset, "_FillValue", variable->type, 1, &fill) != SGS_OK)
        return sgs_hdf5_fail(err, SGS_EIO, "attribute _FillValue");
    return SGS_OK;
}

static sgs_status put_attributes(const builder *b, hid_t dataset, const sgs_variable *variable, sgs_error *err)
{
    sgs_status status = sgs_hdf5_put_text(dataset, "long_name", variable->long_name, err);
    if (status == SGS_OK)
        status = sgs_hdf5_put_text(dataset, "units", variable->units, err);
    if (status == SGS_OK && variable->kind == SGS_KIND_AXIS && variable->which == SGS_AXIS_STEP_VALUE)
        status = sgs_hdf5_put_text(dataset, "quantity", sgs_grid_step_scaled(b->grid) ? "eps" : "eta", err);
    if (status == SGS_OK && sgs_variable_is_live(variable))
        status =
            sgs_hdf5_put_text(dataset, "coordinates",
                              variable->kind == SGS_KIND_WALK ? SGS_WALK_COORDINATE_NAMES : SGS_COORDINATE_NAMES, err);
    if (status == SGS_OK)
        status = put_fill_value(dataset, variable, err);
    if (status == SGS_OK && sgs_variable_is_wide(variable))
        status = sgs_hdf5_put_text(dataset, "fill",
                                   b->reserve_wide ? "reserved, not filled: only status tells what is there"
                                                   : "_FillValue where there is nothing",
                                   err);
    if (status == SGS_OK && variable->kind == SGS_KIND_STATUS)
        status = put_flags(dataset, SGS_RUN_STATUSES, status_name, err);
    if (status == SGS_OK && variable->kind == SGS_KIND_DECISION && variable->which == SGS_DECIDED_PRECISION)
        status = put_flags(dataset, SGS_PRECISION_NOT_REACHED + 1, precision_name, err);
    return status;
}

static sgs_status put_coordinate(const builder *b, hid_t dataset, const sgs_variable *variable, sgs_error *err)
{
    void *values = NULL;
    sgs_status status = sgs_variable_values(b->grid, b->layout, variable, &values, err);
    if (status != SGS_OK)
        return status;
    hid_t type = sgs_hdf5_memory_type(variable->type);
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = sgs_hdf5_fail(err, SGS_EIO, "writing variable %s", variable->name);
    else if (variable->kind == SGS_KIND_AXIS && H5DSset_scale(dataset, variable->name) < 0)
        status = sgs_hdf5_fail(err, SGS_EIO, "making %s an axis", variable->name);
    if (variable->type == SGS_TYPE_TEXT)
        H5Tclose(type);
    free(values);
    return status;
}

static sgs_status build_variables(builder *b, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < b->layout->count && status == SGS_OK; i++) {
        const sgs_variable *variable = &b->layout->variable[i];
        b->dataset[i] = create_dataset(b, variable, err);
        if (b->dataset[i] < 0)
            return SGS_EIO;
        status = put_attributes(b, b->dataset[i], variable, err);
        if (status == SGS_OK && !sgs_variable_is_live(variable))
            status = put_coordinate(b, b->dataset[i], variable, err);
    }
    return status;
}

/* Position of an axis variable in the table: axes stand first, but absent ones take no place. */
static int axis_position(const sgs_layout *layout, int axis)
{
    int position = 0;
    while (layout->variable[position].which != axis)
        position++;
    return position;
}

static sgs_status attach_axes(const builder *b, sgs_error *err)
{
    for (int i = 0; i < b->layout->count; i++) {
        const sgs_variable *variable = &b->layout->variable[i];
        if (variable->kind == SGS_KIND_AXIS)
            continue;
        for (int k = 0; k < variable->rank; k++) {
            hid_t axis = b->dataset[axis_position(b->layout, variable->axis[k])];
            if (H5DSattach_scale(b->dataset[i], axis, (unsigned)k) < 0)
                return sgs_hdf5_fail(err, SGS_EIO, "attaching axis %d of %s", k, variable->name);
        }
    }
    return SGS_OK;
}

static sgs_status put_root_attributes(const builder *b, sgs_error *err)
{
    char digest[SGS_KEY_TEXT_BYTES];
    const struct {
        const char *name, *text;
    } texts[] = {
        {"Conventions", "CF-1.8"},
        {"title", "Parameter sweep of stochastic gradient descent on a tied-weight autoencoder"},
        {"program", "sgdsweep"},
        {"program_version", SGDSWEEP_VERSION},
        {"build", SGDSWEEP_BUILD},
        {"grid_digest", sgs_key_text(sgs_grid_digest(b->grid), digest)},
        {"grid", sgs_grid_canonical(b->grid)},
        {"grid_source", sgs_grid_source(b->grid)},
    };
    const int32_t format = SGS_FORMAT_VERSION, algorithm = SGS_ALGORITHM_VERSION;
    if (sgs_hdf5_put_values(b->file, "format_version", SGS_TYPE_INT32, 1, &format) != SGS_OK ||
        sgs_hdf5_put_values(b->file, "algorithm_version", SGS_TYPE_INT32, 1, &algorithm) != SGS_OK)
        return sgs_hdf5_fail(err, SGS_EIO, "version attributes");
    sgs_status status = SGS_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == SGS_OK; i++)
        status = sgs_hdf5_put_text(b->file, texts[i].name, texts[i].text, err);
    return status;
}

/* The status of one strip whose batch does not fit. Rows of a step value are written some at a time. */
static sgs_status put_skipped_strip(const builder *b, hid_t space, int64_t first, sgs_error *err)
{
    enum { ROW_BYTES = 1 << 20 };
    const int64_t *extent = b->layout->extent;
    int64_t seeds = extent[SGS_AXIS_SEED], steps = extent[SGS_AXIS_STEP_VALUE];
    int64_t rows = seeds < ROW_BYTES ? ROW_BYTES / seeds : 1;
    rows = rows < steps ? rows : steps;
    int8_t *skipped = malloc((size_t)(rows * seeds));
    if (!skipped)
        return sgs_fail(err, SGS_ENOMEM, "%lld bytes for the status of skipped runs", (long long)(rows * seeds));
    memset(skipped, SGS_RUN_SKIPPED, (size_t)(rows * seeds));
    sgs_status status = SGS_OK;
    sgs_coordinates at;
    sgs_grid_coordinates(b->grid, first, &at);
    for (int64_t row = 0; row < steps && status == SGS_OK; row += rows) {
        int64_t now = rows < steps - row ? rows : steps - row;
        hsize_t start[SGS_AXES] = {0}, count[SGS_AXES] = {1, 1, 1, 1, (hsize_t)now, (hsize_t)seeds};
        hsize_t elements = (hsize_t)(now * seeds);
        for (int axis = 0; axis < SGS_AXIS_STEP_VALUE; axis++)
            start[axis] = (hsize_t)at.at[axis];
        start[SGS_AXIS_STEP_VALUE] = (hsize_t)row;
        hid_t memory = H5Screate_simple(1, &elements, NULL);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
            H5Dwrite(b->dataset[b->layout->status], H5T_NATIVE_INT8, memory, space, H5P_DEFAULT, skipped) < 0)
            status = sgs_hdf5_fail(err, SGS_EIO, "writing the status of skipped runs");
        H5Sclose(memory);
    }
    free(skipped);
    return status;
}

static sgs_status put_skipped(const builder *b, sgs_error *err)
{
    sgs_status status = SGS_OK;
    hid_t space = H5Dget_space(b->dataset[b->layout->status]);
    for (int64_t strip = 0; strip < sgs_grid_strips(b->grid) && status == SGS_OK; strip++) {
        int64_t first, count;
        sgs_coordinates at;
        sgs_grid_strip(b->grid, strip, &first, &count);
        sgs_grid_coordinates(b->grid, first, &at);
        if (sgs_grid_batch_size(b->grid, at.at[SGS_AXIS_DIMENSION], at.at[SGS_AXIS_BATCH]) == 0)
            status = put_skipped_strip(b, space, first, err);
    }
    H5Sclose(space);
    return status;
}

static hid_t root_properties(void)
{
    hid_t properties = H5Pcreate(H5P_FILE_CREATE);
    if (properties >= 0 && (H5Pset_obj_track_times(properties, false) < 0 ||
                            H5Pset_link_creation_order(properties, TRACKED_AND_INDEXED) < 0 ||
                            H5Pset_attr_creation_order(properties, TRACKED_AND_INDEXED) < 0)) {
        H5Pclose(properties);
        return H5I_INVALID_HID;
    }
    return properties;
}

/* The bytes of a flushed file in memory. (H5Fget_file_image of 1.10.8 spoils the checksum of this superblock.) */
static size_t copy_image(hid_t file, void *image, size_t size)
{
    void *bytes = NULL;
    hsize_t used = 0;
    if (H5Fflush(file, H5F_SCOPE_LOCAL) < 0 || H5Fget_filesize(file, &used) < 0 || used > size ||
        H5Fget_vfd_handle(file, H5P_DEFAULT, &bytes) < 0)
        return 0;
    memcpy(image, *(void **)bytes, used);
    return used;
}

/* The bytes of an HDF5 file without anything in it, made in memory. Returns their number, 0 on error. */
static size_t empty_image(void *image, size_t size)
{
    size_t used = 0;
    hid_t access = sgs_hdf5_access(), properties = root_properties();
    if (access >= 0 && properties >= 0 && H5Pset_fapl_core(access, 4096, false) >= 0) {
        hid_t file = H5Fcreate("empty", H5F_ACC_TRUNC, properties, access);
        used = file >= 0 ? copy_image(file, image, size) : 0;
        H5Fclose(file);
    }
    H5Pclose(properties);
    H5Pclose(access);
    return used;
}

/* HDF5 1.10 cannot close a file that it cannot flush, and crashes when the process ends; so it shall not meet a full
 * disk. The empty file is written by us, the space for all the rest is reserved behind it, and HDF5 only opens it.
 * Where the file system cannot reserve, what is left is the look at the free space before. */
static sgs_status lay_ground(const char *path, int64_t reserve_bytes, sgs_error *err)
{
    enum { IMAGE_BYTES = 8192 };
    char image[IMAGE_BYTES];
    size_t size = empty_image(image, sizeof image);
    if (size == 0)
        return sgs_hdf5_fail(err, SGS_EFAIL, "making an empty file in memory");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return sgs_fail(err, SGS_EIO, "creating the new file: %s", strerror(errno));
    ssize_t written = pwrite(fd, image, size, 0);
    int why = written == (ssize_t)size ? 0 : written < 0 ? errno : ENOSPC;
    if (why == 0 && reserve_bytes > 0) {
        int reserved;
        do /* a signal that asks to stop is looked at later */
            reserved = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, reserve_bytes);
        while (reserved != 0 && errno == EINTR);
        if (reserved != 0)
            why = errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
    }
    if (close(fd) != 0 && why == 0)
        why = errno;
    if (why != 0)
        return sgs_fail(err, SGS_EIO, "reserving %.3g GB for the new file: %s", (double)reserve_bytes / 1e9,
                        strerror(why));
    return SGS_OK;
}

static hid_t open_empty(const char *path, sgs_error *err)
{
    hid_t access = sgs_hdf5_access();
    hid_t file = access >= 0 ? H5Fopen(path, H5F_ACC_RDWR, access) : H5I_INVALID_HID;
    if (file < 0)
        sgs_hdf5_fail(err, SGS_EIO, "opening the new file");
    H5Pclose(access);
    return file;
}

/* HDF5 1.10 cannot close a file that it cannot flush, and then crashes when the process ends. So flush first; where
 * that fails, or anything before did (a full disk), empty the file: that gives back the space that closing it needs. */
static sgs_status close_all(const builder *b, const char *path, sgs_status status, sgs_error *err)
{
    if (status == SGS_OK && H5Fflush(b->file, H5F_SCOPE_LOCAL) < 0)
        status = sgs_hdf5_fail(err, SGS_EIO, "writing the new file");
    if (status != SGS_OK && truncate(path, 0) != 0)
        sgs_fail_in(err, status, "emptying the new file: %s", strerror(errno));
    for (int i = 0; i < b->layout->count; i++)
        if (b->dataset[i] >= 0 && H5Dclose(b->dataset[i]) < 0 && status == SGS_OK)
            status = sgs_hdf5_fail(err, SGS_EIO, "closing variable %s", b->layout->variable[i].name);
    if (H5Fclose(b->file) < 0 && status == SGS_OK)
        status = sgs_hdf5_fail(err, SGS_EIO, "closing the new file");
    return status;
}

sgs_status sgs_store_build(const char *path, const sgs_grid *grid, const sgs_layout *layout,
                           const sgs_build_options *options, sgs_error *err)
{
    builder b = {.grid = grid, .layout = layout, .reserve_wide = options->reserve_wide};
    for (int i = 0; i < SGS_LAYOUT_VARIABLES; i++)
        b.dataset[i] = H5I_INVALID_HID;
    sgs_status status = lay_ground(path, options->reserve_bytes, err);
    if (status != SGS_OK)
        return status;
    b.file = open_empty(path, err);
    if (b.file < 0)
        return SGS_EIO;
    status = put_root_attributes(&b, err);
    if (status == SGS_OK)
        status = build_variables(&b, err);
    if (status == SGS_OK)
        status = attach_axes(&b, err);
    if (status == SGS_OK)
        status = put_skipped(&b, err);
    return close_all(&b, path, status, err);
}
