/* The results reader. The first byte chooses: any bytes as FILE.log, or bytes of a whole file changed.
 *
 * Promises: a log that is believed has extents that ascend inside of the file; a file with a changed frozen byte is
 * refused before HDF5 sees it; with a changed raw byte it opens, and a run that counts as done with its checksum
 * unchanged has the numbers that were written. HDF5's own parser is not under test: its frozen bytes are what the log's
 * CRC protects. */
#include "../../src/store/frozen.h"
#include "../../src/store/store_private.h"
#include "fuzz.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_RUNS = 64, PATH_BYTES = 128, PATCH_BYTES = 5, RAW_BYTE = 1 << 30 };

static const char grid_text[] = "activation: [linear, relu]\ndimension: [2, 5]\nbatch_size: [1, n/2, n]\n"
                                "step_size: {scaled_by_batch: 0.1}\nseed: {first: 1, count: 3}\n"
                                "record: {steps: [0, 4], measures: norm}\nweights: final\n";

/* The file as it was made, and what its runs say. */
static struct {
    char folder[PATH_BYTES], path[PATH_BYTES], log[PATH_BYTES];
    unsigned char *bytes;
    int64_t size, raw_bytes, runs;
    sgs_frozen frozen;
    sgs_result results[MAX_RUNS];
    uint32_t checksums[MAX_RUNS];
} whole;

static void remove_files(void)
{
    (void)unlink(whole.path);
    (void)unlink(whole.log);
    (void)rmdir(whole.folder);
}

/* Some values for two runs of three; the others stay pending. */
static void write_runs(sgs_store *store)
{
    sgs_error err = {""};
    double weights[8] = {0.5, -0.25, 1, 2, 3, 4, 5, 6};
    sgs_value records[8] = {{.real = 1}, {.real = 2}};
    for (int64_t i = 0; i < whole.runs; i++) {
        sgs_result result = {.status = SGS_RUN_CONVERGED};
        const sgs_rows rows = {&result, records, weights};
        for (int measure = 0; measure < SGS_MEASURES; measure++)
            result.value[measure].integer = 1000 * i + measure;
        if (i % 3 != 2 && !sgs_store_is_skipped(store, i))
            PROMISE(sgs_store_write(store, i, 1, &rows, &err) == SGS_OK, "%s\n", err.text);
    }
}

static void load(void)
{
    int fd = open(whole.path, O_RDONLY | O_CLOEXEC);
    whole.size = lseek(fd, 0, SEEK_END);
    whole.bytes = malloc((size_t)whole.size);
    PROMISE(whole.bytes && pread(fd, whole.bytes, (size_t)whole.size, 0) == whole.size, "%s\n", whole.path);
    (void)close(fd);
    for (int i = 0; i < whole.frozen.count; i++)
        whole.raw_bytes += whole.frozen.extent[i].bytes;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    sgs_error err = {""};
    sgs_grid *grid = NULL;
    sgs_store *store = NULL;
    const char *base = getenv("TMPDIR");
    (void)snprintf(whole.folder, sizeof whole.folder, "%.80s/fuzz-XXXXXX", base ? base : "/tmp");
    PROMISE(mkdtemp(whole.folder), "%s\n", whole.folder);
    (void)snprintf(whole.path, sizeof whole.path, "%.100s/f.h5", whole.folder);
    (void)snprintf(whole.log, sizeof whole.log, "%.100s/f.h5.log", whole.folder);
    (void)atexit(remove_files);
    bool made = sgs_grid_parse(grid_text, sizeof grid_text - 1, "grid", &grid, &err) == SGS_OK &&
                sgs_store_create(whole.path, grid, false, &err) == SGS_OK &&
                sgs_store_open(whole.path, SGS_STORE_WRITE, &store, &err) == SGS_OK;
    PROMISE(made, "%s\n", err.text);
    whole.runs = sgs_grid_runs(grid);
    PROMISE(whole.runs <= MAX_RUNS, "%lld runs\n", (long long)whole.runs);
    write_runs(store);
    made = sgs_store_read(store, 0, whole.runs, whole.results, whole.checksums, &err) == SGS_OK &&
           sgs_store_close(store, &err) == SGS_OK &&
           sgs_frozen_read_log(whole.path, &made, &whole.frozen, &err) == SGS_OK;
    PROMISE(made, "%s\n", err.text);
    load();
    sgs_grid_destroy(grid);
    return 0;
}

/* ---- any bytes as a log ------------------------------------------------------------------------------------------ */

static void replace(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    PROMISE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "%s\n", path);
    (void)close(fd);
}

