/* State files: what is written comes back, damage of any kind is found, nothing of another sweep is taken for ours. */
#include "test_store_scene.h"

#include "../../src/store/saved_run.h"
#include "../../src/store/state_head.h"
#include <stddef.h>

static const char GRID[] =
    "activation: relu\ndimension: [8, 50]\nbatch_size: [1, n-1, 40]\nstep_size: 0.1\n"
    "seed: {first: 1, count: 3}\nrecord: {steps: [0, 5, 1000], measures: [max_share, selected]}\n"
    "weights: record\n";
enum { RECORD_VALUES = 6, WEIGHT_VALUES_MAX = 150, STATES_MAX = 16 };
static const sgs_state_name NAME = {3, 7};

/* Runs 6, 7 and 8 are skipped: b = 40 does not fit n = 8. */
typedef struct owned_run {
    sgs_saved_run saved;
    unsigned char state[600];
    uint64_t records[RECORD_VALUES], weights[WEIGHT_VALUES_MAX];
} owned_run;

static void random_run(const sgs_grid *grid, int64_t index, owned_run *made)
{
    sgs_run run;
    sgs_stop stop;
    assert_true(sgs_grid_run(grid, index, &run, &stop));
    for (size_t i = 0; i < sizeof made->state; i++)
        made->state[i] = (unsigned char)chance_bits();
    for (int i = 0; i < RECORD_VALUES; i++)
        made->records[i] = chance_bits();
    for (int i = 0; i < WEIGHT_VALUES_MAX; i++)
        made->weights[i] = chance_bits();
    made->saved = (sgs_saved_run){.run = index,
                                  .key = sgs_run_key(&run),
                                  .steps = chance(100),
                                  .state = made->state,
                                  .state_bytes = 1 + chance(sizeof made->state),
                                  .records = made->records,
                                  .record_values = RECORD_VALUES,
                                  .weights = made->weights,
                                  .weight_values = chance(WEIGHT_VALUES_MAX + 1)};
}

static bool same_run(const sgs_saved_run *a, const sgs_saved_run *b)
{
    return a->run == b->run && sgs_key_equal(a->key, b->key) && a->steps == b->steps &&
           a->state_bytes == b->state_bytes && a->record_values == b->record_values &&
           a->weight_values == b->weight_values && memcmp(a->state, b->state, (size_t)a->state_bytes) == 0 &&
           memcmp(a->records, b->records, 8 * (size_t)a->record_values) == 0 &&
           memcmp(a->weights, b->weights, 8 * (size_t)a->weight_values) == 0;
}

/* What a scan visits must be a first part of what was written. */
typedef struct visits {
    const owned_run *expected;
    int64_t count;
    sgs_state_place place[STATES_MAX];
} visits;

static void visit(void *context, const sgs_saved_run *saved, sgs_state_place place)
{
    visits *seen = context;
    assert_true(seen->count < STATES_MAX);
    assert_true(same_run(saved, &seen->expected[seen->count].saved));
    seen->place[seen->count++] = place;
}

static sgs_status scan(const sgs_grid *grid, const owned_run *expected, visits *seen, sgs_error *err)
{
    *seen = (visits){.expected = expected};
    return sgs_state_scan(scene_path, NAME, grid, visit, seen, err);
}

static void write_runs(const sgs_grid *grid, const owned_run *runs, int count)
{
    sgs_state_file *file = NULL;
    int64_t bytes = sizeof(sgs_state_head);
    assert_ok(sgs_state_create(scene_path, NAME, grid, &file, ERR));
    for (int i = 0; i < count; i++) {
        assert_ok(sgs_state_add(file, &runs[i].saved, ERR));
        bytes += sgs_saved_bytes(&runs[i].saved);
        assert_int_equal(sgs_state_bytes(file), bytes);
    }
    assert_ok(sgs_state_publish(file, ERR));
}

static char *state_path(char *text)
{
    char *path = sgs_state_path(scene_path, NAME);
    assert_non_null(path);
    snprintf(text, 2 * PATH_BYTES, "%s", path);
    free(path);
    return text;
}

static size_t read_file(const char *path, unsigned char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    assert_true(size < room);
    return size;
}

static void put_file(const char *path, const unsigned char *bytes, size_t size)
{
    unlink(path); /* ext4 brings a file that is cut and written again to the disk at once, which is slow */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int clean(void **state)
{
    struct stat info;
    char folder[PATH_BYTES + 8];
    snprintf(folder, sizeof folder, "%s.ckpt", scene_path);
    if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode))
        scene_files(folder, scene_remove);
    scene_remove(folder);
    return scene_end(state);
}

/* ---- records in memory */

