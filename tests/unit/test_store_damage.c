/** @file test_store_damage.c
 *  Files that are not what they should be: each gets one clear line, none a crash. */
#include "../../src/store/frozen.h"
#include "test_store_scene.h"

/* Under the address sanitizer opening takes long: fewer flips there. */
#if defined(__SANITIZE_ADDRESS__)
#define FLIPS 20
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLIPS 20
#endif
#endif
#ifndef FLIPS
#define FLIPS 200
#endif

static const char *tiny_grid = "activation: relu\ndimension: [4, 8]\nbatch_size: [1, 8]\nstep_size: 0.1\n"
                               "seed: {first: 1, count: 2}\n";

static void make_tiny(void)
{
    sgs_grid *grid = scene_grid(tiny_grid);
    assert_ok(sgs_store_create(scene_path, grid, false, ERR));
    sgs_grid_destroy(grid);
}

static void remove_log(void)
{
    char path[PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s.log", scene_path);
    assert_int_equal(unlink(path), 0);
}

static sgs_status try_open(sgs_error *err)
{
    sgs_store *store = NULL;
    *err = (sgs_error){""};
    sgs_status status = sgs_store_open(scene_path, SGS_STORE_READ, &store, err);
    if (status == SGS_OK)
        scene_close(store);
    else
        assert_null(store);
    return status;
}

/* Expects the status, and an error of one line that names the file and says `what`. */
static void assert_refused(sgs_status want, const char *what)
{
    sgs_error err;
    sgs_status status = try_open(&err);
    if (status != want || !strstr(err.text, what) || !strstr(err.text, scene_path) || strchr(err.text, '\n'))
        fail_msg("status %d, wanted %d with '%s': %s", (int)status, (int)want, what, err.text);
}

static void write_file(const char *text)
{
    int fd = open(scene_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void foreign_files(void **state)
{
    (void)state;
    assert_refused(SGS_EIO, "No such file");
    assert_int_equal(mkdir(scene_path, 0700), 0);
    assert_refused(SGS_EIO, "not a regular file");
    assert_int_equal(rmdir(scene_path), 0);
    write_file("");
    assert_refused(SGS_EDAMAGED, "empty");
    write_file("dimension: 4\n");
    assert_refused(SGS_EDAMAGED, "not an HDF5 file");
    write_file("\x89HDF\r\n\x1a\n and then nothing of the kind");
    assert_refused(SGS_EDAMAGED, "");
    hid_t file = H5Fcreate(scene_path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_refused(SGS_EDAMAGED, "not a results file");
}

static void truncated_files(void **state)
{
    (void)state;
    struct stat info;
    make_tiny();
    assert_int_equal(stat(scene_path, &info), 0);
    assert_int_equal(truncate(scene_path, info.st_size + 1), 0);
    assert_refused(SGS_EDAMAGED, "grown");
    assert_int_equal(truncate(scene_path, info.st_size), 0);
    sgs_error err;
    assert_int_equal(try_open(&err), SGS_OK);
    assert_int_equal(truncate(scene_path, info.st_size - 1), 0);
    assert_refused(SGS_EDAMAGED, "truncated");
    remove_log();
    for (int64_t size = info.st_size - 1; size > 0; size /= 3) {
        assert_int_equal(truncate(scene_path, size), 0);
        assert_refused(SGS_EDAMAGED, "");
    }
}

/* With a log: every single byte outside of the raw data is watched, and no byte inside. (A sample where it takes long.)
 */
static void every_frozen_byte(void **state)
{
    (void)state;
    make_tiny();
    sgs_frozen frozen;
    bool found = false;
    assert_ok(sgs_frozen_read_log(scene_path, &found, &frozen, ERR));
    assert_true(found);
    int fd = open(scene_path, O_RDWR), inside = 0;
    assert_true(fd >= 0);
    for (int64_t at = 0; at < frozen.file_bytes; at += 1 + (FLIPS < 100) * chance(40)) {
        bool raw = false;
        for (int i = 0; i < frozen.count; i++)
            raw = raw || (at >= frozen.extent[i].offset && at < frozen.extent[i].offset + frozen.extent[i].bytes);
        unsigned char byte, flipped;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (unsigned char)(1 << chance(8));
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        sgs_error err = {""};
        assert_int_equal(sgs_store_check_frozen(scene_path, &err), raw ? SGS_OK : SGS_EDAMAGED);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        inside += raw;
    }
    close(fd);
    if (FLIPS > 100)
        assert_int_equal(inside, 8 * (SGS_MEASURES * 8 + 4 + 1)); /* 8 runs */
    assert_ok(sgs_store_check_frozen(scene_path, ERR));
}

/* Without a log a child process meets the damage: refused, or harmless, and this process lives. */
static void flips_without_log(void **state)
{
    (void)state;
    make_tiny();
    remove_log();
    struct stat info;
    assert_int_equal(stat(scene_path, &info), 0);
    assert_ok(sgs_store_check_frozen(scene_path, ERR));
    int fd = open(scene_path, O_RDWR), refused = 0;
    assert_true(fd >= 0);
    for (int i = 0; i < FLIPS; i++) {
        unsigned char byte, flipped;
        int64_t at = chance(info.st_size);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (unsigned char)(1 << chance(8));
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        sgs_error err = {""};
        sgs_status status = sgs_probe_file(scene_path, 2, &err);
        if (status != SGS_OK) {
            refused++;
            assert_true(status == SGS_EDAMAGED || status == SGS_EINVAL); /* EINVAL: another format version */
            assert_true(strlen(err.text) > 0);
        }
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    print_message("%d of %d flips refused\n", refused, FLIPS);
    assert_true(refused > 0);
    assert_ok(sgs_store_check_frozen(scene_path, ERR));
}

/* A log that begins with something else counts as none. */
static void useless_logs(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\n",
        "{\n",
        "[1, 2]\n",
        "{\"event\":\"start\"}\n",
        "{\"event\":\"create\",\"file_bytes\":100,\"frozen_crc32c\":1,\"extents\":{\"a\":[50,60]}}\n",
        "{\"event\":\"create\",\"file_bytes\":100,\"frozen_crc32c\":1,\"extents\":{\"a\":[50,10],\"b\":[40,10]}}\n",
        "{\"event\":\"create\",\"file_bytes\":100,\"frozen_crc32c\":-1,\"extents\":{}}\n",
        "{\"event\":\"create\",\"file_bytes\":100,\"frozen_crc32c\":1,\"extents\":{\"a\":[9223372036854775807,1]}}\n",
    };
    make_tiny();
    char path[PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s.log", scene_path);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        FILE *log = fopen(path, "w");
        fputs(lines[i], log);
        fclose(log);
        bool found = true;
        sgs_frozen frozen;
        assert_ok(sgs_frozen_read_log(scene_path, &found, &frozen, ERR));
        assert_false(found);
        assert_ok(sgs_store_check_frozen(scene_path, ERR));
    }
}

static void set_attribute(const char *name, int value)
{
    hid_t file = H5Fopen(scene_path, H5F_ACC_RDWR, H5P_DEFAULT), attribute = H5Aopen(file, name, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_INT, &value) >= 0);
    H5Aclose(attribute);
    H5Fclose(file);
}

static void other_versions(void **state)
{
    (void)state;
    make_tiny();
    set_attribute("format_version", 7);
    assert_refused(SGS_EDAMAGED, "log"); /* changed by somebody else's program: the log knows */
    remove_log();
    assert_refused(SGS_EINVAL, "version 7");
    set_attribute("format_version", SGS_FORMAT_VERSION);
    set_attribute("algorithm_version", 99);
    sgs_store *store = scene_open(SGS_STORE_READ);
    assert_int_equal(sgs_store_algorithm_version(store), 99);
    sgs_error err = {""};
    int8_t status[8];
    assert_ok(sgs_store_read_status(store, 0, 8, status, ERR));
    assert_int_equal(sgs_store_scan(store, 0, 8, status, NULL, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "version 99"));
    scene_close(store);
}

/* The structure is sound HDF5, but not the one that the grid asks for. */
static void other_structures(void **state)
{
    (void)state;
    static const struct {
        hsize_t extent[SGS_AXES];
        const char *what;
        int rank;
        bool integer, chunked;
    } cases[] = {
        {{1, 1, 2, 2, 1, 2}, NULL, SGS_AXES, false, false},
        {{1, 1, 2, 2, 1, 3}, "shape", SGS_AXES, false, false},
        {{8}, "shape", 1, false, false},
        {{1, 1, 2, 2, 1, 2}, "type", SGS_AXES, true, false},
        {{1, 1, 2, 2, 1, 2}, "storage", SGS_AXES, false, true},
        {{0}, "norm", 0, false, false},
    };
    make_tiny();
    remove_log();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hid_t file = H5Fopen(scene_path, H5F_ACC_RDWR, H5P_DEFAULT);
        H5Ldelete(file, "norm", H5P_DEFAULT);
        if (cases[i].rank > 0) {
            hid_t space = H5Screate_simple(cases[i].rank, cases[i].extent, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
            H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
            if (cases[i].chunked)
                H5Pset_chunk(how, cases[i].rank, cases[i].extent);
            hid_t dataset = H5Dcreate2(file, "norm", cases[i].integer ? H5T_STD_I64LE : H5T_IEEE_F64LE, space,
                                       H5P_DEFAULT, how, H5P_DEFAULT);
            assert_true(dataset >= 0);
            H5Dclose(dataset);
            H5Pclose(how);
            H5Sclose(space);
        }
        H5Fclose(file);
        sgs_error err;
        if (cases[i].what)
            assert_refused(SGS_EDAMAGED, cases[i].what);
        else
            assert_int_equal(try_open(&err), SGS_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(foreign_files, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(truncated_files, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(every_frozen_byte, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(flips_without_log, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(useless_logs, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(other_versions, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(other_structures, scene_begin, scene_end),
    };
    chance_begin(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
