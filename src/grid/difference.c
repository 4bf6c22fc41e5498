/** @file difference.c
 *  Two grids differ exactly where their canonical texts do: the first line that differs names the key, the first part
 * of it that differs names the values. */
#include "grid_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 80 };

/** A piece of a canonical text, not terminated. */
typedef struct piece {
    const char *at;
    int size;
} piece;

/** The next part of a line up to ", " or its end; *line moves behind it. Size 0 at the end of the line. */
static piece next_part(const char **line)
{
    const char *start = *line;
    size_t size = strcspn(start, ",\n");
    *line = start + size + (start[size] == ',' ? 2 : 0);
    return (piece){start, (int)size};
}

static bool equal(piece a, piece b)
{
    return a.size == b.size && memcmp(a.at, b.at, (size_t)a.size) == 0;
}

/** Without brackets at its ends. */
static piece bare(piece p)
{
    while (p.size > 0 && strchr("[{", p.at[0])) {
        p.at++;
        p.size--;
    }
    while (p.size > 0 && strchr("]}", p.at[p.size - 1])) {
        p.size--;
    }
    return p;
}

/** A part as a person would write it: numbers with as few digits as tell them apart. */
static const char *show(piece p, char shown[SHOWN_BYTES])
{
    piece inner = bare(p);
    if (inner.size == 0) {
        return "nothing more";
    }
    snprintf(shown, SHOWN_BYTES, "%.*s", inner.size, inner.at);
    char *colon = strrchr(shown, ' ');
    char *number = colon ? colon + 1 : shown;
    number += strspn(number, "[{");
    char *end = NULL;
    double value = strtod(number, &end);
    if (end != number && *end == '\0' && strpbrk(number, ".e")) {
        char digits[32];
        for (int precision = 1; precision <= 17; precision++) {
            snprintf(digits, sizeof digits, "%.*g", precision, value);
            if (strtod(digits, NULL) == value) {
                break;
            }
        }
        snprintf(number, (size_t)(shown + SHOWN_BYTES - number), "%s", digits);
    }
    return shown;
}

static void describe(const char *here, const char *there, char *text, size_t size)
{
    int key = (int)strcspn(here, ":");
    const char *in_here = here + key + 2;
    const char *in_there = there + key + 2;
    const char *head = in_here;
    bool scaled = *in_here == '{';
    if (strncmp(here, "step_size", (size_t)key) == 0 && scaled != (*in_there == '{')) {
        snprintf(text, size, "step_size: %s here, %s there", scaled ? "scaled by batch" : "not scaled",
                 scaled ? "not scaled" : "scaled by batch");
        return;
    }
    piece a = next_part(&in_here);
    piece b = next_part(&in_there);
    int part = 1;
    /* Whatever the bracket behind it: the last part of a shorter list equals a middle one of a longer. */
    while (a.size && b.size && equal(bare(a), bare(b))) {
        a = next_part(&in_here);
        b = next_part(&in_there);
        part++;
    }
    char shown_here[SHOWN_BYTES];
    char shown_there[SHOWN_BYTES];
    char which[32] = "";
    if (*head == '[' && part > 1) {
        snprintf(which, sizeof which, "value %d is ", part);
    }
    snprintf(text, size, "%.*s: %s%s here, %s there", key, here, which, show(a, shown_here), show(b, shown_there));
}

/** Records by what they are: canonical texts of lists of steps tell a person little. */
static void describe_record(const sgs_grid *here, const sgs_grid *there, char *text, size_t size)
{
    int64_t step = 0;
    int measure = 0;
    if (!here->record_count || !there->record_count) {
        const char *words[] = {"none", "some"};
        snprintf(text, size, "record: %s here, %s there", words[here->record_count > 0],
                 words[there->record_count > 0]);
        return;
    }
    while (step < here->record_count && step < there->record_count &&
           here->record_steps[step] == there->record_steps[step]) {
        step++;
    }
    if (step < here->record_count && step < there->record_count) {
        snprintf(text, size, "record: step %lld here, %lld there", (long long)here->record_steps[step],
                 (long long)there->record_steps[step]);
        return;
    }
    if (here->record_count != there->record_count) {
        snprintf(text, size, "record: %lld steps here, %lld there", (long long)here->record_count,
                 (long long)there->record_count);
        return;
    }
    while (measure < SGS_MEASURES - 1 && here->recorded[measure] == there->recorded[measure]) {
        measure++;
    }
    snprintf(text, size, "record: %s %s", sgs_measure_describe((sgs_measure)measure)->name,
             here->recorded[measure] ? "here, not there" : "there, not here");
}

bool sgs_grid_difference(const sgs_grid *here, const sgs_grid *there, char *text, size_t size)
{
    const char *a = here->canonical;
    const char *b = there->canonical;
    while (*a && *b) {
        size_t length_a = strcspn(a, "\n") + 1;
        size_t length_b = strcspn(b, "\n") + 1;
        if (length_a != length_b || memcmp(a, b, length_a) != 0) {
            if (strncmp(a, "record:", 7) == 0) {
                describe_record(here, there, text, size);
            } else {
                describe(a, b, text, size);
            }
            return true;
        }
        a += length_a;
        b += length_b;
    }
    if (*a || *b) { /* the walk, the only line that can be missing, is the last one */
        snprintf(text, size, "walk: %s here, %s there", *a ? "some" : "none", *b ? "some" : "none");
        return true;
    }
    return false;
}
