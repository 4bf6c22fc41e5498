/* A library to preload that makes calls fail, counts them, finds what was not freed, and writes down what is written.
 *
 * "own" calls are those whose return address lies in the program itself: its static libraries, not HDF5, MPI or the C
 * library. So every call site of ours is covered, new ones too, and the program that is tested is the one that is
 * used. "lib" calls are the others, and count only on files whose name has SGDSWEEP_SHIM_PATH in it.
 *
 * - SGDSWEEP_SHIM, "WHO CLASS N TIMES ERRNO": own or lib; a class below; the N-th such call and TIMES - 1 after it fail
 *   with that errno, or, for an errno of -1, kill the process.
 * - SGDSWEEP_SHIM_RANK: on this rank only.
 * - SGDSWEEP_SHIM_PATH: part of a file name, or with $ behind it its end; for own calls with a file too.
 * - SGDSWEEP_SHIM_REPORT: a file to append to: "fired FUNCTION SITE", and at the end of a process "calls CLASS COUNT"
 *   and "leak SITE": blocks that own calls got and nobody freed.
 * - SGDSWEEP_SHIM_TRACE: a file to append every write to files of that name to, as struct trace and the bytes.
 * - SGDSWEEP_SHIM_CLOCK, "N S": own calls see the calendar S seconds back from the N-th look on.
 *
 * The state is plain atomics: threads may race for a count, which only moves the failure by a call. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <limits.h>
#include <link.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum class { OPEN, READ, WRITE, SYNC, CLOSE, LINK, SPACE, STAT, STDIO, MEMORY, PROCESS, HDF5, MPI, CLASSES };

static const char *const class_names[CLASSES] = {"open", "read",  "write",  "sync",    "close", "link", "space",
                                                 "stat", "stdio", "memory", "process", "hdf5",  "mpi"};

static struct {
    bool ready, armed, own;
    int class, error;
    long first, times;
    const char *path, *report, *trace;
    uintptr_t begin, end; /* the program's code */
    long clock_from, clock_shift;
} config;

static atomic_long seen, looks, calls[CLASSES];

struct trace {
    int64_t offset, size;
};

/* ---- configuration */

/* The first object is the program. */
static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            config.begin = info->dlpi_addr + part->p_vaddr;
            config.end = config.begin + part->p_memsz;
        }
    }
    return 1;
}

/* The next word of a list, cut out of it in place. */
static const char *next_word(char **list)
{
    const char *word = strsep(list, " ");
    if (!word)
        abort();
    return word;
}

static long next_number(char **list)
{
    char *end = NULL;
    long number = strtol(next_word(list), &end, 10);
    if (*end != '\0')
        abort();
    return number;
}

__attribute__((constructor)) static void configure(void)
{
    char words[64] = "", *list = words;
    const char *what = getenv("SGDSWEEP_SHIM"), *rank = getenv("SGDSWEEP_SHIM_RANK");
    const char *mine = getenv("OMPI_COMM_WORLD_RANK"), *clock = getenv("SGDSWEEP_SHIM_CLOCK");
    dl_iterate_phdr(find_program, NULL);
    config.path = getenv("SGDSWEEP_SHIM_PATH");
    config.report = getenv("SGDSWEEP_SHIM_REPORT");
    config.trace = getenv("SGDSWEEP_SHIM_TRACE");
    if (clock) {
        (void)snprintf(words, sizeof words, "%s", clock);
        config.clock_from = next_number(&list);
        config.clock_shift = next_number(&list);
    }
    config.ready = true;
    if (!what)
        return;
    (void)snprintf(words, sizeof words, "%s", what);
    list = words;
    config.own = strcmp(next_word(&list), "own") == 0;
    const char *class = next_word(&list);
    while (config.class < CLASSES && strcmp(class, class_names[config.class]) != 0)
        config.class ++;
    config.first = next_number(&list);
    config.times = next_number(&list);
    config.error = (int)next_number(&list);
    config.armed = !rank || (mine && strcmp(rank, mine) == 0);
}

static bool is_own(const void *caller)
{
    return (uintptr_t)caller >= config.begin && (uintptr_t)caller < config.end;
}

