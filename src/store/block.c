/* Writing and reading ranges of runs.
 *
 * A range of run indices is contiguous in every dataset, but to HDF5 it is a selection in six dimensions: it is cut
 * into boxes, at most eleven, one to three for a range inside of a strip. Order of writing: data, then checksum, then
 * status: a run counts as done only when all of it is in the file. */
#include "store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A transfer of one variable over a range of runs. */
typedef struct transfer {
    int variable;
    int64_t first, count;
    void *buffer; /* of the variable's type in memory, C order */
    bool write;
} transfer;

void *sgs_store_scratch(sgs_store *store, size_t size)
{
    if (size > store->scratch_bytes) {
        void *larger = realloc(store->scratch, size);
        if (!larger)
            return NULL;
        store->scratch = larger;
        store->scratch_bytes = size;
    }
    return store->scratch;
}

sgs_status sgs_store_check_range(const sgs_store *store, int64_t first, int64_t count, sgs_error *err)
{
    int64_t runs = store->layout.runs;
    if (first >= 0 && count >= 0 && count <= runs && first <= runs - count)
        return SGS_OK;
    return sgs_fail(err, SGS_ERANGE, "runs %lld .. +%lld of %lld", (long long)first, (long long)count, (long long)runs);
}

bool sgs_store_is_skipped(const sgs_store *store, int64_t index)
{
    sgs_coordinates at;
    sgs_grid_coordinates(store->grid, index, &at);
    return sgs_grid_batch_size(store->grid, at.at[SGS_AXIS_DIMENSION], at.at[SGS_AXIS_BATCH]) == 0;
}

/* The largest box that begins at run `first` and is contiguous in C order, of at most `left` runs. Returns its runs. */
static int64_t cut_box(const sgs_layout *layout, int64_t first, int64_t left, hsize_t *start, hsize_t *count)
{
    int64_t stride[SGS_AXES], rest = first;
    stride[SGS_AXES - 1] = 1;
    for (int axis = SGS_AXES - 1; axis > 0; axis--)
        stride[axis - 1] = stride[axis] * layout->extent[axis];
    int widest = 0; /* the outermost axis along which whole slices begin here and fit */
    while (first % stride[widest] != 0 || left < stride[widest])
        widest++;
    int64_t slices = 1;
    for (int axis = 0; axis < SGS_AXES; axis++) {
        int64_t at = rest / stride[axis], room = layout->extent[axis] - at;
        rest %= stride[axis];
        start[axis] = (hsize_t)at;
        count[axis] = axis < widest ? 1 : (hsize_t)layout->extent[axis];
        if (axis != widest)
            continue;
        slices = left / stride[axis] < room ? left / stride[axis] : room;
        count[axis] = (hsize_t)slices;
    }
    return slices * stride[widest];
}

/* One box: the file's space is selected already. */
static herr_t move_box(const sgs_store *store, const transfer *t, hid_t space, hsize_t elements, void *buffer)
{
    hid_t type = sgs_hdf5_memory_type(store->layout.variable[t->variable].type);
    hid_t memory = H5Screate_simple(1, &elements, NULL), dataset = store->dataset[t->variable];
    herr_t result = t->write ? H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, buffer)
                             : H5Dread(dataset, type, memory, space, H5P_DEFAULT, buffer);
    if (result >= 0)
        H5Sclose(memory); /* after an error it would clear the stack that is to be reported */
    return result;
}

