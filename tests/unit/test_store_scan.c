/** @file test_store_scan.c
 *  Scans: counts, digest, damage. */
#include "test_store_scene.h"

static const char *small_grid = "activation: relu\ndimension: [4, 8]\nbatch_size: [1, 8, n/2]\nstep_size: [0.1, 0.2]\n"
                                "seed: {first: 3, count: 50}\n";
enum { RUNS = 600, SKIPPED_FIRST = 100, SKIPPED_END = 200 };

static bool skipped(int64_t run)
{
    return run >= SKIPPED_FIRST && run < SKIPPED_END;
}

/* Random results for random runs; the tally that they make. */
static sgs_tally fill(sgs_store *store)
{
    sgs_tally tally = {.damaged = 0};
    for (int64_t i = 0; i < RUNS; i++) {
        sgs_result result = random_result();
        sgs_run run;
        sgs_stop stop;
        if (skipped(i) || chance(3) == 0) {
            tally.status[skipped(i) ? SGS_RUN_SKIPPED : SGS_RUN_PENDING]++;
            continue;
        }
        assert_ok(sgs_store_write(store, i, 1, &(sgs_rows){.results = &result}, ERR));
        assert_true(sgs_grid_run(sgs_store_grid(store), i, &run, &stop));
        tally.status[result.status]++;
        tally.digest = sgs_key_add(tally.digest, sgs_result_digest(sgs_run_key(&run), &result));
    }
    return tally;
}

static void assert_same_tally(const sgs_tally *a, const sgs_tally *b)
{
    for (int status = 0; status < SGS_RUN_STATUSES; status++)
        assert_int_equal(a->status[status], b->status[status]);
    assert_int_equal(a->damaged, b->damaged);
    assert_true(sgs_key_equal(a->digest, b->digest));
}

static void counts_and_digest(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(small_grid);
    sgs_store *store = scene_create(grid);
    sgs_tally want = fill(store), whole = {.damaged = 0}, parts = {.damaged = 0};
    int8_t status[RUNS], direct[RUNS];
    assert_ok(sgs_store_scan(store, 0, RUNS, status, &whole, ERR));
    assert_same_tally(&whole, &want);
    assert_ok(sgs_store_read_status(store, 0, RUNS, direct, ERR));
    assert_memory_equal(status, direct, RUNS);
    for (int64_t first = 0; first < RUNS;) { /* in pieces it adds up to the same */
        int64_t count = 1 + chance(200);
        count = count < RUNS - first ? count : RUNS - first;
        assert_ok(sgs_store_scan(store, first, count, NULL, &parts, ERR));
        first += count;
    }
    assert_same_tally(&parts, &want);
    assert_ok(sgs_store_scan(store, 0, RUNS, NULL, NULL, ERR));
    assert_int_equal(sgs_store_scan(store, 1, RUNS, NULL, NULL, NULL), SGS_ERANGE);
    scene_close(store);
    sgs_grid_destroy(grid);
}

static void flip_bit(int fd, int64_t offset)
{
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= (unsigned char)(1 << chance(8));
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

/* One flipped bit in any variable of a finished run is found, and only there. */
static void damage_is_found(void **state)
{
    (void)state;
    const char *texts[] = {
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n",
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n"
        "weights: final\n",
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n"
        "record: {steps: [0, 9], measures: [norm, active]}\n",
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n"
        "record: {steps: [0, 9], measures: [norm, active]}\nweights: record\n",
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n"
        "walk: {bins: 2}\n",
        "activation: relu\ndimension: 6\nbatch_size: 2\nstep_size: 0.1\nseed: {first: 1, count: 40}\n"
        "record: {steps: [0, 9], measures: [norm, active]}\nwalk: {bins: 2}\nweights: final\n"};
    for (int kept = 0; kept < 6; kept++) {
        sgs_grid *grid = scene_grid(texts[kept]);
        sgs_store *store = scene_create(grid);
        const double weights[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
        const sgs_value records[4 + 2 * SGS_WALK_SUMS] = {
            {.real = 0.5}, {.real = 0.75}, {.integer = 6}, {.integer = 5}};
        for (int64_t i = 0; i < 40; i++) {
            sgs_result result = random_result();
            sgs_rows rows = {&result, kept >= 2 ? records : NULL, kept % 2 ? weights : NULL};
            assert_ok(sgs_store_write(store, i, 1, &rows, ERR));
        }
        int fd = open(scene_path, O_RDWR);
        assert_true(fd >= 0);
        for (int v = store->layout.result; v < store->layout.status; v++) {
            int64_t run = chance(40), size = sgs_variable_bytes(&store->layout, &store->layout.variable[v]) / 40;
            int64_t at = (int64_t)H5Dget_offset(store->dataset[v]) + run * size + chance(size);
            unsigned char before;
            int8_t status[40];
            sgs_tally tally = {.damaged = 0};
            assert_int_equal(pread(fd, &before, 1, at), 1);
            flip_bit(fd, at);
            assert_ok(sgs_store_scan(store, 0, 40, status, &tally, ERR));
            assert_int_equal(tally.damaged, 1);
            assert_int_equal(tally.status[SGS_RUN_PENDING], 1);
            assert_int_equal(status[run], SGS_RUN_PENDING);
            assert_int_equal(pwrite(fd, &before, 1, at), 1);
        }
        sgs_tally tally = {.damaged = 0};
        assert_ok(sgs_store_scan(store, 0, 40, NULL, &tally, ERR));
        assert_int_equal(tally.damaged, 0);
        close(fd);
        scene_close(store);
        sgs_grid_destroy(grid);
        assert_int_equal(unlink(scene_path), 0);
    }
}

/* After a power loss a status can be there without its data; writing the run again repairs it. */
static void status_without_data(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(small_grid);
    sgs_store *store = scene_create(grid);
    int8_t converged = SGS_RUN_CONVERGED;
    int fd = open(scene_path, O_RDWR);
    assert_int_equal(pwrite(fd, &converged, 1, (off_t)H5Dget_offset(store->dataset[store->layout.status]) + 7), 1);
    close(fd);
    int8_t status[10];
    sgs_tally tally = {.damaged = 0};
    assert_ok(sgs_store_scan(store, 0, 10, status, &tally, ERR));
    assert_int_equal(tally.damaged, 1);
    assert_int_equal(status[7], SGS_RUN_PENDING);
    sgs_result result = random_result();
    assert_ok(sgs_store_write(store, 7, 1, &(sgs_rows){.results = &result}, ERR));
    tally = (sgs_tally){.damaged = 0};
    assert_ok(sgs_store_scan(store, 0, 10, status, &tally, ERR));
    assert_int_equal(tally.damaged, 0);
    assert_int_equal(status[7], result.status);
    scene_close(store);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_and_digest, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(damage_is_found, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(status_without_data, scene_begin, scene_end),
    };
    chance_begin(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