static void records_come_back(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(GRID);
    for (int i = 0; i < 200; i++) {
        owned_run run;
        sgs_saved_run back;
        random_run(grid, 9 + chance(9), &run);
        int64_t size = sgs_saved_bytes(&run.saved);
        void *bytes = malloc((size_t)size);
        assert_non_null(bytes);
        sgs_saved_encode(&run.saved, bytes);
        assert_ok(sgs_saved_decode(bytes, size, &back, ERR));
        assert_true(same_run(&run.saved, &back));
        assert_int_equal(sgs_saved_check(&back, grid, NULL),
                         run.saved.state_bytes <= SGS_STATE_HEAD_BYTES_MAX ? SGS_OK : SGS_EINVAL);
        for (int64_t cut = 0; cut < size; cut++)
            assert_int_equal(sgs_saved_decode(bytes, cut, &back, NULL), SGS_EDAMAGED);
        free(bytes);
    }
    sgs_grid_destroy(grid);
}

static void flipped_records_are_damaged(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(GRID);
    owned_run run;
    sgs_saved_run back;
    random_run(grid, 0, &run);
    int64_t size = sgs_saved_bytes(&run.saved);
    unsigned char *bytes = malloc((size_t)size);
    assert_non_null(bytes);
    sgs_saved_encode(&run.saved, bytes);
    for (int64_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (unsigned char)(1U << i % 8);
        assert_int_equal(sgs_saved_decode(bytes, size, &back, NULL), SGS_EDAMAGED);
        bytes[i / 8] ^= (unsigned char)(1U << i % 8);
    }
    assert_ok(sgs_saved_decode(bytes, size, &back, ERR));
    assert_int_equal(sgs_saved_decode(bytes + 1, size, &back, NULL), SGS_ERANGE);
    free(bytes);
    sgs_grid_destroy(grid);
}

static void runs_of_others_are_refused(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(GRID);
    owned_run run;
    random_run(grid, 9, &run);
    assert_ok(sgs_saved_check(&run.saved, grid, ERR));
    sgs_saved_run saved = run.saved;
    static const int64_t elsewhere[] = {10, 6, 18, INT64_MAX}; /* another, skipped, outside */
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        saved.run = elsewhere[i];
        assert_int_equal(sgs_saved_check(&saved, grid, NULL), SGS_EINVAL);
    }
    saved = run.saved;
    saved.state_bytes = SGS_STATE_HEAD_BYTES_MAX + 8 * 50 + 1;
    assert_int_equal(sgs_saved_check(&saved, grid, NULL), SGS_EINVAL);
    saved = run.saved;
    saved.record_values--;
    assert_int_equal(sgs_saved_check(&saved, grid, NULL), SGS_EINVAL);
    saved = run.saved;
    saved.weight_values = WEIGHT_VALUES_MAX + 1;
    assert_int_equal(sgs_saved_check(&saved, grid, NULL), SGS_EINVAL);
    saved = run.saved;
    saved.steps = SGS_STEPS_MAX;
    assert_int_equal(sgs_saved_check(&saved, grid, NULL), SGS_EINVAL);
    sgs_grid_destroy(grid);
}

/* ---- files */

static void files_come_back(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(GRID);
    owned_run runs[STATES_MAX];
    visits seen;
    for (int count = 0; count <= 9; count++) { /* each replaces the one before */
        for (int i = 0; i < count; i++)
            random_run(grid, 9 + i, &runs[i]);
        write_runs(grid, runs, count);
        assert_ok(scan(grid, runs, &seen, ERR));
        assert_int_equal(seen.count, count);
        for (int i = 0; i < count; i++) {
            void *bytes = NULL;
            sgs_saved_run back;
            assert_ok(sgs_state_read(scene_path, NAME, grid, seen.place[i], &bytes, &back, ERR));
            assert_true(same_run(&back, &runs[i].saved));
            free(bytes);
        }
    }
    sgs_state_name *names = NULL;
    int64_t count = 0;
    assert_ok(sgs_state_list(scene_path, false, &names, &count, ERR));
    assert_int_equal(count, 1);
    free(names);
    sgs_grid_destroy(grid);
}

/* A writer that is given up, or killed, leaves the earlier file as it was. */
static void unfinished_files_do_not_count(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(GRID);
    owned_run runs[2];
    visits seen;
    sgs_state_file *file = NULL;
    sgs_state_name *names = NULL;
    int64_t count = 0;
    random_run(grid, 0, &runs[0]);
    random_run(grid, 1, &runs[1]);
    write_runs(grid, runs, 1);
    assert_ok(sgs_state_create(scene_path, NAME, grid, &file, ERR));
    assert_ok(sgs_state_add(file, &runs[1].saved, ERR));
    sgs_state_discard(file);
    assert_ok(scan(grid, runs, &seen, ERR));
    assert_int_equal(seen.count, 1);

    char temporary[3 * PATH_BYTES], path[2 * PATH_BYTES];
    snprintf(temporary, sizeof temporary, "%s.tmp", state_path(path));
    put_file(temporary, (const unsigned char *)"half", 4);
    assert_ok(sgs_state_list(scene_path, false, &names, &count, ERR));
    free(names);
    assert_int_equal(access(temporary, F_OK), 0);
    assert_ok(sgs_state_list(scene_path, true, &names, &count, ERR));
    free(names);
    assert_int_equal(count, 1);
    assert_int_not_equal(access(temporary, F_OK), 0);
    sgs_grid_destroy(grid);
}