static void try_log(const uint8_t *data, size_t size)
{
    sgs_error err = {""};
    sgs_frozen frozen;
    bool found = false;
    char other[PATH_BYTES], log[PATH_BYTES];
    (void)snprintf(other, sizeof other, "%.100s/other.h5", whole.folder);
    (void)snprintf(log, sizeof log, "%.100s/other.h5.log", whole.folder);
    replace(log, data, size);
    PROMISE(sgs_frozen_read_log(other, &found, &frozen, &err) == SGS_OK, "%s\n", err.text);
    int64_t end = 0;
    for (int i = 0; found && i < frozen.count; i++) {
        const sgs_extent *extent = &frozen.extent[i];
        PROMISE(extent->offset >= end && extent->bytes >= 0 && extent->bytes <= frozen.file_bytes - extent->offset,
                "extent %d\n", i);
        end = extent->offset + extent->bytes;
    }
    if (found) {
        replace(other, whole.bytes, (size_t)whole.size);
        sgs_status status = sgs_store_check_frozen(other, &err);
        PROMISE(status == SGS_OK || status == SGS_EDAMAGED, "%d %s\n", (int)status, err.text);
        (void)unlink(other);
    }
    (void)unlink(log);
}

/* ---- bytes of the file changed ----------------------------------------------------------------------------------- */

/* Place of the k-th raw byte. */
static int64_t raw_place(int64_t k)
{
    for (int i = 0; i < whole.frozen.count; i++) {
        if (k < whole.frozen.extent[i].bytes)
            return whole.frozen.extent[i].offset + k;
        k -= whole.frozen.extent[i].bytes;
    }
    abort();
}

static bool is_raw(int64_t place)
{
    bool raw = false;
    for (int i = 0; i < whole.frozen.count; i++)
        raw = raw || (place >= whole.frozen.extent[i].offset &&
                      place < whole.frozen.extent[i].offset + whole.frozen.extent[i].bytes);
    return raw;
}

static int64_t place_of(const uint8_t *patch)
{
    uint32_t bits;
    memcpy(&bits, patch, sizeof bits);
    return bits & RAW_BYTE ? raw_place((bits & (RAW_BYTE - 1)) % whole.raw_bytes) : bits % whole.size;
}

/* Write the patches into the file (or the original bytes); true if a frozen byte is another one now. */
static bool patch(int fd, const uint8_t *data, size_t count, bool restore)
{
    bool frozen = false;
    for (size_t i = 0; i < count; i++) {
        int64_t place = place_of(data + i * PATCH_BYTES);
        const uint8_t *byte = restore ? &whole.bytes[place] : &data[i * PATCH_BYTES + 4];
        PROMISE(pwrite(fd, byte, 1, place) == 1, "byte %lld\n", (long long)place);
    }
    for (size_t i = 0; i < count && !restore; i++) { /* what stands there in the end */
        uint8_t now = 0;
        int64_t place = place_of(data + i * PATCH_BYTES);
        PROMISE(pread(fd, &now, 1, place) == 1, "byte %lld\n", (long long)place);
        frozen = frozen || (now != whole.bytes[place] && !is_raw(place));
    }
    return frozen;
}

static void check_run(int64_t i, const sgs_result *result, uint32_t checksum)
{
    if (checksum != whole.checksums[i])
        return; /* both changed: a file that somebody forged */
    bool same = result->status == whole.results[i].status;
    for (int measure = 0; measure < SGS_MEASURES; measure++)
        same = same && result->value[measure].integer == whole.results[i].value[measure].integer;
    PROMISE(same, "run %lld counts as done with other numbers\n", (long long)i);
}

static void read_all(void)
{
    sgs_error err = {""};
    sgs_store *store = NULL;
    sgs_tally tally = {.damaged = 0};
    int8_t status[MAX_RUNS];
    sgs_result results[MAX_RUNS];
    uint32_t checksums[MAX_RUNS];
    bool read = sgs_store_open(whole.path, SGS_STORE_READ, &store, &err) == SGS_OK &&
                sgs_store_scan(store, 0, whole.runs, status, &tally, &err) == SGS_OK &&
                sgs_store_read(store, 0, whole.runs, results, checksums, &err) == SGS_OK;
    PROMISE(read, "%s\n", err.text);
    for (int64_t i = 0; i < whole.runs; i++)
        if (sgs_run_status_finished(status[i]))
            check_run(i, &results[i], checksums[i]);
    PROMISE(sgs_store_close(store, &err) == SGS_OK, "%s\n", err.text);
}

static void try_patches(const uint8_t *data, size_t size)
{
    sgs_error err = {""};
    size_t count = size / PATCH_BYTES;
    int fd = open(whole.path, O_RDWR | O_CLOEXEC);
    bool frozen = patch(fd, data, count, false);
    sgs_status status = sgs_store_check_frozen(whole.path, &err);
    PROMISE(status == (frozen ? SGS_EDAMAGED : SGS_OK), "%d %s\n", (int)status, err.text);
    if (!frozen)
        read_all();
    (void)patch(fd, data, count, true);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        try_log(data + 1, size - 1);
    else
        try_patches(data + 1, size - 1);
    return 0;
}
