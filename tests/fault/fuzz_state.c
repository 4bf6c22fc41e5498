/* The reader of state files. The first byte chooses: bit 0: the rest is the whole file, else it changes bytes of a good
 * one; bit 1: checksums are put right afterwards, so that what stands behind them is reached.
 *
 * Promises: any bytes end in one of the documented statuses; what is visited fits the grid; with the checksums as they
 * were, a run that is visited is as it was saved. */
#include "../../src/store/saved_run.h"
#include "../../src/store/state_head.h"
#include "fuzz.h"
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 128, STATE_BYTES = 100, PATCH_BYTES = 3, RAW = 1, PUT_RIGHT = 2, SAVED_RUNS = 3 };

static const char grid_text[] =
    "activation: relu\ndimension: [4, 9]\nbatch_size: [1, n]\nstep_size: 0.1\nseed: [1, 2]\n"
    "record: {steps: [0, 4], measures: [norm, loss]}\nweights: record\n";
static const sgs_state_name name = {1, 0};

static struct {
    char folder[PATH_BYTES], path[PATH_BYTES], *state;
    unsigned char *bytes;
    size_t size;
    sgs_grid *grid;
    unsigned char content[STATE_BYTES];
    int64_t values[64];
} whole;

static void remove_files(void)
{
    (void)unlink(whole.state);
    sgs_state_remove_folder(whole.path);
    (void)rmdir(whole.folder);
    free(whole.state);
    free(whole.bytes);
    sgs_grid_destroy(whole.grid);
}