static void cut_files_are_damaged(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 16];
    char path[2 * PATH_BYTES];
    sgs_grid *grid = scene_grid(GRID);
    owned_run runs[3];
    visits seen;
    for (int i = 0; i < 3; i++)
        random_run(grid, 3 + i, &runs[i]);
    write_runs(grid, runs, 3);
    size_t size = read_file(state_path(path), bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        put_file(path, bytes, cut);
        assert_int_equal(scan(grid, runs, &seen, NULL), SGS_EDAMAGED);
        assert_int_equal(seen.count, 0); /* the head knows */
    }
    bytes[size] = 0;
    put_file(path, bytes, size + 1);
    assert_int_equal(scan(grid, runs, &seen, NULL), SGS_EDAMAGED);
    sgs_grid_destroy(grid);
}

/* One bit in every byte: what is visited is right, and something is said. */
static void flipped_files_are_damaged(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 16];
    char path[2 * PATH_BYTES];
    sgs_grid *grid = scene_grid(GRID);
    owned_run runs[3];
    visits seen;
    for (int i = 0; i < 3; i++)
        random_run(grid, 9 + i, &runs[i]);
    write_runs(grid, runs, 3);
    size_t size = read_file(state_path(path), bytes, sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        sgs_error err = {""};
        unsigned char kept = bytes[i];
        bytes[i] ^= (unsigned char)(1U << chance(8));
        put_file(path, bytes, size);
        sgs_status status = scan(grid, runs, &seen, &err);
        bool of_another = i >= 8 && i < 16; /* byte order and format version are looked at before the checksum */
        assert_int_equal(status, of_another ? SGS_EINVAL : SGS_EDAMAGED);
        assert_non_null(strstr(err.text, ".ckpt/3-7.state"));
        assert_true(seen.count < 3);
        bytes[i] = kept;
    }
    sgs_grid_destroy(grid);
}

/* Heads with a good checksum but other contents; records whose sizes are lies. */
static void foreign_files_are_refused(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 16];
    char path[2 * PATH_BYTES];
    sgs_grid *grid = scene_grid(GRID);
    owned_run run;
    visits seen;
    random_run(grid, 4, &run);
    write_runs(grid, &run, 1);
    size_t size = read_file(state_path(path), bytes, sizeof bytes);
    sgs_state_head good, head;
    memcpy(&good, bytes, sizeof good);
    for (int i = 0; i < 6; i++) {
        head = good;
        if (i == 0)
            head.byte_order = __builtin_bswap32(head.byte_order);
        else if (i == 1)
            head.format_version++;
        else if (i == 2)
            head.algorithm_version++;
        else if (i == 3)
            head.digest_lo ^= 1;
        else if (i == 4)
            head.runs++;
        else
            head.bytes = INT64_MAX;
        head.crc = sgs_crc32c(0, &head, offsetof(sgs_state_head, crc));
        memcpy(bytes, &head, sizeof head);
        put_file(path, bytes, size);
        assert_int_equal(scan(grid, &run, &seen, NULL), i < 4 ? SGS_EINVAL : SGS_EDAMAGED);
        assert_int_equal(seen.count, i == 4);
    }
    memcpy(bytes, &good, sizeof good);
    static const size_t sizes[] = {offsetof(sgs_record_head, bytes), offsetof(sgs_record_head, state_bytes),
                                   offsetof(sgs_record_head, record_values), offsetof(sgs_record_head, weight_values)};
    static const int64_t lies[] = {0, -1, 1, INT64_C(1) << 40, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 6; k++) {
            unsigned char *at = bytes + sizeof good + sizes[i];
            int64_t kept;
            memcpy(&kept, at, sizeof kept);
            if (kept == lies[k])
                continue; /* the truth: a run has no weights, or one */
            memcpy(at, &lies[k], sizeof kept);
            put_file(path, bytes, size);
            assert_int_equal(scan(grid, &run, &seen, NULL), SGS_EDAMAGED);
            memcpy(at, &kept, sizeof kept);
        }
    }
    sgs_grid_destroy(grid);
}

