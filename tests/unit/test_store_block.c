/** @file test_store_block.c
 *  Writing and reading ranges of runs over random grids; what is refused; how far a status byte is believed. */
#include "test_store_scene.h"

enum { GRIDS = 25 };

/* All of what a file should hold. */
typedef struct expected {
    sgs_result *results;
    sgs_value *records;
    double *weights;
    int64_t runs, record_values, weight_values; /* values of a run */
    int32_t features;
} expected;

static sgs_rows rows_of(const expected *e, int64_t first)
{
    return (sgs_rows){.results = e->results + first,
                      .records = e->record_values ? e->records + first * e->record_values : NULL,
                      .weights = e->weight_values ? e->weights + first * e->weight_values : NULL};
}

static expected random_contents(const sgs_store *store)
{
    expected e = {.runs = sgs_store_runs(store),
                  .record_values = sgs_store_record_values(store),
                  .weight_values = sgs_store_weight_values(store),
                  .features = sgs_store_features(store)};
    e.results = calloc((size_t)e.runs, sizeof *e.results);
    e.records = calloc((size_t)(e.runs * e.record_values) + 1, sizeof *e.records);
    e.weights = calloc((size_t)(e.runs * e.weight_values) + 1, sizeof *e.weights);
    assert_non_null(e.records);
    assert_non_null(e.results);
    assert_non_null(e.weights);
    for (int64_t i = 0; i < e.runs; i++) {
        e.results[i] = random_result();
        sgs_coordinates at;
        sgs_grid_coordinates(sgs_store_grid(store), i, &at);
        int32_t n = sgs_grid_samples(sgs_store_grid(store), at.at[SGS_AXIS_DIMENSION]);
        for (int64_t k = 0; k < e.weight_values; k++)
            e.weights[i * e.weight_values + k] = k % e.features < n ? uniform(0, 1) : NAN;
        for (int64_t k = 0; k < e.record_values; k++)
            e.records[i * e.record_values + k].integer = (int64_t)chance_bits();
    }
    return e;
}

static void forget(expected *e)
{
    free(e->results);
    free(e->records);
    free(e->weights);
}

/* Write every run that is not skipped in blocks of random sizes that cross rows and strips. */
static void write_all(sgs_store *store, const expected *e)
{
    for (int64_t first = 0; first < e->runs;) {
        int64_t longest = 1 + chance(60), count = 0;
        while (count < longest && first + count < e->runs && !sgs_store_is_skipped(store, first + count))
            count++;
        sgs_rows rows = rows_of(e, first);
        assert_ok(sgs_store_write(store, first, count, &rows, ERR));
        first += count > 0 ? count : 1;
    }
}

static void check_results(sgs_store *store, const expected *e)
{
    sgs_result *results = calloc((size_t)e->runs, sizeof *results);
    uint32_t *checksums = calloc((size_t)e->runs, sizeof *checksums);
    assert_ok(sgs_store_read(store, 0, e->runs, results, checksums, ERR));
    for (int64_t i = 0; i < e->runs; i++) {
        sgs_run run;
        sgs_stop stop;
        if (sgs_store_is_skipped(store, i)) {
            assert_int_equal(results[i].status, SGS_RUN_SKIPPED);
            assert_true(isnan(results[i].value[SGS_LOSS].real));
            assert_int_equal(results[i].value[SGS_STEPS].integer, -1);
            assert_int_equal(checksums[i], 0);
            continue;
        }
        assert_true(same_result(&results[i], &e->results[i]));
        assert_true(sgs_grid_run(sgs_store_grid(store), i, &run, &stop));
        sgs_rows row = rows_of(e, i);
        assert_int_equal(checksums[i], sgs_store_checksum(store, sgs_run_key(&run), &row, run.n));
    }
    free(checksums);
    free(results);
}