/* MPI-IO says that a write failed, but not why: ask the file system whether it has room for the variable. */
static const char *why_not_written(const sgs_store *store, const sgs_variable *variable, haddr_t offset)
{
    int64_t bytes = sgs_variable_bytes(&store->layout, variable);
    if (store->sync_fd < 0 || fallocate(store->sync_fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0)
        return NULL;
    return errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS ? strerror(errno) : NULL;
}

static sgs_status fail_move(const sgs_store *store, const transfer *t, sgs_error *err)
{
    const sgs_variable *variable = &store->layout.variable[t->variable];
    sgs_error text = {""};
    sgs_hdf5_fail(&text, SGS_EIO, "%s %s of runs %lld .. +%lld of %s", t->write ? "writing" : "reading", variable->name,
                  (long long)t->first, (long long)t->count, store->path);
    haddr_t offset = H5Dget_offset(store->dataset[t->variable]);
    const char *why = t->write && offset != HADDR_UNDEF ? why_not_written(store, variable, offset) : NULL;
    if (!why || strstr(text.text, why))
        return sgs_fail(err, SGS_EIO, "%s", text.text);
    return sgs_fail(err, SGS_EIO, "%.900s: %s", text.text, why);
}

static sgs_status move_values(const sgs_store *store, const transfer *t, sgs_error *err)
{
    const sgs_variable *variable = &store->layout.variable[t->variable];
    hid_t space = variable->kind == SGS_KIND_WEIGHTS      ? store->weights_space
                  : variable->kind == SGS_KIND_TRAJECTORY ? store->record_space
                  : variable->kind == SGS_KIND_WALK       ? store->walk_space
                                                          : store->run_space;
    int64_t width = sgs_variable_elements(&store->layout, variable) / store->layout.runs;
    int64_t size = sgs_variable_bytes(&store->layout, variable) / store->layout.runs; /* bytes a run */
    hsize_t start[SGS_STORE_AXES] = {0}, count[SGS_STORE_AXES];
    char *buffer = t->buffer;
    for (int i = SGS_AXES; i < variable->rank; i++)
        count[i] = (hsize_t)store->layout.extent[variable->axis[i]];
    for (int64_t done = 0; done < t->count;) {
        int64_t runs = cut_box(&store->layout, t->first + done, t->count - done, start, count);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
            move_box(store, t, space, (hsize_t)(runs * width), buffer + done * size) < 0)
            return fail_move(store, t, err);
        done += runs;
    }
    return SGS_OK;
}

/* Move one measure between the results and a scratch column; a value has 8 bytes whatever its type. */
static sgs_status move_measure(sgs_store *store, int measure, transfer t, sgs_result *results, sgs_error *err)
{
    sgs_value *column = t.buffer;
    t.variable = store->layout.result + measure;
    for (int64_t i = 0; i < t.count && t.write; i++)
        column[i] = results[i].value[measure];
    sgs_status status = move_values(store, &t, err);
    for (int64_t i = 0; i < t.count && !t.write && status == SGS_OK; i++)
        results[i].value[measure] = column[i];
    return status;
}

static sgs_status move_measures(sgs_store *store, transfer t, sgs_result *results, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int measure = 0; measure < SGS_MEASURES && status == SGS_OK; measure++)
        status = move_measure(store, measure, t, results, err);
    return status;
}

/* Move one trajectory, or one sum of the walk, between the rows and a scratch column [count][width]. Rows of one
 * variable stand apart by `stride` values; records[i * stride] is the first of run i. */
static sgs_status move_gathered(sgs_store *store, transfer t, int64_t width, sgs_value *records, sgs_error *err)
{
    int64_t stride = sgs_store_record_values(store);
    sgs_value *column = t.buffer;
    for (int64_t i = 0; i < t.count && t.write; i++)
        memcpy(column + i * width, records + i * stride, (size_t)width * sizeof *column);
    sgs_status status = move_values(store, &t, err);
    for (int64_t i = 0; i < t.count && !t.write && status == SGS_OK; i++)
        memcpy(records + i * stride, column + i * width, (size_t)width * sizeof *column);
    return status;
}