static void save_runs(void)
{
    sgs_error err = {""};
    sgs_state_file *file = NULL;
    PROMISE(sgs_state_create(whole.path, name, whole.grid, &file, &err) == SGS_OK, "%s\n", err.text);
    for (int64_t i = 0; i < SAVED_RUNS; i++) {
        sgs_run run;
        sgs_stop stop;
        PROMISE(sgs_grid_run(whole.grid, 2 * i, &run, &stop), "run %lld\n", (long long)i);
        const sgs_saved_run saved = {2 * i, sgs_run_key(&run), 7,    whole.content, STATE_BYTES - i, whole.values,
                                     4,     whole.values,      2 * i};
        PROMISE(sgs_state_add(file, &saved, &err) == SGS_OK, "%s\n", err.text);
    }
    PROMISE(sgs_state_publish(file, &err) == SGS_OK, "%s\n", err.text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    sgs_error err = {""};
    const char *base = getenv("TMPDIR");
    (void)snprintf(whole.folder, sizeof whole.folder, "%.80s/fuzz-XXXXXX", base ? base : "/tmp");
    PROMISE(mkdtemp(whole.folder), "%s\n", whole.folder);
    (void)snprintf(whole.path, sizeof whole.path, "%.100s/f.h5", whole.folder);
    whole.state = sgs_state_path(whole.path, name);
    PROMISE(sgs_grid_parse(grid_text, sizeof grid_text - 1, "grid", &whole.grid, &err) == SGS_OK, "%s\n", err.text);
    for (size_t i = 0; i < STATE_BYTES; i++)
        whole.content[i] = (unsigned char)(3 * i + 1);
    for (int64_t i = 0; i < 64; i++)
        whole.values[i] = i * i;
    save_runs();
    int fd = open(whole.state, O_RDONLY | O_CLOEXEC);
    whole.size = (size_t)lseek(fd, 0, SEEK_END);
    whole.bytes = malloc(whole.size);
    PROMISE(whole.bytes && pread(fd, whole.bytes, whole.size, 0) == (ssize_t)whole.size, "%s\n", whole.state);
    (void)close(fd);
    (void)atexit(remove_files);
    return 0;
}

/* Checksums and sizes as if the program had written the file. */
static void put_right(unsigned char *bytes, size_t size)
{
    sgs_state_head head;
    sgs_record_head record;
    size_t at = sizeof head;
    if (size < sizeof head)
        return;
    memcpy(&head, bytes, sizeof head);
    memcpy(head.magic, SGS_STATE_MAGIC, sizeof head.magic);
    head.bytes = (int64_t)size;
    head.crc = sgs_crc32c(0, &head, offsetof(sgs_state_head, crc));
    memcpy(bytes, &head, sizeof head);
    while (size - at >= sizeof record) {
        memcpy(&record, bytes + at, sizeof record);
        if (record.bytes < (int64_t)(sizeof record + sizeof(sgs_record_tail)) || (size_t)record.bytes > size - at)
            return;
        size_t end = at + (size_t)record.bytes;
        sgs_record_tail tail = {sgs_crc32c(0, bytes + at, (size_t)record.bytes - sizeof tail)};
        memcpy(bytes + end - sizeof tail, &tail, sizeof tail);
        at = end;
    }
}

typedef struct visit {
    bool trusted;
    int64_t runs;
    sgs_state_place last;
} visit;

static void look(void *context, const sgs_saved_run *saved, sgs_state_place place)
{
    visit *v = context;
    sgs_error err = {""};
    unsigned sum = 0;
    v->runs++;
    v->last = place;
    PROMISE(sgs_saved_check(saved, whole.grid, &err) == SGS_OK, "%s\n", err.text);
    for (int64_t i = 0; i < saved->state_bytes; i++) /* the sanitizer looks whether they are there */
        sum += ((const unsigned char *)saved->state)[i];
    for (int64_t i = 0; i < 8 * saved->record_values; i++)
        sum += ((const unsigned char *)saved->records)[i];
    for (int64_t i = 0; i < 8 * saved->weight_values; i++)
        sum += ((const unsigned char *)saved->weights)[i];
    if (!v->trusted)
        return;
    PROMISE(saved->run % 2 == 0 && saved->steps == 7 && saved->state_bytes == STATE_BYTES - saved->run / 2 &&
                memcmp(saved->state, whole.content, (size_t)saved->state_bytes) == 0 &&
                memcmp(saved->records, whole.values, 8 * (size_t)saved->record_values) == 0,
            "run %lld is not as it was saved, %u\n", (long long)saved->run, sum);
}

static void read_file(bool trusted)
{
    sgs_error err = {""};
    visit v = {.trusted = trusted};
    sgs_status status = sgs_state_scan(whole.path, name, whole.grid, look, &v, &err);
    PROMISE(status == SGS_OK || status == SGS_EDAMAGED || status == SGS_EINVAL, "%d %s\n", (int)status, err.text);
    PROMISE((status == SGS_OK) == (err.text[0] == '\0'), "%d %s\n", (int)status, err.text);
    if (v.runs == 0)
        return;
    void *bytes = NULL;
    sgs_saved_run saved;
    status = sgs_state_read(whole.path, name, whole.grid, v.last, &bytes, &saved, &err);
    PROMISE(status == SGS_OK, "what was visited is not there: %s\n", err.text);
    v.runs = 0;
    look(&v, &saved, v.last);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned mode = data[0];
    size_t bytes_size = mode & RAW ? size - 1 : whole.size;
    unsigned char *bytes = malloc(bytes_size + 1);
    if (!bytes)
        return 0;
    memcpy(bytes, mode & RAW ? data + 1 : whole.bytes, bytes_size);
    for (size_t i = 1; !(mode & RAW) && i + PATCH_BYTES <= size; i += PATCH_BYTES) {
        size_t place = (size_t)(data[i] + 256 * data[i + 1]);
        if (place < bytes_size)
            bytes[place] = data[i + 2];
        else
            bytes_size = place % (whole.size + 1); /* cut it */
    }
    if (mode & PUT_RIGHT)
        put_right(bytes, bytes_size);
    int fd = open(whole.state, O_WRONLY | O_TRUNC | O_CLOEXEC);
    PROMISE(fd >= 0 && write(fd, bytes, bytes_size) == (ssize_t)bytes_size, "%s\n", whole.state);
    (void)close(fd);
    read_file(!(mode & (RAW | PUT_RIGHT)));
    free(bytes);
    return 0;
}