static void check_ranges(sgs_store *store, const expected *e)
{
    for (int trial = 0; trial < 20; trial++) {
        int64_t first = chance(e->runs), count = chance(e->runs - first + 1);
        sgs_result *results = calloc((size_t)count + 1, sizeof *results);
        sgs_value *records = calloc((size_t)(count * e->record_values) + 1, sizeof *records);
        double *weights = calloc((size_t)(count * e->weight_values) + 1, sizeof *weights);
        assert_ok(sgs_store_read(store, first, count, results, NULL, ERR));
        if (e->record_values)
            assert_ok(sgs_store_read_records(store, first, count, records, ERR));
        if (e->weight_values)
            assert_ok(sgs_store_read_weights(store, first, count, weights, ERR));
        for (int64_t i = 0; i < count; i++) {
            if (sgs_store_is_skipped(store, first + i))
                continue;
            assert_true(same_result(&results[i], &e->results[first + i]));
            assert_memory_equal(records + i * e->record_values, e->records + (first + i) * e->record_values,
                                (size_t)e->record_values * sizeof *records);
            assert_memory_equal(weights + i * e->weight_values, e->weights + (first + i) * e->weight_values,
                                (size_t)e->weight_values * sizeof *weights);
        }
        free(records);
        free(weights);
        free(results);
    }
}

static void random_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < GRIDS; i++) {
        sgs_grid *grid = random_grid(i % 6);
        sgs_store *store = scene_create(grid);
        expected e = random_contents(store);
        write_all(store, &e);
        check_results(store, &e);
        scene_close(store);
        store = scene_open(SGS_STORE_READ); /* the frozen bytes are as they were */
        check_results(store, &e);
        check_ranges(store, &e);
        scene_close(store);
        forget(&e);
        sgs_grid_destroy(grid);
        assert_int_equal(unlink(scene_path), 0);
    }
}

static const char *plain_grid =
    "dimension: [4, 8]\nbatch_size: [1, 8]\nstep_size: [0.1, 0.2]\nseed: {first: 1, count: 5}\n"
    "activation: linear\n";
/* Runs 10 .. 19 are skipped: d = 4, b = 8. */