static sgs_status move_records(sgs_store *store, transfer t, sgs_value *records, sgs_error *err)
{
    sgs_status status = SGS_OK;
    int64_t steps = store->layout.extent[SGS_STORE_AXIS_RECORD], bins = store->layout.extent[SGS_STORE_AXIS_WALK];
    for (int i = 0; i < store->layout.trajectories && status == SGS_OK; i++) {
        t.variable = store->layout.trajectory + i;
        status = move_gathered(store, t, steps, records, err);
        records += steps;
    }
    for (int sum = 0; bins > 0 && sum < SGS_WALK_SUMS && status == SGS_OK; sum++) {
        t.variable = store->layout.walk + sum;
        status = move_gathered(store, t, bins, records, err);
        records += bins;
    }
    return status;
}

/* Values of a scratch column for a run: of a measure, of a trajectory or of a sum of the walk. */
static size_t column_values(const sgs_store *store)
{
    int64_t steps = store->layout.trajectories > 0 ? store->layout.extent[SGS_STORE_AXIS_RECORD] : 1;
    int64_t bins = store->layout.extent[SGS_STORE_AXIS_WALK], widest = steps > bins ? steps : bins;
    return (size_t)(widest > 1 ? widest : 1);
}

sgs_rows sgs_rows_from(const sgs_store *store, const sgs_rows *rows, int64_t i)
{
    return (sgs_rows){
        .results = rows->results + i,
        .records = rows->records ? rows->records + i * sgs_store_record_values(store) : NULL,
        .weights = rows->weights ? rows->weights + i * sgs_store_weight_values(store) : NULL,
    };
}

/* CRC32C of 8-byte values, little-endian whatever the machine. */
static uint32_t crc_values(uint32_t crc, const void *values, int64_t count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return sgs_crc32c(crc, values, (size_t)count * 8);
#else
    for (int64_t k = 0; k < count; k++) {
        uint64_t bits;
        memcpy(&bits, (const char *)values + 8 * k, sizeof bits);
        bits = __builtin_bswap64(bits);
        crc = sgs_crc32c(crc, &bits, sizeof bits);
    }
    return crc;
#endif
}

uint32_t sgs_store_checksum(const sgs_store *store, sgs_key run_key, const sgs_rows *row, int32_t n)
{
    if (!row->records && !row->weights)
        return sgs_result_checksum(run_key, row->results);
    unsigned char bytes[16 + SGS_RESULT_BYTES];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(run_key.hi >> (8 * i));
        bytes[8 + i] = (unsigned char)(run_key.lo >> (8 * i));
    }
    sgs_result_bytes(row->results, bytes + 16);
    uint32_t crc = sgs_crc32c(0, bytes, sizeof bytes);
    if (row->records)
        crc = crc_values(crc, row->records, sgs_store_record_values(store));
    int64_t features = sgs_store_features(store), points = row->weights ? sgs_store_weight_values(store) / features : 0;
    for (int64_t k = 0; k < points; k++)
        crc = crc_values(crc, row->weights + k * features, n);
    return crc == 0 ? 1 : crc;
}

static sgs_status checksum_block(const sgs_store *store, const transfer *t, const sgs_rows *rows, sgs_error *err)
{
    uint32_t *checksums = t->buffer;
    for (int64_t i = 0; i < t->count; i++) {
        sgs_run run;
        sgs_stop stop;
        sgs_rows row = sgs_rows_from(store, rows, i);
        if (!sgs_run_status_finished(row.results->status))
            return sgs_fail(err, SGS_ERANGE, "run %lld is not finished: status %d", (long long)(t->first + i),
                            row.results->status);
        if (!sgs_grid_run(store->grid, t->first + i, &run, &stop))
            return sgs_fail(err, SGS_ERANGE, "run %lld is skipped in this grid", (long long)(t->first + i));
        checksums[i] = sgs_store_checksum(store, sgs_run_key(&run), &row, run.n);
    }
    return SGS_OK;
}

static sgs_status write_status(const sgs_store *store, transfer t, const sgs_result *results, sgs_error *err)
{
    int8_t *column = t.buffer;
    for (int64_t i = 0; i < t.count; i++)
        column[i] = results[i].status;
    t.variable = store->layout.status;
    return move_values(store, &t, err);
}

