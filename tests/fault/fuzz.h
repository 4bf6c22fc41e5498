/** @file fuzz.h
 *  What the fuzz targets share. Each is one function that libFuzzer calls with made-up bytes; a broken promise aborts,
 * as do the sanitizers. */
#ifndef SGS_TEST_FUZZ_H
#define SGS_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert it stays whatever the build, and says what happened. */
#define PROMISE(condition, ...)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "broken promise: %s: ", #condition);                                                 \
            (void)fprintf(stderr, __VA_ARGS__);                                                                        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
