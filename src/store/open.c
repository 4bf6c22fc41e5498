/* Opening and closing a results file. HDF5 sees a file only after its frozen bytes were checked (frozen.h). */
#include "open.h"
#include "mpi_check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

sgs_store *sgs_store_new(const char *path, sgs_store_mode mode)
{
    sgs_store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->mode = mode;
    store->file = store->run_space = store->record_space = store->walk_space = store->weights_space = H5I_INVALID_HID;
    store->cell_space = H5I_INVALID_HID;
    store->sync_fd = -1;
    store->comm = MPI_COMM_NULL;
    for (int i = 0; i < SGS_LAYOUT_VARIABLES; i++)
        store->dataset[i] = H5I_INVALID_HID;
    store->path = strdup(path);
    if (!store->path) {
        free(store);
        return NULL;
    }
    (void)pthread_mutex_init(&store->sync_turn, NULL); /* cannot fail on Linux */
    return store;
}

/* Every step returns its own error; a file without our attributes is not ours. */
static sgs_status read_versions(sgs_store *store, sgs_error *err)
{
    int format = 0;
    htri_t format_there = H5Aexists(store->file, "format_version");
    htri_t both_there = format_there > 0 ? H5Aexists(store->file, "grid_digest") : format_there;
    if (both_there < 0)
        return sgs_hdf5_fail(err, SGS_EDAMAGED, "%s", store->path);
    if (both_there == 0)
        return sgs_fail(err, SGS_EDAMAGED, "%s is not a results file of sgdsweep", store->path);
    sgs_status status = sgs_hdf5_get_int(store->file, "format_version", &format, err);
    if (status != SGS_OK)
        return sgs_fail_in(err, status, "%s", store->path);
    if (format != SGS_FORMAT_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s has file format version %d, this program reads version %d", store->path,
                        format, SGS_FORMAT_VERSION);
    status = sgs_hdf5_get_int(store->file, "algorithm_version", &store->algorithm_version, err);
    return status == SGS_OK ? SGS_OK : sgs_fail_in(err, status, "%s", store->path);
}

sgs_status sgs_store_parse_grid(sgs_store *store, const char *canonical, sgs_error *err)
{
    sgs_status status = sgs_grid_parse(canonical, strlen(canonical), store->path, &store->grid, err);
    if (status != SGS_OK)
        return sgs_fail_in(err, status == SGS_ENOMEM ? status : SGS_EDAMAGED, "grid of %s", store->path);
    sgs_layout_build(store->grid, &store->layout);
    return SGS_OK;
}

static sgs_status read_grid(sgs_store *store, sgs_error *err)
{
    char *canonical = NULL, *digest = NULL, text[SGS_KEY_TEXT_BYTES];
    sgs_status status = sgs_hdf5_get_text(store->file, "grid", &canonical, err);
    if (status == SGS_OK)
        status = sgs_hdf5_get_text(store->file, "grid_digest", &digest, err);
    if (status != SGS_OK)
        sgs_fail_in(err, status, "%s", store->path);
    if (status == SGS_OK && canonical)
        status = sgs_store_parse_grid(store, canonical, err);
    if (status == SGS_OK && digest && strcmp(sgs_key_text(sgs_grid_digest(store->grid), text), digest) != 0)
        status = sgs_fail(err, SGS_EDAMAGED, "%s: its grid has digest %s, not the %s that it states", store->path, text,
                          digest);
    free(canonical);
    free(digest);
    return status;
}

/* Goes on after an error: with collective metadata every rank must make every call. */
sgs_status sgs_store_open_datasets(sgs_store *store, sgs_error *err)
{
    sgs_status status = SGS_OK;
    const sgs_layout *layout = &store->layout;
    for (int i = 0; i < layout->count; i++) {
        if (!sgs_variable_is_live(&layout->variable[i]))
            continue;
        store->dataset[i] = H5Dopen2(store->file, layout->variable[i].name, H5P_DEFAULT);
        if (store->dataset[i] < 0 && status == SGS_OK)
            status = sgs_hdf5_fail(err, SGS_EIO, "%s: variable %s", store->path, layout->variable[i].name);
    }
    if (status != SGS_OK)
        return status;
    store->run_space = H5Dget_space(store->dataset[layout->status]);
    if (layout->trajectories > 0)
        store->record_space = H5Dget_space(store->dataset[layout->trajectory]);
    if (layout->walk >= 0)
        store->walk_space = H5Dget_space(store->dataset[layout->walk]);
    if (layout->weights >= 0)
        store->weights_space = H5Dget_space(store->dataset[layout->weights]);
    if (layout->decision >= 0)
        store->cell_space = H5Dget_space(store->dataset[layout->decision]);
    return SGS_OK;
}

sgs_status sgs_store_open_sync(sgs_store *store, sgs_error *err)
{
    if (store->mode == SGS_STORE_READ)
        return SGS_OK;
    store->sync_fd = open(store->path, O_RDWR | O_CLOEXEC);
    if (store->sync_fd < 0)
        return sgs_fail(err, SGS_EIO, "cannot open %s for writing: %s", store->path, strerror(errno));
    return SGS_OK;
}

