/** @file test_store_block.c
 *  Writing and reading ranges of runs over random grids; what is refused; how far a status byte is believed. */
#include "test_store_scene.h"

enum { GRIDS = 25 };

/* All of what a file should hold. */
typedef struct expected {
    sgs_result *results;
    double *weights;
    int64_t runs;
    int32_t features;
} expected;

static expected random_contents(const sgs_store *store)
{
    expected e = {.runs = sgs_store_runs(store), .features = sgs_store_features(store)};
    e.results = calloc((size_t)e.runs, sizeof *e.results);
    e.weights = calloc((size_t)(e.runs * e.features) + 1, sizeof *e.weights);
    assert_non_null(e.results);
    assert_non_null(e.weights);
    for (int64_t i = 0; i < e.runs; i++) {
        e.results[i] = random_result();
        sgs_coordinates at;
        sgs_grid_coordinates(sgs_store_grid(store), i, &at);
        int32_t n = sgs_grid_samples(sgs_store_grid(store), at.at[SGS_AXIS_DIMENSION]);
        for (int32_t k = 0; k < e.features; k++)
            e.weights[i * e.features + k] = k < n ? random_unit() : NAN;
    }
    return e;
}

static void forget(expected *e)
{
    free(e->results);
    free(e->weights);
}

/* Write every run that is not skipped in blocks of random sizes that cross rows and strips. */
static void write_all(sgs_store *store, const expected *e)
{
    for (int64_t first = 0; first < e->runs;) {
        int64_t longest = 1 + random_below(60), count = 0;
        while (count < longest && first + count < e->runs && !sgs_store_is_skipped(store, first + count))
            count++;
        assert_ok(sgs_store_write(store, first, count, e->results + first,
                                  e->features ? e->weights + first * e->features : NULL, ERR));
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
        const double *row = e->features ? e->weights + i * e->features : NULL;
        assert_int_equal(checksums[i], sgs_store_checksum(sgs_run_key(&run), &e->results[i], row, run.n));
    }
    free(checksums);
    free(results);
}

static void check_ranges(sgs_store *store, const expected *e)
{
    for (int trial = 0; trial < 20; trial++) {
        int64_t first = random_below(e->runs), count = random_below(e->runs - first + 1);
        sgs_result *results = calloc((size_t)count + 1, sizeof *results);
        double *weights = calloc((size_t)(count * e->features) + 1, sizeof *weights);
        assert_ok(sgs_store_read(store, first, count, results, NULL, ERR));
        if (e->features)
            assert_ok(sgs_store_read_weights(store, first, count, weights, ERR));
        for (int64_t i = 0; i < count; i++) {
            if (sgs_store_is_skipped(store, first + i))
                continue;
            assert_true(same_result(&results[i], &e->results[first + i]));
            assert_memory_equal(weights + i * e->features, e->weights + (first + i) * e->features,
                                (size_t)e->features * sizeof *weights);
        }
        free(weights);
        free(results);
    }
}

static void random_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < GRIDS; i++) {
        sgs_grid *grid = random_grid(i % 2 == 1);
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
    assert_int_equal(sgs_store_runs(store), 40);
    assert_int_equal(sgs_store_write(store, -1, 2, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 38, 3, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 0, -1, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, INT64_MAX, 3, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 0, INT64_MAX, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_write(store, 8, 3, results, NULL, NULL), SGS_ERANGE); /* run 10 is skipped */
    assert_int_equal(sgs_store_write(store, 0, 1, results, &weight, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_read_weights(store, 0, 1, &weight, NULL), SGS_ERANGE);
    results[1].status = SGS_RUN_PENDING;
    assert_int_equal(sgs_store_write(store, 0, 3, results, NULL, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_set_status(store, 0, 3, SGS_RUN_CONVERGED, NULL), SGS_ERANGE);
    assert_int_equal(sgs_store_set_status(store, 8, 3, SGS_RUN_FAILED, NULL), SGS_ERANGE);
    int8_t status[40];
    assert_ok(sgs_store_read_status(store, 0, 40, status, ERR));
    for (int i = 0; i < 40; i++) /* nothing of the refused blocks is there */
        assert_int_equal(status[i], i >= 10 && i < 20 ? SGS_RUN_SKIPPED : SGS_RUN_PENDING);
    scene_close(store);
    store = scene_open(SGS_STORE_READ);
    assert_int_equal(sgs_store_write(store, 0, 1, results, NULL, NULL), SGS_ERANGE);
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
    assert_ok(sgs_store_write(store, 1, 3, results, NULL, ERR));
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
        int believed = byte < SGS_RUN_STATUSES && byte != SGS_RUN_SKIPPED ? byte : SGS_RUN_PENDING;
        for (int i = 0; i < 40; i++)
            assert_int_equal(status[i], i >= 10 && i < 20 ? SGS_RUN_SKIPPED : believed);
        scene_close(store);
    }
    close(fd);
    sgs_grid_destroy(grid);
}

/* The checksum with weights, from its definition: CRC32C over key (little-endian), status, values, n weights. */
static void checksum_covers_weights(void **state)
{
    (void)state;
    sgs_key key = {.hi = random_bits(), .lo = random_bits()};
    sgs_result result = random_result();
    double weights[3] = {random_unit(), random_unit(), random_unit()};
    unsigned char bytes[16 + SGS_RESULT_BYTES + sizeof weights];
    memcpy(bytes, &key.hi, 8); /* the tests run on little-endian machines */
    memcpy(bytes + 8, &key.lo, 8);
    sgs_result_bytes(&result, bytes + 16);
    assert_int_equal(sgs_store_checksum(key, &result, NULL, 3), sgs_result_checksum(key, &result));
    assert_int_equal(sgs_store_checksum(key, &result, weights, 0), sgs_result_checksum(key, &result));
    memcpy(bytes + 16 + SGS_RESULT_BYTES, weights, sizeof weights);
    assert_int_equal(sgs_store_checksum(key, &result, weights, 3), sgs_crc32c(0, bytes, sizeof bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_round_trips, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(refusals, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(set_status_alone, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(status_bytes_are_not_believed, scene_begin, scene_end),
        cmocka_unit_test(checksum_covers_weights),
    };
    scene_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