static void any_bytes_will_do(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 16];
    char path[2 * PATH_BYTES];
    sgs_grid *grid = scene_grid(GRID);
    owned_run runs[4];
    visits seen;
    for (int i = 0; i < 4; i++)
        random_run(grid, 9 + i, &runs[i]);
    write_runs(grid, runs, 4);
    size_t size = read_file(state_path(path), bytes, sizeof bytes);
    for (int i = 0; i < 2000; i++) {
        static unsigned char mixed[1 << 16];
        memcpy(mixed, bytes, size);
        for (int64_t k = 1 + chance(4); k > 0; k--) { /* overwrite a stretch, behind the head mostly */
            size_t at = (size_t)chance((int64_t)size), length = (size_t)chance(64);
            for (size_t j = at; j < size && j < at + length; j++)
                mixed[j] = (unsigned char)chance_bits();
        }
        put_file(path, mixed, size);
        sgs_status status = scan(grid, runs, &seen, NULL); /* visit checks what comes */
        assert_true(status == SGS_OK ? memcmp(mixed, bytes, size) == 0
                                     : status == SGS_EDAMAGED || status == SGS_EINVAL);
    }
    sgs_grid_destroy(grid);
}

static void other_things_under_the_name(void **state)
{
    (void)state;
    char path[2 * PATH_BYTES], folder[PATH_BYTES + 8];
    sgs_grid *grid = scene_grid(GRID);
    visits seen;
    snprintf(folder, sizeof folder, "%s.ckpt", scene_path);
    assert_int_equal(scan(grid, NULL, &seen, NULL), SGS_EDAMAGED); /* gone: its runs start over */
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(mkfifo(state_path(path), 0666), 0); /* opening must not wait */
    assert_int_equal(scan(grid, NULL, &seen, NULL), SGS_EDAMAGED);
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(scan(grid, NULL, &seen, NULL), SGS_EDAMAGED);
    rmdir(path);
    rmdir(folder);
    put_file(folder, (const unsigned char *)"a file", 6);
    sgs_state_file *file = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_state_create(scene_path, NAME, grid, &file, &err), SGS_EIO);
    assert_null(file);
    assert_non_null(strstr(err.text, "f.h5.ckpt"));
    sgs_state_name *names = NULL;
    int64_t count = 1;
    assert_ok(sgs_state_list(scene_path, true, &names, &count, ERR));
    assert_int_equal(count, 0);
    sgs_grid_destroy(grid);
}

static void names_are_ours_alone(void **state)
{
    (void)state;
    static const char *const others[] = {"1-2.state~", "01-2.state", "1-+2.state",  "1-2.State", "1-2.state.tmp.tmp",
                                         "-1-2.state", "1-2",        "state.tmp",   ".state",    "1--2.state",
                                         "1-2.state ", "notes.txt",  "1-2.state.t", "x1-2.state"};
    static const sgs_state_name ours[] = {{1, 2}, {1, 10}, {2, 0}, {10, 1}};
    char folder[PATH_BYTES + 8], name[3 * PATH_BYTES];
    sgs_state_name *names = NULL;
    int64_t count = 0;
    snprintf(folder, sizeof folder, "%s.ckpt", scene_path);
    assert_int_equal(mkdir(folder, 0777), 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, others[i]);
        put_file(name, (const unsigned char *)"x", 1);
    }
    for (size_t i = sizeof ours / sizeof ours[0]; i-- > 0;) {
        char *path = sgs_state_path(scene_path, ours[i]);
        put_file(path, (const unsigned char *)"x", 1);
        free(path);
    }
    assert_ok(sgs_state_list(scene_path, true, &names, &count, ERR));
    assert_int_equal(count, 4);
    assert_memory_equal(names, ours, sizeof ours);
    for (int64_t i = 0; i < count; i++) {
        assert_ok(sgs_state_remove(scene_path, names[i], ERR));
        assert_ok(sgs_state_remove(scene_path, names[i], ERR)); /* gone already */
    }
    free(names);
    sgs_state_remove_folder(scene_path);
    assert_int_equal(scene_files(folder, scene_remove), (int)(sizeof others / sizeof others[0]));
    sgs_state_remove_folder(scene_path);
    assert_int_not_equal(access(folder, F_OK), 0);
}

static int seed(void **state)
{
    (void)state;
    return chance_begin(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_begin, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(records_come_back),
                                       TEST(flipped_records_are_damaged),
                                       TEST(runs_of_others_are_refused),
                                       TEST(files_come_back),
                                       TEST(unfinished_files_do_not_count),
                                       TEST(cut_files_are_damaged),
                                       TEST(flipped_files_are_damaged),
                                       TEST(foreign_files_are_refused),
                                       TEST(any_bytes_will_do),
                                       TEST(other_things_under_the_name),
                                       TEST(names_are_ours_alone)};
    return cmocka_run_group_tests(tests, seed, NULL);
}