static sgs_status check_write(const sgs_store *store, int64_t first, int64_t count, const sgs_rows *rows,
                              sgs_error *err)
{
    if (store->mode != SGS_STORE_WRITE)
        return sgs_fail(err, SGS_ERANGE, "%s is open for reading", store->path);
    if ((rows->records != NULL) != (sgs_store_record_values(store) > 0))
        return sgs_fail(err, SGS_ERANGE, "%s keeps %s records", store->path, rows->records ? "no" : "the");
    if ((rows->weights != NULL) != (store->layout.weights >= 0))
        return sgs_fail(err, SGS_ERANGE, "%s keeps %s weights", store->path, rows->weights ? "no" : "the");
    return sgs_store_check_range(store, first, count, err);
}

/* The arrays of rows are only read when t writes. */
static sgs_status write_rows(sgs_store *store, transfer t, const sgs_rows *rows, sgs_error *err)
{
    sgs_status status = move_measures(store, t, (sgs_result *)rows->results, err);
    if (status == SGS_OK)
        status = rows->records ? move_records(store, t, (sgs_value *)rows->records, err) : SGS_OK;
    t.variable = store->layout.weights;
    t.buffer = (double *)rows->weights;
    return status == SGS_OK && rows->weights ? move_values(store, &t, err) : status;
}

sgs_status sgs_store_write(sgs_store *store, int64_t first, int64_t count, const sgs_rows *rows, sgs_error *err)
{
    sgs_status status = check_write(store, first, count, rows, err);
    if (status != SGS_OK || count == 0)
        return status;
    /* One column of values and, behind it, the checksums, which are computed before anything is written. */
    size_t column_bytes = (size_t)count * column_values(store) * sizeof(sgs_value);
    char *scratch = sgs_store_scratch(store, column_bytes + (size_t)count * sizeof(uint32_t));
    if (!scratch)
        return sgs_fail(err, SGS_ENOMEM, "writing %lld runs", (long long)count);
    transfer column = {.first = first, .count = count, .buffer = scratch, .write = true}, sums = column;
    sums.variable = store->layout.checksum;
    sums.buffer = scratch + column_bytes;
    status = checksum_block(store, &sums, rows, err);
    if (status == SGS_OK)
        status = write_rows(store, column, rows, err);
    if (status == SGS_OK)
        status = move_values(store, &sums, err);
    if (status == SGS_OK)
        status = write_status(store, column, rows->results, err);
    return status;
}

sgs_status sgs_store_set_status(sgs_store *store, int64_t first, int64_t count, sgs_run_status run_status,
                                sgs_error *err)
{
    if (store->mode != SGS_STORE_WRITE)
        return sgs_fail(err, SGS_ERANGE, "%s is open for reading", store->path);
    bool alone = run_status == SGS_RUN_FAILED || run_status == SGS_RUN_PENDING ||
                 (run_status == SGS_RUN_NOT_NEEDED && sgs_grid_until(store->grid));
    if (!alone)
        return sgs_fail(err, SGS_ERANGE, "status %d cannot stand without results", (int)run_status);
    sgs_status status = sgs_store_check_range(store, first, count, err);
    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        if (sgs_store_is_skipped(store, first + i))
            status = sgs_fail(err, SGS_ERANGE, "run %lld is skipped in this grid", (long long)(first + i));
    if (status != SGS_OK || count == 0)
        return status;
    int8_t *column = sgs_store_scratch(store, (size_t)count);
    if (!column)
        return sgs_fail(err, SGS_ENOMEM, "the status of %lld runs", (long long)count);
    memset(column, (int)run_status, (size_t)count);
    transfer t = {.variable = store->layout.status, .first = first, .count = count, .buffer = column, .write = true};
    return move_values(store, &t, err);
}