/* Not through stdio or malloc, which may be what is failing. */
static void report(const char *kind, const char *what, unsigned long number)
{
    char line[128];
    if (!config.report)
        return;
    int size = snprintf(line, sizeof line, "%s %s %lu\n", kind, what, number);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, config.report, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)!syscall(SYS_write, fd, line, (size_t)size);
    syscall(SYS_close, fd);
}

/* ---- failing */

static bool path_matches(int fd, const char *path)
{
    char link[32], name[PATH_MAX] = "";
    if (!config.path)
        return true;
    if (!path) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (syscall(SYS_readlinkat, AT_FDCWD, link, name, sizeof name - 1) < 0)
            return false;
        path = name;
    }
    size_t length = strlen(config.path), whole = strlen(path);
    if (config.path[length - 1] != '$')
        return strstr(path, config.path) != NULL;
    return whole >= length - 1 && strncmp(path + whole - (length - 1), config.path, length - 1) == 0;
}

/* Does this call fail? fd < 0 and path NULL: a call without a file. */
static bool fails_at(enum class class, const char *name, const void *caller, int fd, const char *path)
{
    bool own = is_own(caller), file = fd >= 0 || path;
    if (!config.ready || (!own && (!file || !config.path)))
        return false;
    if (own)
        calls[class]++;
    if (!config.armed || own != config.own || (int)class != config.class || (file && !path_matches(fd, path)))
        return false;
    long now = ++seen;
    if (now < config.first || now >= config.first + config.times)
        return false;
    report("fired", name, (unsigned long)((uintptr_t)caller - config.begin));
    if (config.error < 0)
        (void)kill(getpid(), SIGKILL);
    errno = config.error;
    return true;
}

/* Wrappers paste lists in parentheses, and their parameters have names of their own.
 * NOLINTBEGIN(bugprone-macro-parentheses,readability-inconsistent-declaration-parameter-name) */

#define CALLER      __builtin_return_address(0)
#define NEXT(name)  ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILS(c, n) fails_at(c, #n, CALLER, -1, NULL)

/* ferror must tell it too; _IO_ERR_SEEN of glibc. */
static int stream_fails(FILE *stream)
{
    stream->_flags |= 0x20;
    return EOF;
}

/* A wrapper of a function: its class, what it works on (fd, path), what it returns when it fails. */
#define WRAP(class, type, name, failure, fd, path, parameters, arguments)                                              \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static __typeof__(&name) next;                                                                                 \
        if (!next)                                                                                                     \
            next = NEXT(name);                                                                                         \
        return fails_at(class, #name, CALLER, fd, path) ? failure : next arguments;                                    \
    }

