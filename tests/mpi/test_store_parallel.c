/** @file test_store_parallel.c
 *  All ranks write disjoint blocks into one file at the same time; a serial scan then sees every run. Opening a file
 * that is not there, or damaged, fails alike on every rank. Any number of ranks. */
#include "../unit/test_store_scene.h"

static int rank, ranks;

static const char *grid_text = "activation: [linear, relu]\ndimension: [4, 8]\nbatch_size: [1, 8, n/2]\n"
                               "step_size: [0.1, 0.2, 0.3]\nseed: {first: 3, count: 37}\nweights: record\n"
                               "record: {steps: [0, 7], measures: [norm, active]}\n";
enum { FEATURES = 16, RECORDS = 4 }; /* values of a run: 8 points in two steps, two measures in two steps */

/* What run i leaves, the same on every rank. */
static sgs_result result_of(int64_t i, double weights[FEATURES], sgs_value records[RECORDS])
{
    gsl_rng_set(rng, (unsigned long)i * 7919 + 1);
    for (int k = 0; k < FEATURES; k++)
        weights[k] = uniform(0, 1);
    for (int k = 0; k < RECORDS; k++)
        records[k].integer = (int64_t)chance_bits();
    return random_result();
}

static void share_folder(void)
{
    void *state = NULL;
    if (rank == 0)
        scene_begin(&state);
    MPI_Bcast(scene_path, sizeof scene_path, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void leave_folder(void)
{
    void *state = NULL;
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        assert_int_equal(scene_end(&state), 0);
}

/* Blocks of 11 runs, dealt out in turn; block borders fall inside of rows, rows inside of blocks. */
static void write_my_blocks(sgs_store *store)
{
    enum { BLOCK = 11 };
    sgs_result results[BLOCK];
    double weights[BLOCK][FEATURES];
    sgs_value records[BLOCK][RECORDS];
    for (int64_t first = 0, block = 0; first < sgs_store_runs(store); block++) {
        int64_t count = 0;
        while (count < BLOCK && first + count < sgs_store_runs(store) && !sgs_store_is_skipped(store, first + count)) {
            results[count] = result_of(first + count, weights[count], records[count]);
            count++;
        }
        if (block % ranks == rank)
            assert_ok(sgs_store_write(store, first, count, &(sgs_rows){results, records[0], weights[0]}, ERR));
        first += count > 0 ? count : 1;
    }
    assert_ok(sgs_store_sync(store, ERR));
}

static void check_all(sgs_store *store)
{
    sgs_tally tally = {.damaged = 0};
    int64_t runs = sgs_store_runs(store), skipped = 0;
    assert_ok(sgs_store_scan(store, 0, runs, NULL, &tally, ERR));
    for (int64_t i = 0; i < runs; i++) {
        double want[FEATURES], weights[FEATURES];
        sgs_value want_records[RECORDS], records[RECORDS];
        sgs_result expected = result_of(i, want, want_records), result;
        if (sgs_store_is_skipped(store, i)) {
            skipped++;
            continue;
        }
        assert_ok(sgs_store_read(store, i, 1, &result, NULL, ERR));
        assert_ok(sgs_store_read_weights(store, i, 1, weights, ERR));
        assert_ok(sgs_store_read_records(store, i, 1, records, ERR));
        assert_memory_equal(records, want_records, sizeof records);
        assert_true(same_result(&result, &expected));
        assert_memory_equal(weights, want, sizeof want);
    }
    assert_true(skipped > 0);
    assert_int_equal(tally.status[SGS_RUN_SKIPPED], skipped);
    assert_int_equal(tally.status[SGS_RUN_PENDING], 0);
    assert_int_equal(tally.damaged, 0);
}

static void disjoint_blocks(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(grid_text);
    share_folder();
    if (rank == 0)
        assert_ok(sgs_store_create(scene_path, grid, false, ERR));
    MPI_Barrier(MPI_COMM_WORLD);
    sgs_store *store = NULL;
    assert_ok(sgs_store_open_coll(scene_path, MPI_COMM_WORLD, &store, ERR));
    assert_true(sgs_key_equal(sgs_grid_digest(grid), sgs_grid_digest(sgs_store_grid(store))));
    assert_int_equal(sgs_store_algorithm_version(store), SGS_ALGORITHM_VERSION);
    write_my_blocks(store);
    MPI_Barrier(MPI_COMM_WORLD);
    check_all(store); /* every rank sees all, through MPI-IO */
    assert_ok(sgs_store_close(store, ERR));
    if (rank == 0) {
        store = scene_open(SGS_STORE_READ); /* checks the frozen bytes first */
        check_all(store);
        scene_close(store);
    }
    leave_folder();
    sgs_grid_destroy(grid);
}

static void failures_are_shared(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(grid_text);
    sgs_store *store = NULL;
    sgs_error err = {""};
    share_folder();
    assert_int_equal(sgs_store_open_coll(scene_path, MPI_COMM_WORLD, &store, &err), SGS_EIO);
    assert_null(store);
    assert_non_null(strstr(err.text, "No such file"));
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        assert_ok(sgs_store_create(scene_path, grid, false, ERR));
        assert_int_equal(truncate(scene_path, 20000), 0);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    assert_int_equal(sgs_store_open_coll(scene_path, MPI_COMM_WORLD, &store, &err), SGS_EDAMAGED);
    assert_non_null(strstr(err.text, "truncated"));
    leave_folder();
    sgs_grid_destroy(grid);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disjoint_blocks),
        cmocka_unit_test(failures_are_shared),
    };
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    int failed = cmocka_run_group_tests(tests, chance_begin, chance_end);
    if (failed != 0) /* the other ranks may wait for this one */
        MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