/* What the file says is believed only where the grid allows it. */
static int8_t believed(const sgs_store *store, int64_t index, int8_t status)
{
    if (sgs_store_is_skipped(store, index))
        return SGS_RUN_SKIPPED;
    const sgs_until *until = sgs_grid_until(store->grid);
    bool may_stop = until && index % store->layout.extent[SGS_AXIS_SEED] >= until->look[0];
    if (status < 0 || status >= SGS_RUN_STATUSES || status == SGS_RUN_SKIPPED ||
        (status == SGS_RUN_NOT_NEEDED && !may_stop))
        return SGS_RUN_PENDING;
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): filled through the transfer */
sgs_status sgs_store_read_raw_status(sgs_store *store, int64_t first, int64_t count, int8_t *statuses, sgs_error *err)
{
    sgs_status status = sgs_store_check_range(store, first, count, err);
    transfer t = {.variable = store->layout.status, .first = first, .count = count, .buffer = statuses};
    return status == SGS_OK ? move_values(store, &t, err) : status;
}

sgs_status sgs_store_read_status(sgs_store *store, int64_t first, int64_t count, int8_t *statuses, sgs_error *err)
{
    sgs_status status = sgs_store_read_raw_status(store, first, count, statuses, err);
    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        statuses[i] = believed(store, first + i, statuses[i]);
    return status;
}

sgs_status sgs_store_read(sgs_store *store, int64_t first, int64_t count, sgs_result *results, uint32_t *checksums,
                          sgs_error *err)
{
    sgs_status status = sgs_store_check_range(store, first, count, err);
    if (status != SGS_OK || count == 0)
        return status;
    void *scratch = sgs_store_scratch(store, (size_t)count * sizeof(sgs_value));
    if (!scratch)
        return sgs_fail(err, SGS_ENOMEM, "reading %lld runs", (long long)count);
    transfer t = {.first = first, .count = count, .buffer = scratch};
    status = move_measures(store, t, results, err);
    if (status == SGS_OK)
        status = sgs_store_read_status(store, first, count, scratch, err);
    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        results[i].status = ((int8_t *)scratch)[i];
    t.variable = store->layout.checksum;
    t.buffer = checksums;
    if (status == SGS_OK && checksums)
        status = move_values(store, &t, err);
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): filled through the transfer */
sgs_status sgs_store_read_measure(sgs_store *store, int64_t first, int64_t count, sgs_measure measure,
                                  sgs_value *values, sgs_error *err)
{
    sgs_status status = sgs_store_check_range(store, first, count, err);
    transfer t = {.variable = store->layout.result + (int)measure, .first = first, .count = count, .buffer = values};
    return status == SGS_OK ? move_values(store, &t, err) : status;
}

sgs_status sgs_store_read_records(sgs_store *store, int64_t first, int64_t count, sgs_value *records, sgs_error *err)
{
    if (sgs_store_record_values(store) == 0)
        return sgs_fail(err, SGS_ERANGE, "%s keeps no records", store->path);
    sgs_status status = sgs_store_check_range(store, first, count, err);
    if (status != SGS_OK || count == 0)
        return status;
    void *scratch = sgs_store_scratch(store, (size_t)count * column_values(store) * sizeof(sgs_value));
    if (!scratch)
        return sgs_fail(err, SGS_ENOMEM, "reading %lld runs", (long long)count);
    return move_records(store, (transfer){.first = first, .count = count, .buffer = scratch}, records, err);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): filled through the transfer */
sgs_status sgs_store_read_weights(sgs_store *store, int64_t first, int64_t count, double *weights, sgs_error *err)
{
    if (store->layout.weights < 0)
        return sgs_fail(err, SGS_ERANGE, "%s keeps no weights", store->path);
    sgs_status status = sgs_store_check_range(store, first, count, err);
    transfer t = {.variable = store->layout.weights, .first = first, .count = count, .buffer = weights};
    return status == SGS_OK ? move_values(store, &t, err) : status;
}