WRAP(READ, ssize_t, read, -1, fd, NULL, (int fd, void *bytes, size_t size), (fd, bytes, size))
WRAP(READ, ssize_t, pread, -1, fd, NULL, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))
WRAP(READ, ssize_t, pread64, -1, fd, NULL, (int fd, void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
WRAP(READ, ssize_t, preadv, -1, fd, NULL, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(READ, ssize_t, readv, -1, fd, NULL, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(SYNC, int, fsync, -1, fd, NULL, (int fd), (fd))
WRAP(SYNC, int, fdatasync, -1, fd, NULL, (int fd), (fd))
WRAP(LINK, int, link, -1, -1, to, (const char *from, const char *to), (from, to))
WRAP(LINK, int, rename, -1, -1, to, (const char *from, const char *to), (from, to))
WRAP(LINK, int, unlink, -1, -1, path, (const char *path), (path))
WRAP(LINK, int, mkdir, -1, -1, path, (const char *path, mode_t mode), (path, mode))
WRAP(LINK, int, rmdir, -1, -1, path, (const char *path), (path))
WRAP(LINK, DIR *, opendir, NULL, -1, path, (const char *path), (path))
WRAP(SPACE, int, ftruncate, -1, fd, NULL, (int fd, off_t size), (fd, size))
WRAP(SPACE, int, ftruncate64, -1, fd, NULL, (int fd, off64_t size), (fd, size))
WRAP(SPACE, int, posix_fallocate, config.error, fd, NULL, (int fd, off_t at, off_t size), (fd, at, size))
WRAP(SPACE, int, fallocate, -1, fd, NULL, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRAP(SPACE, int, statvfs, -1, -1, NULL, (const char *path, struct statvfs *space), (path, space))
WRAP(STAT, int, fstat, -1, fd, NULL, (int fd, struct stat *info), (fd, info))
WRAP(STAT, int, stat, -1, -1, path, (const char *path, struct stat *info), (path, info))
WRAP(STAT, int, lstat, -1, -1, path, (const char *path, struct stat *info), (path, info))
WRAP(STAT, int, access, -1, -1, path, (const char *path, int mode), (path, mode))
WRAP(STDIO, FILE *, fopen, NULL, -1, path, (const char *path, const char *mode), (path, mode))
WRAP(STDIO, FILE *, fdopen, NULL, fd, NULL, (int fd, const char *mode), (fd, mode))
WRAP(STDIO, FILE *, open_memstream, NULL, -1, NULL, (char **text, size_t *size), (text, size))
WRAP(STDIO, int, fputs, stream_fails(to), fileno(to), NULL, (const char *text, FILE *to), (text, to))
WRAP(STDIO, int, fputc, stream_fails(to), fileno(to), NULL, (int c, FILE *to), (c, to))
WRAP(STDIO, int, fseek, -1, fileno(file), NULL, (FILE * file, long at, int from), (file, at, from))
WRAP(STDIO, ssize_t, getline, -1, fileno(from), NULL, (char **line, size_t *size, FILE *from), (line, size, from))
WRAP(STDIO, int, fflush, EOF, file ? fileno(file) : -1, NULL, (FILE * file), (file))
WRAP(PROCESS, pid_t, fork, -1, -1, NULL, (void), ())
WRAP(PROCESS, int, pipe2, -1, -1, NULL, (int ends[2], int flags), (ends, flags))
WRAP(PROCESS, int, pthread_create, config.error, -1, NULL,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context))

WRAP(HDF5, herr_t, H5Dwrite, -1, -1, NULL,
     (hid_t set, hid_t type, hid_t memory, hid_t space, hid_t list, const void *bytes),
     (set, type, memory, space, list, bytes))
WRAP(HDF5, herr_t, H5Dread, -1, -1, NULL, (hid_t set, hid_t type, hid_t memory, hid_t space, hid_t list, void *bytes),
     (set, type, memory, space, list, bytes))
WRAP(HDF5, hid_t, H5Fcreate, -1, -1, NULL, (const char *path, unsigned flags, hid_t how, hid_t access),
     (path, flags, how, access))
WRAP(HDF5, hid_t, H5Fopen, -1, -1, NULL, (const char *path, unsigned flags, hid_t access), (path, flags, access))
WRAP(HDF5, hid_t, H5Dcreate2, -1, -1, NULL,
     (hid_t file, const char *name, hid_t type, hid_t space, hid_t link, hid_t how, hid_t access),
     (file, name, type, space, link, how, access))
WRAP(HDF5, hid_t, H5Acreate2, -1, -1, NULL,
     (hid_t object, const char *name, hid_t type, hid_t space, hid_t how, hid_t access),
     (object, name, type, space, how, access))
WRAP(HDF5, herr_t, H5Awrite, -1, -1, NULL, (hid_t attribute, hid_t type, const void *bytes), (attribute, type, bytes))
WRAP(HDF5, herr_t, H5Aread, -1, -1, NULL, (hid_t attribute, hid_t type, void *bytes), (attribute, type, bytes))
WRAP(HDF5, hid_t, H5Dopen2, -1, -1, NULL, (hid_t file, const char *name, hid_t access), (file, name, access))
WRAP(HDF5, hid_t, H5Dget_space, -1, -1, NULL, (hid_t set), (set))
WRAP(HDF5, hid_t, H5Screate_simple, -1, -1, NULL, (int rank, const hsize_t *now, const hsize_t *most),
     (rank, now, most))
WRAP(HDF5, herr_t, H5Sselect_hyperslab, -1, -1, NULL,
     (hid_t space, H5S_seloper_t how, const hsize_t *start, const hsize_t *stride, const hsize_t *count,
      const hsize_t *block),
     (space, how, start, stride, count, block))
WRAP(HDF5, hid_t, H5Pcreate, -1, -1, NULL, (hid_t kind), (kind))

WRAP(MPI, int, MPI_Recv, MPI_ERR_OTHER, -1, NULL,
     (void *bytes, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status),
     (bytes, count, type, from, tag, comm, status))
WRAP(MPI, int, MPI_Send, MPI_ERR_OTHER, -1, NULL,
     (const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm),
     (bytes, count, type, to, tag, comm))
WRAP(MPI, int, MPI_Bcast, MPI_ERR_OTHER, -1, NULL, (void *bytes, int count, MPI_Datatype type, int root, MPI_Comm comm),
     (bytes, count, type, root, comm))
WRAP(MPI, int, MPI_Allreduce, MPI_ERR_OTHER, -1, NULL,
     (const void *bytes, void *result, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
     (bytes, result, count, type, op, comm))

/* What was open must not stay open because closing it fails. */
int close(int fd)
{
    static __typeof__(&close) next;
    if (!next)
        next = NEXT(close);
    bool failing = fails_at(CLOSE, "close", CALLER, fd, NULL);
    int result = next(fd);
    if (failing)
        errno = config.error;
    return failing ? -1 : result;
}

int fclose(FILE *file)
{
    static __typeof__(&fclose) next;
    if (!next)
        next = NEXT(fclose);
    bool failing = fails_at(STDIO, "fclose", CALLER, fileno(file), NULL);
    int result = next(file);
    if (failing)
        errno = config.error;
    return failing ? EOF : result;
}

/* The mode is there with O_CREAT only; reading it in vain does no harm on this machine's calling convention. */
#define WRAP_OPEN(name)                                                                                                \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list more;                                                                                                  \
        static int (*next)(const char *, int, ...);                                                                    \
        va_start(more, flags);                                                                                         \
        unsigned mode = flags & O_CREAT ? va_arg(more, unsigned) : 0;                                                  \
        va_end(more);                                                                                                  \
        if (!next)                                                                                                     \
            next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);                                           \
        return fails_at(OPEN, #name, CALLER, -1, path) ? -1 : next(path, flags, mode);                                 \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

/* ---- writing, and the trace of it */

static void note(int fd, const void *bytes, size_t size, int64_t offset)
{
    struct trace head = {offset, (int64_t)size};
    if (!config.trace || !path_matches(fd, NULL))
        return;
    struct iovec parts[] = {{&head, sizeof head}, {(void *)bytes, size}};
    int out = (int)syscall(SYS_openat, AT_FDCWD, config.trace, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)!syscall(SYS_writev, out, parts, 2);
    syscall(SYS_close, out);
}

static void note_parts(int fd, const struct iovec *parts, int count, int64_t offset)
{
    for (int i = 0; i < count; i++) {
        note(fd, parts[i].iov_base, parts[i].iov_len, offset);
        offset += (int64_t)parts[i].iov_len;
    }
}

#define HERE ((int64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR))

#define WRAP_WRITE(name, parameters, arguments, noting)                                                                \
    ssize_t name parameters                                                                                            \
    {                                                                                                                  \
        static __typeof__(&name) next;                                                                                 \
        if (!next)                                                                                                     \
            next = NEXT(name);                                                                                         \
        if (fails_at(WRITE, #name, CALLER, fd, NULL))                                                                  \
            return -1;                                                                                                 \
        noting;                                                                                                        \
        return next arguments;                                                                                         \
    }

WRAP_WRITE(write, (int fd, const void *bytes, size_t size), (fd, bytes, size), note(fd, bytes, size, HERE))
WRAP_WRITE(pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at), note(fd, bytes, size, at))
WRAP_WRITE(pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at),
           note(fd, bytes, size, at))
WRAP_WRITE(writev, (int fd, const struct iovec *v, int n), (fd, v, n), note_parts(fd, v, n, HERE))
WRAP_WRITE(pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at), note_parts(fd, v, n, at))
WRAP_WRITE(pwritev64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at), note_parts(fd, v, n, at))

/* ---- memory */

/* Blocks that own calls got, by address: a table with chains of one step, which never shrinks. */
enum { BLOCKS = 1 << 18 };
static struct {
    void *block;
    uintptr_t site;
} blocks[BLOCKS];
static atomic_flag blocks_lock = ATOMIC_FLAG_INIT;

static void lock_blocks(void)
{
    while (atomic_flag_test_and_set(&blocks_lock))
        continue;
}

#define GONE ((void *)1)

static size_t place_of(const void *block)
{
    return (size_t)(((uintptr_t)block >> 4) * 0x9e3779b97f4a7c15U >> 40) % BLOCKS;
}

static void *keep(void *block, const void *caller)
{
    if (!block || !config.report || !is_own(caller))
        return block;
    lock_blocks();
    size_t at = place_of(block);
    while (blocks[at].block && blocks[at].block != GONE)
        at = (at + 1) % BLOCKS;
    blocks[at].block = block;
    blocks[at].site = (uintptr_t)caller - config.begin;
    atomic_flag_clear(&blocks_lock);
    return block;
}

static void forget(const void *block)
{
    if (!block || !config.report)
        return;
    lock_blocks();
    for (size_t at = place_of(block); blocks[at].block; at = (at + 1) % BLOCKS) {
        if (blocks[at].block == block) {
            blocks[at].block = GONE;
            break;
        }
    }
    atomic_flag_clear(&blocks_lock);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

void *malloc(size_t size)
{
    return FAILS(MEMORY, malloc) ? NULL : keep(__libc_malloc(size), CALLER);
}

void *calloc(size_t count, size_t size)
{
    return FAILS(MEMORY, calloc) ? NULL : keep(__libc_calloc(count, size), CALLER);
}

void *realloc(void *block, size_t size)
{
    if (FAILS(MEMORY, realloc))
        return NULL;
    forget(block);
    return keep(__libc_realloc(block, size), CALLER);
}

void free(void *block)
{
    forget(block);
    __libc_free(block);
}

char *strdup(const char *text)
{
    if (FAILS(MEMORY, strdup))
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = __libc_malloc(size);
    return copy ? keep(memcpy(copy, text, size), CALLER) : NULL;
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    static __typeof__(&posix_memalign) next;
    if (!next)
        next = NEXT(posix_memalign);
    if (FAILS(MEMORY, posix_memalign))
        return ENOMEM;
    int result = next(block, alignment, size);
    if (result == 0)
        keep(*block, CALLER);
    return result;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static __typeof__(&aligned_alloc) next;
    if (!next)
        next = NEXT(aligned_alloc);
    return FAILS(MEMORY, aligned_alloc) ? NULL : keep(next(alignment, size), CALLER);
}

int asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    if (FAILS(MEMORY, asprintf)) {
        *text = (char *)-1; /* what stands there is undefined */
        return -1;
    }
    va_start(arguments, format);
    int size = vasprintf(text, format, arguments);
    va_end(arguments);
    if (size >= 0)
        keep(*text, CALLER);
    return size;
}

/* ---- the calendar */

int clock_gettime(clockid_t which, struct timespec *now)
{
    static __typeof__(&clock_gettime) next;
    if (!next)
        next = NEXT(clock_gettime);
    int result = next(which, now);
    if (config.clock_from > 0 && which == CLOCK_REALTIME && is_own(CALLER) && ++looks >= config.clock_from)
        now->tv_sec -= config.clock_shift;
    return result;
}

/* ---- the end */

__attribute__((destructor)) static void tell(void)
{
    char name[32];
    for (int class = 0; class < CLASSES && config.report; class ++)
        if (calls[class] > 0)
            report("calls", class_names[class], (unsigned long)calls[class]);
    for (size_t i = 0; i < BLOCKS && config.report; i++) {
        if (!blocks[i].block || blocks[i].block == GONE)
            continue;
        (void)snprintf(name, sizeof name, "%p", blocks[i].block);
        report("leak", name, blocks[i].site);
    }
}

/* NOLINTEND(bugprone-macro-parentheses,readability-inconsistent-declaration-parameter-name) */