sgs_status sgs_store_open_file(sgs_store *store, hid_t access, sgs_error *err)
{
    unsigned flags = store->mode == SGS_STORE_WRITE ? H5F_ACC_RDWR : H5F_ACC_RDONLY;
    store->file = access < 0 ? H5I_INVALID_HID : H5Fopen(store->path, flags, access);
    /* with MPI rank 0 has looked into the file before: then it is not the file that is wrong */
    if (store->file < 0)
        return sgs_hdf5_fail(err, store->comm == MPI_COMM_NULL ? SGS_EDAMAGED : SGS_EIO, "cannot open %s", store->path);
    return SGS_OK;
}

sgs_status sgs_store_open_unchecked(const char *path, sgs_store_mode mode, sgs_store **store, sgs_error *err)
{
    *store = NULL;
    sgs_hdf5_quiet();
    sgs_store *opened = sgs_store_new(path, mode);
    if (!opened)
        return sgs_fail(err, SGS_ENOMEM, "opening %s", path);
    hid_t access = sgs_hdf5_access();
    sgs_status status = sgs_store_open_sync(opened, err);
    if (status == SGS_OK)
        status = sgs_store_open_file(opened, access, err);
    H5Pclose(access);
    if (status == SGS_OK)
        status = read_versions(opened, err);
    if (status == SGS_OK)
        status = read_grid(opened, err);
    if (status == SGS_OK)
        status = sgs_store_check_variables(opened, err);
    if (status == SGS_OK)
        status = sgs_store_open_datasets(opened, err);
    if (status != SGS_OK) {
        sgs_store_close(opened, NULL);
        return status;
    }
    *store = opened;
    return SGS_OK;
}

sgs_status sgs_store_open(const char *path, sgs_store_mode mode, sgs_store **store, sgs_error *err)
{
    *store = NULL;
    sgs_status status = sgs_store_check_frozen(path, err);
    if (status != SGS_OK)
        return status;
    return sgs_store_open_unchecked(path, mode, store, err);
}

static sgs_status close_hdf5(sgs_store *store, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < SGS_LAYOUT_VARIABLES; i++)
        if (store->dataset[i] >= 0 && H5Dclose(store->dataset[i]) < 0 && status == SGS_OK)
            status = sgs_hdf5_fail(err, SGS_EIO, "closing a variable of %s", store->path);
    if (store->run_space >= 0)
        H5Sclose(store->run_space);
    if (store->record_space >= 0)
        H5Sclose(store->record_space);
    if (store->walk_space >= 0)
        H5Sclose(store->walk_space);
    if (store->weights_space >= 0)
        H5Sclose(store->weights_space);
    if (store->cell_space >= 0)
        H5Sclose(store->cell_space);
    if (store->file >= 0 && H5Fclose(store->file) < 0 && status == SGS_OK)
        status = sgs_hdf5_fail(err, SGS_EIO, "closing %s", store->path);
    return status;
}

/* Everything but HDF5's part, with the status and text of that. */
static sgs_status let_go(sgs_store *store, sgs_status status, sgs_error *err)
{
    if (store->sync_fd >= 0 && close(store->sync_fd) != 0 && status == SGS_OK)
        status = sgs_fail(err, SGS_EIO, "closing %s: %s", store->path, strerror(errno));
    if (store->comm != MPI_COMM_NULL) {
        status = sgs_agree_coll(store->comm, status, err);
        SGS_MPI(MPI_Comm_free(&store->comm));
    }
    (void)pthread_mutex_destroy(&store->sync_turn);
    sgs_grid_destroy(store->grid);
    free(store->scratch);
    free(store->path);
    free(store);
    return status;
}

sgs_status sgs_store_close(sgs_store *store, sgs_error *err)
{
    return store ? let_go(store, close_hdf5(store, err), err) : SGS_OK;
}

void sgs_store_abandon_coll(sgs_store *store)
{
    if (store)
        let_go(store, SGS_OK, NULL);
}

const sgs_grid *sgs_store_grid(const sgs_store *store)
{
    return store->grid;
}

int sgs_store_algorithm_version(const sgs_store *store)
{
    return store->algorithm_version;
}

int64_t sgs_store_runs(const sgs_store *store)
{
    return store->layout.runs;
}

int32_t sgs_store_features(const sgs_store *store)
{
    return (int32_t)store->layout.extent[SGS_STORE_AXIS_FEATURE];
}

int64_t sgs_store_record_values(const sgs_store *store)
{
    return sgs_grid_gathered_values(store->grid);
}

int64_t sgs_store_weight_values(const sgs_store *store)
{
    bool along = sgs_grid_weights(store->grid) == SGS_WEIGHTS_RECORD;
    return store->layout.extent[SGS_STORE_AXIS_FEATURE] * (along ? store->layout.extent[SGS_STORE_AXIS_RECORD] : 1);
}