static void refusals(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(plain_grid);
    sgs_store *store = scene_create(grid);
    sgs_result results[3] = {random_result(), random_result(), random_result()};
    double weight = 0;
    sgs_value record = {.real = 0};
    assert_int_equal(sgs_store_runs(store), 40);
    assert_int_equal(sgs_store_write(store, -1, 2, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 38, 3, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 0, -1, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, INT64_MAX, 3, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 0, INT64_MAX, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 8, 3, &(sgs_rows){.results = results}, NULL),
                     SGS_ERANGE); /* run 10 is skipped */
    assert_int_equal(sgs_store_write(store, 0, 1, &(sgs_rows){.results = results, .weights = &weight}, NULL),
                     SGS_ERANGE);
    assert_int_equal(sgs_store_read_weights(store, 0, 1, &weight, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 0, 1, &(sgs_rows){.results = results, .records = &record}, NULL),
                     SGS_ERANGE);
    assert_int_equal(sgs_store_read_records(store, 0, 1, &record, NULL), SGS_ERANGE);
    results[1].status = SGS_RUN_PENDING;
    assert_int_equal(sgs_store_write(store, 0, 3, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_set_status(store, 0, 3, SGS_RUN_CONVERGED, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_set_status(store, 8, 3, SGS_RUN_FAILED, NULL), SGS_ERANGE);
    int8_t status[40];
    assert_ok(sgs_store_read_status(store, 0, 40, status, ERR));
    for (int i = 0; i < 40; i++) /* nothing of the refused blocks is there */
        assert_int_equal(status[i], i >= 10 && i < 20 ? SGS_RUN_SKIPPED : SGS_RUN_PENDING);
    scene_close(store);
    store = scene_open(SGS_STORE_READ);
    assert_int_equal(sgs_store_write(store, 0, 1, &(sgs_rows){.results = results}, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_set_status(store, 0, 1, SGS_RUN_FAILED, NULL), SGS_ERANGE);
    assert_ok(sgs_store_sync(store, ERR));
    scene_close(store);
    sgs_grid_destroy(grid);
}

static void set_status_alone(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(plain_grid);
    sgs_store *store = scene_create(grid);
    sgs_result results[3] = {random_result(), random_result(), random_result()};
    int8_t status[4];
    assert_ok(sgs_store_write(store, 1, 3, &(sgs_rows){.results = results}, ERR));
    assert_ok(sgs_store_set_status(store, 2, 1, SGS_RUN_FAILED, ERR));
    assert_ok(sgs_store_set_status(store, 3, 1, SGS_RUN_PENDING, ERR));
    assert_ok(sgs_store_read_status(store, 0, 4, status, ERR));
    const int8_t want[4] = {SGS_RUN_PENDING, results[0].status, SGS_RUN_FAILED, SGS_RUN_PENDING};
    assert_memory_equal(status, want, sizeof want);
    assert_ok(sgs_store_sync(store, ERR));
    scene_close(store);
    sgs_grid_destroy(grid);
}

/* Whatever stands in the status bytes, what is read is a status that the grid allows. */
static void status_bytes_are_not_believed(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(plain_grid);
    sgs_store *store = scene_create(grid);
    haddr_t offset = H5Dget_offset(store->dataset[store->layout.status]);
    scene_close(store);
    int fd = open(scene_path, O_RDWR);
    assert_true(fd >= 0);
    for (int byte = 0; byte < 256; byte += byte < 10 ? 1 : 41) {
        unsigned char bytes[40];
        int8_t status[40];
        memset(bytes, byte, sizeof bytes);
        assert_int_equal(pwrite(fd, bytes, sizeof bytes, (off_t)offset), sizeof bytes);
        store = scene_open(SGS_STORE_READ);
        assert_ok(sgs_store_read_status(store, 0, 40, status, ERR));
        int believed = byte < SGS_RUN_SKIPPED || byte == SGS_RUN_FAILED ? byte : SGS_RUN_PENDING;
        for (int i = 0; i < 40; i++)
            assert_int_equal(status[i], i >= 10 && i < 20 ? SGS_RUN_SKIPPED : believed);
        scene_close(store);
    }
    close(fd);
    sgs_grid_destroy(grid);
}

/* The checksum from its definition: CRC32C over key (little-endian), status, values, records, n weights a point. */
static void checksum_covers_records_and_weights(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid("dimension: [2, 3]\nbatch_size: 1\nstep_size: 0.1\nseed: 1\nweights: record\n"
                                "record: {steps: [0, 9], measures: [loss, support]}\n");
    sgs_store *store = scene_create(grid);
    sgs_key key = {.hi = chance_bits(), .lo = chance_bits()};
    sgs_result result = random_result();
    const double weights[6] = {1.5, 2.5, NAN, 3.5, 4.5, NAN}; /* of a run with n = 2 */
    const double kept[4] = {1.5, 2.5, 3.5, 4.5};
    const sgs_value records[4] = {{.real = 0.25}, {.real = 0.125}, {.integer = 3}, {.integer = 1}};
    unsigned char bytes[16 + SGS_RESULT_BYTES + sizeof records + sizeof kept], *end = bytes + 16 + SGS_RESULT_BYTES;
    sgs_rows row = {.results = &result};
    memcpy(bytes, &key.hi, 8); /* the tests run on little-endian machines */
    memcpy(bytes + 8, &key.lo, 8);
    sgs_result_bytes(&result, bytes + 16);
    assert_int_equal(sgs_store_checksum(store, key, &row, 2), sgs_result_checksum(key, &result));
    row.weights = weights;
    assert_int_equal(sgs_store_checksum(store, key, &row, 0), sgs_result_checksum(key, &result));
    row.records = records;
    memcpy(end, records, sizeof records);
    memcpy(end + sizeof records, kept, sizeof kept);
    assert_int_equal(sgs_store_checksum(store, key, &row, 2), sgs_crc32c(0, bytes, sizeof bytes));
    scene_close(store);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_round_trips, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(refusals, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(set_status_alone, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(status_bytes_are_not_believed, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(checksum_covers_records_and_weights, scene_begin, scene_end),
    };
    chance_begin(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
