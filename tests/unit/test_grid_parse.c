/** @file test_grid_parse.c
 *  Grid files that are refused: for each the exact place and a part of the text that names the value and what is
 *  accepted. */
#include "sgdsweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What a file needs besides the line under test; the line under test comes last, after these. */
#define D "dimension: 8\n"
#define B "batch_size: 2\n"
#define E "step_size: 0.1\n"
#define S "seed: 1\n"

typedef struct vector {
    const char *text;
    int line, column;
    const char *part[2]; /**< both stand in the error text; the second may be NULL */
} vector;

static const vector shapes[] = {
    {"", 1, 1, {"an empty file", "dimension, batch_size, step_size, seed"}},
    {"# only a comment\n\n", 1, 1, {"an empty file", NULL}},
    {"---\n", 1, 1, {"not a mapping", "accepted: activation, sampling"}},
    {"just a word\n", 1, 1, {"not a mapping of keys: \"just a word\"", NULL}},
    {"- dimension\n", 1, 1, {"not a mapping of keys: a list", NULL}},
    {B E S, 1, 1, {"dimension is missing", "dimension: [16, 64]"}},
    {D E S, 1, 1, {"batch_size is missing", NULL}},
    {D B S, 1, 1, {"step_size is missing", NULL}},
    {D B E, 1, 1, {"seed is missing", "{first: 1, count: 64}"}},
    {"\n\n  dimension: 8\n", 3, 3, {"batch_size is missing", NULL}},
    {D B E S "learning_rate: 1\n", 5, 1, {"unknown key: \"learning_rate\"", "step_size"}},
    {D B E S "Seed: 1\n", 5, 1, {"unknown key: \"Seed\"", NULL}},
    {D B E S "seed: 2\n", 5, 1, {"given twice: \"seed\"", NULL}},
    {D B E S "\"dimension\": 2\n", 5, 1, {"given twice: \"dimension\"", NULL}},
    {D B E S "[1]: 2\n", 5, 1, {"unknown key: a list", NULL}},
    {D B E S "init: {scale: 1, scale: 2}\n", 5, 18, {"given twice: \"scale\"", NULL}},
    {D B E S "---\n" D, 5, 1, {"a second document", NULL}},
    {D B E "seed: !!int 1\n", 4, 13, {"a tag", NULL}},
    {D B E "seed: *one\n", 4, 8, {"alias \"*one\" has no anchor", NULL}},
    {D B E "seed: &s [1, *s]\n", 4, 15, {"alias \"*s\" has no anchor", NULL}},
    {D B E "seed: [1, 2\n", 5, 1, {"not YAML: ", "bracket"}},
    {D B E "seed: \"1\n", 4, 8, {"not YAML: ", "quote"}},
    {D B E "seed: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", 4, 22, {"nested too deeply", "16"}},
    {"\x7f"
     "ELF\x02\x01\x01",
     1,
     1,
     {"byte 0x7f is no text", "UTF-8"}},
    {D "batch\x01", 2, 6, {"byte 0x01 is no text", NULL}},
    {"# caf\xe9\n", 1, 6, {"byte 0xe9 is no text", NULL}},
    {"# \xc3\xa9\xc3\xa9 \xed\xa0\x80\n", 1, 6, {"byte 0xed is no text", NULL}},
    {"\xff\xfe"
     "d",
     1,
     1,
     {"byte 0xff is no text", NULL}},
};

static const vector names[] = {
    {D B E S "activation: tanh\n", 5, 13, {"activation: \"tanh\" is not known", "accepted: linear, relu"}},
    {D B E S "activation: [relu, ReLU]\n", 5, 20, {"\"ReLU\" is not known", NULL}},
    {D B E S "activation: [relu, linear, relu]\n", 5, 28, {"activation: \"relu\" is there twice", NULL}},
    {D B E S "activation: []\n", 5, 13, {"activation: an empty list", NULL}},
    {D B E S "activation:\n", 5, 1, {"activation: nothing is not known", NULL}},
    {D B E S "activation: {linear: 1}\n", 5, 13, {"activation: a mapping is not known", NULL}},
    {D B E S "sampling: random\n",
     5,
     11,
     {"\"random\" is not known", "without_replacement, with_replacement, shuffle"}},
    {D B E S "sampling: [cyclic, shuffle, cyclic]\n", 5, 29, {"\"cyclic\" is there twice", NULL}},
    {D B E S "batches: shared\n", 5, 10, {"batches: \"shared\" is not known", "own, common"}},
    {D B E S "batches: [own, common]\n", 5, 10, {"batches: a list is not known", NULL}},
    {D B E S "weights: record\n", 5, 10, {"weights: record needs a record", "none, final"}},
    {D B E S "record: none\nweights: record\n", 6, 10, {"weights: record needs a record", NULL}},
    {D B E S "weights: yes\n", 5, 10, {"weights: \"yes\" is not known", NULL}},
};

static const vector records[] = {
    {D B E S "record: all\n", 5, 9, {"record: \"all\" is not known", "none, ladder, {until: STEP}"}},
    {D B E S "record: [0, 1]\n", 5, 9, {"record: a list is not known", NULL}},
    {D B E S "record:\n", 5, 1, {"record: nothing is not known", NULL}},
    {D B E S "record: {}\n", 5, 9, {"neither until nor steps", "{until: STEP}"}},
    {D B E S "record: {measures: [norm]}\n", 5, 9, {"neither until nor steps", NULL}},
    {D B E S "record: {until: 5, steps: [1]}\n", 5, 9, {"until and steps exclude each other", NULL}},
    {D B E S "record: {every: 5}\n", 5, 10, {"unknown key: \"every\"", "until, steps, measures"}},
    {D B E S "record: {until: -1}\n", 5, 17, {"record: until: \"-1\" is out of range", ", or auto"}},
    {D B E S "record: {until: 1e6}\n", 5, 17, {"\"1e6\" is not a whole number", NULL}},
    {D B E S "record: {until: 9007199254740993}\n", 5, 17, {"out of range", "0 to 9007199254740992"}},
    {D B E S "record: {steps: []}\n", 5, 17, {"record: steps: an empty list", NULL}},
    {D B E S "record: {steps: [0, 5, 3]}\n", 5, 24, {"record: steps: 3 comes after 5", "ascending"}},
    {D B E S "record: {steps: [0, 5, 5]}\n", 5, 24, {"\"5\" is there twice", NULL}},
    {D B E S "record: {steps: [0, 1.5]}\n", 5, 21, {"\"1.5\" is not a whole number", NULL}},
    {D B E S "record: {steps: [9007199254740993]}\n", 5, 18, {"out of range", NULL}},
    {D B E S "record: {steps: {linear: [0, 200000], points: 200001}}\n", 5, 17, {"200001 of them", "at most 100000"}},
    {D B E S "record: {until: 5, measures: []}\n", 5, 30, {"record: measures: an empty list", NULL}},
    {D B E S "record: {until: 5, measures: [norm, length]}\n",
     5,
     37,
     {"\"length\" is not known", "none, loss, excess_"}},
    {D B E S "record: {until: 5, measures: steps}\n", 5, 30, {"\"steps\" belongs to the end of a run", "hessian_max"}},
    {D B E S "record: {until: 5, measures: [norm, norm]}\n", 5, 37, {"\"norm\" is there twice", NULL}},
    {D B E S "record: {until: 5, measures: none}\n", 5, 9, {"measures: none records nothing", "weights: record"}},
    {D B E S "weights: final\nrecord: {until: 5, measures: none}\n", 6, 9, {"measures: none records nothing", NULL}},
    {B E S "dimension: 3000000\nrecord: {until: 1000000000}\nweights: record\n", 6, 10, {"GB for each run", "1 GB"}},
    {"dimension: 8\nstep_size: {log: [1e-6, 1e-2], points: 1000000}\nbatch_size: [1, 2, 3, 4, 5, 6]\n" S
     "record: ladder\n",
     5,
     9,
     {"12000000 cells", "{until: STEP}"}},
};

static const vector numbers[] = {
    {B E S "dimension: 0\n", 4, 12, {"dimension: \"0\" is out of range", "1 to 2147483647"}},
    {B E S "dimension: -4\n", 4, 12, {"\"-4\" is out of range", NULL}},
    {B E S "dimension: 2147483648\n", 4, 12, {"\"2147483648\" is out of range", NULL}},
    {B E S "dimension: 99999999999999999999999\n", 4, 12, {"is out of range", NULL}},
    {B E S "dimension: 1e3\n", 4, 12, {"\"1e3\" is not a whole number", "plain decimal digits"}},
    {B E S "dimension: 0x10\n", 4, 12, {"\"0x10\" is not a whole number", NULL}},
    {B E S "dimension: 0o17\n", 4, 12, {"\"0o17\" is not a whole number", NULL}},
    {B E S "dimension: 010\n", 4, 12, {"\"010\" is not a whole number", NULL}},
    {B E S "dimension: 1_000\n", 4, 12, {"\"1_000\" is not a whole number", NULL}},
    {B E S "dimension: +4\n", 4, 12, {"\"+4\" is not a whole number", NULL}},
    {B E S "dimension: 4.0\n", 4, 12, {"\"4.0\" is not a whole number", NULL}},
    {B E S "dimension: 4 5\n", 4, 12, {"\"4 5\" is not a whole number", NULL}},
    {B E S "dimension: -\n", 4, 12, {"not YAML: ", NULL}},
    {B E S "dimension: \"4\"\n", 4, 12, {"\"4\" is not a whole number", NULL}},
    {B E S "dimension: [8, [4]]\n", 4, 16, {"a list is not a whole number", NULL}},
    {B E S "dimension: [8, ~]\n", 4, 16, {"\"~\" is not a whole number", NULL}},
    {B E S "dimension: []\n", 4, 12, {"dimension: an empty list", NULL}},
    {B E S "dimension:\n  - 4\n  - 5\n  - 4\n", 7, 5, {"dimension: \"4\" is there twice", NULL}},
    {D B S "step_size: 0\n", 4, 12, {"step_size: \"0\" is out of range", "1e-290 to 1e+290"}},
    {D B S "step_size: -0.1\n", 4, 12, {"\"-0.1\" is out of range", NULL}},
    {D B S "step_size: .nan\n", 4, 12, {"\".nan\" is not a number", NULL}},
    {D B S "step_size: nan\n", 4, 12, {"\"nan\" is not a number", NULL}},
    {D B S "step_size: .inf\n", 4, 12, {"\".inf\" is not a number", NULL}},
    {D B S "step_size: inf\n", 4, 12, {"\"inf\" is not a number", NULL}},
    {D B S "step_size: 1e999\n", 4, 12, {"\"1e999\" is out of range", NULL}},
    {D B S "step_size: 1e-999\n", 4, 12, {"\"1e-999\" is out of range", NULL}},
    {D B S "step_size: 0x1p-3\n", 4, 12, {"\"0x1p-3\" is not a number", NULL}},
    {D B S "step_size: 0.1x\n", 4, 12, {"\"0.1x\" is not a number", NULL}},
    {D B S "step_size: 1e\n", 4, 12, {"\"1e\" is not a number", NULL}},
    {D B S "step_size: .\n", 4, 12, {"\".\" is not a number", NULL}},
    {D B S "step_size: '0.1'\n", 4, 12, {"is not a number", NULL}},
    {D B S "step_size: [0.1, 0.2, 1e-1]\n", 4, 23, {"\"1e-1\" is there twice", NULL}},
    {D B S "step_size: {scaled_by_batch: []}\n", 4, 30, {"an empty list", NULL}},
    {D B S "step_size: {scaled_by_batch: 1, points: 3}\n", 4, 33, {"unknown key: \"points\"", "scaled_by_batch"}},
    {D B S "step_size: {scaled: 1}\n", 4, 13, {"unknown key: \"scaled\"", "scaled_by_batch, linear, log, points"}},
    {D B S "step_size: {scaled_by_batch: {scaled_by_batch: 1}}\n", 4, 31, {"unknown key", "linear, log, points"}},
    {D B S "step_size: {}\n", 4, 12, {"not a range", NULL}},
};

static const vector ranges[] = {
    {D B S "step_size: {log: [0.1, 1]}\n", 4, 12, {"not a range", "points: k"}},
    {D B S "step_size: {points: 4}\n", 4, 12, {"not a range", NULL}},
    {D B S "step_size: {log: [0.1, 1], linear: [0.1, 1], points: 3}\n", 4, 12, {"not a range", NULL}},
    {D B S "step_size: {log: [0.1, 1, 2], points: 3}\n", 4, 18, {"a list is not a pair", NULL}},
    {D B S "step_size: {log: 0.1, points: 3}\n", 4, 18, {"\"0.1\" is not a pair", NULL}},
    {D B S "step_size: {log: [1, 0.1], points: 3}\n", 4, 18, {"[1, 0.1] is not increasing", "0 < low < high"}},
    {D B S "step_size: {linear: [1, 1], points: 3}\n", 4, 21, {"[1, 1] is not increasing", NULL}},
    {D B S "step_size: {linear: [0, 1], points: 3}\n", 4, 22, {"\"0\" is out of range", NULL}},
    {D B S "step_size: {linear: [1, 2], points: 1}\n", 4, 37, {"points: \"1\" is out of range", "2 to 1000000"}},
    {D B S "step_size: {linear: [1, 2], points: 1000001}\n", 4, 37, {"points: \"1000001\"", NULL}},
    {B E S "dimension: {linear: [1, 3], points: 4}\n", 4, 12, {"points 2 and 3 of the range are equal", NULL}},
    {B E S "dimension: {linear: [1.5, 3], points: 2}\n", 4, 22, {"\"1.5\" is not a whole number", NULL}},
    {D B E "seed: {first: 1}\n", 4, 7, {"first and count go together", NULL}},
    {D B E "seed: {count: 1}\n", 4, 7, {"first and count go together", NULL}},
    {D B E "seed: {first: 1, count: 0}\n", 4, 25, {"seed: count: \"0\" is out of range", NULL}},
    {D B E "seed: {first: 2, count: 9007199254740991}\n", 4, 25, {"seeds from 2 on", "up to 9007199254740991"}},
    {D B E "seed: {first: 0, last: 9}\n", 4, 18, {"unknown key: \"last\"", "first, count, until"}},
    {D B E "seed: 9007199254740992\n", 4, 7, {"\"9007199254740992\" is out of range", "0 to 9007199254740991"}},
    {D B E "seed: [3, 1, 3]\n", 4, 14, {"\"3\" is there twice", NULL}},
    {B E "dimension: [1, 2, 3, 4]\nseed: {first: 0, count: 9007199254740991}\n",
     1,
     1,
     {"more runs", "9007199254740991"}},
};

#define U(text) D B E "seed: {until: {" text "}}\n"
static const vector untils[] = {
    {U("measure: sparse, looks: [64]"), 4, 15, {"measure, half_width and looks go together", "looks: [64, 256"}},
    {U("half_width: 0.1, looks: [64]"), 4, 15, {"measure, half_width and looks go together", NULL}},
    {U("measure: sparse, half_width: 0.1"), 4, 15, {"measure, half_width and looks go together", NULL}},
    {U("measure: sharp, half_width: 0.1, looks: 9"), 4, 25, {"\"sharp\" is not known", "sparse, converged, any"}},
    {U("measure: [sparse], half_width: 0.1, looks: 9"), 4, 25, {"a list is not known", NULL}},
    {U("measure: norm, half_width: 0.1, looks: 9"), 4, 25, {"\"norm\" has no range", "of max_share, "}},
    {U("measure: selected, half_width: 0.1, looks: 9"), 4, 25, {"\"selected\" has no range", NULL}},
    {U("measure: steps, half_width: 0.1, looks: 9"), 4, 25, {"\"steps\" has no range", NULL}},
    {U("measure: sparse, at_least: 0.9, half_width: 0.1, looks: 9"), 4, 43, {"sparse has its threshold", NULL}},
    {U("measure: norm, at_least: 1, at_most: 2, half_width: 0.1, looks: 9"), 4, 41, {"exclude each other", NULL}},
    {U("measure: norm, at_least: much, half_width: 0.1, looks: 9"), 4, 41, {"\"much\" is not a number", NULL}},
    {U("measure: sparse, half_width: 0, looks: 9"), 4, 45, {"half_width: \"0\" is out", "1e-05 to 0.5"}},
    {U("measure: norm, at_most: 2, half_width: 0.6, looks: 9"), 4, 55, {"half_width: \"0.6\" is out", NULL}},
    {U("measure: max_share, half_width: -0.1, looks: 9"), 4, 48, {"half_width: \"-0.1\" is out", NULL}},
    {U("measure: sparse, half_width: 0.1, confidence: 1, looks: 9"), 4, 62, {"confidence: \"1\"", "0.999999"}},
    {U("measure: sparse, half_width: 0.1, looks: []"), 4, 57, {"looks: an empty list", NULL}},
    {U("measure: sparse, half_width: 0.1, looks: [1, 2]"), 4, 58, {"looks: \"1\" is out of range", "2 to 1048576"}},
    {U("measure: sparse, half_width: 0.1, looks: [9, 9]"), 4, 61, {"\"9\" is there twice", NULL}},
    {U("measure: sparse, half_width: 0.1, looks: [64, 32]"), 4, 62, {"32 comes after 64", "ascending"}},
    {U("measure: sparse, half_width: 0.1, looks: {linear: [2, 99], points: 33}"), 4, 57, {"33 of them", "at most 32"}},
    {U("measure: sparse, half_width: 0.1, look: 9"), 4, 50, {"seed: until has an unknown key: \"look\"", "looks"}},
    {D B E "seed: {until: sparse}\n", 4, 15, {"seed: until is not a mapping of keys: \"sparse\"", NULL}},
    {D B E "seed: {count: 9, until: {measure: sparse, half_width: 0.1, looks: 9}}\n", 4, 15, {"exclude", NULL}},
    {D B E "seed: {first: 9007199254740990, until: {measure: sparse, half_width: 0.1, looks: 9}}\n",
     4,
     15,
     {"9007199254740990 leaves too few seeds", "up to 9007199254740991"}},
};

static const vector expressions[] = {
    {D E S "batch_size: n**2\n", 4, 13, {"\"n**2\" is not an expression in n", "n/4, n-1, or \"full\""}},
    {D E S "batch_size: [1, d]\n", 4, 17, {"\"d\" is not an expression in n", NULL}},
    {D E S "batch_size: [n/2, 2, n / 2]\n", 4, 22, {"\"n/2\" is there twice", NULL}},
    {D E S "batch_size: Full\n", 4, 13, {"\"Full\" is not an expression", NULL}},
    {D E S "batch_size: full/2\n", 4, 13, {"\"full/2\" is not an expression", NULL}},
    {D E S "batch_size: 2n\n", 4, 13, {"\"2n\" is not an expression", NULL}},
    {D E S "batch_size: 2 3\n", 4, 13, {"\"2 3\" is not an expression", NULL}},
    {D E S "batch_size: 1.5\n", 4, 13, {"\"1.5\" is not an expression", NULL}},
    {D E S "batch_size: 1e3\n", 4, 13, {"\"1e3\" is not an expression", NULL}},
    {D E S "batch_size: -1\n", 4, 13, {"\"-1\" is not an expression", NULL}},
    {D E S "batch_size: (n/2\n", 4, 13, {"\"(n/2\" is not an expression", NULL}},
    {D E S "batch_size: n/2)\n", 4, 13, {"\"n/2)\" is not an expression", NULL}},
    {D E S "batch_size: \"\"\n", 4, 13, {"\"\" is not an expression", NULL}},
    {D E S "batch_size:\n", 4, 1, {"nothing is not an expression", NULL}},
    {D E S "batch_size: []\n", 4, 13, {"an empty list", NULL}},
    {D E S "batch_size: [1, [2]]\n", 4, 17, {"a list is not an expression", NULL}},
    {D E S "batch_size: 4294967296\n", 4, 13, {"\"4294967296\" is not an expression", "up to 2147483647"}},
    {D E S "batch_size: [1, 8/(n-8)]\n", 4, 17, {"\"8/(n-8)\" divides by zero at n = 8", NULL}},
    {D E S "batch_size: 2000000000*2000000000*2000000000*n\n", 4, 13, {"leaves 64 bits at n = 8", NULL}},
    {D E S "batch_size: n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n+n\n",
     4,
     13,
     {"at most 60", NULL}},
    {D B E S "samples: 9\n", 5, 10, {"samples: \"9\" is 9 at dimension 8", "1 to 8"}},
    {D B E S "samples: d-8\n", 5, 10, {"\"d-8\" is 0 at dimension 8", NULL}},
    {D B E S "samples: d - 20\n", 5, 10, {"\"d-20\" is -12 at dimension 8", NULL}},
    {D B E S "samples: n\n", 5, 10, {"\"n\" is not an expression in d", "d/2"}},
    {D B E S "samples: full\n", 5, 10, {"\"full\" is not an expression in d", NULL}},
    {D B E S "samples: [d, d/2]\n", 5, 10, {"a list is not an expression in d", NULL}},
    {D B E S "samples: 1/(d-8)\n", 5, 10, {"samples: \"1/(d-8)\" divides by zero at d = 8", NULL}},
    {B E S "dimension: [64, 8, 32]\nsamples: 16\n", 5, 10, {"\"16\" is 16 at dimension 8", "1 to 8 there"}},
};

static const vector settings[] = {
    {D B E S "init: gaussian\n", 5, 7, {"init is not a mapping", "distribution, scale, seed"}},
    {D B E S "init: {distribution: normal}\n", 5, 22, {"\"normal\" is not known", "gaussian, sphere, ones"}},
    {D B E S "init: {scale: 0}\n", 5, 15, {"init: scale: \"0\" is out of range", "1e-50 to 1e+06"}},
    {D B E S "init: {scale: 1e-300}\n", 5, 15, {"\"1e-300\" is out of range", NULL}},
    {D B E S "init: {scale: 2e6}\n", 5, 15, {"\"2e6\" is out of range", NULL}},
    {D B E S "init: {scale: [1, 2]}\n", 5, 15, {"a list is not a number", NULL}},
    {D B E S "init: {seed: Own}\n", 5, 14, {"init: seed: \"Own\" is not a whole number", ", or own"}},
    {D B E S "init: {seed: -1}\n", 5, 14, {"\"-1\" is out of range", NULL}},
    {D B E S "init: {distribution: ones, seed: 4}\n", 5, 34, {"4 does nothing with distribution ones", "own"}},
    {D B E S "init: {std: 4}\n", 5, 8, {"init has an unknown key: \"std\"", NULL}},
    {D B E S "stop: 100\n", 5, 7, {"stop is not a mapping", "max_steps, tol"}},
    {D B E S "stop: {max_steps: 0}\n", 5, 19, {"\"0\" is out of range", "1 to 9007199254740992, or auto"}},
    {D B E S "stop: {max_steps: 9007199254740993}\n", 5, 19, {"\"9007199254740993\" is out of range", NULL}},
    {D B E S "stop: {max_steps: 1e6}\n", 5, 19, {"\"1e6\" is not a whole number", NULL}},
    {D B E S "stop: {max_steps: Auto}\n", 5, 19, {"\"Auto\" is not a whole number", "or auto"}},
    {D B E S "stop: {tol: 0.02}\n", 5, 13, {"stop: tol: \"0.02\" is out of range", "0 to 0.01"}},
    {D B E S "stop: {tol: -0}\n", 5, 13, {"\"-0\" is out of range", NULL}},
    {D B E S "stop: {max_steps: 5, tolerance: 0.02}\n", 5, 22, {"unknown key: \"tolerance\"", NULL}},
};

static void check(const vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const vector *v = &vectors[i];
        sgs_grid *grid = NULL;
        sgs_error err = {""};
        sgs_status status = sgs_grid_parse(v->text, strlen(v->text), "g.yaml", &grid, &err);
        char place[64];
        snprintf(place, sizeof place, "g.yaml:%d:%d: ", v->line, v->column);
        bool right = status == SGS_EINVAL && !grid && strncmp(err.text, place, strlen(place)) == 0 &&
                     strstr(err.text, v->part[0]) && (!v->part[1] || strstr(err.text, v->part[1]));
        if (!right) {
            fail_msg("vector %zu:\n%s\nstatus %d, \"%s\", expected %s... %s ... %s", i, v->text, status, err.text,
                     place, v->part[0], v->part[1] ? v->part[1] : "");
        }
        sgs_grid_destroy(grid);
    }
}

#define CHECK_TEST(table)                                                                                              \
    static void refuses_##table(void **state)                                                                          \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        check(table, sizeof(table) / sizeof *(table));                                                                 \
    }
CHECK_TEST(shapes)
CHECK_TEST(names)
CHECK_TEST(records)
CHECK_TEST(numbers)
CHECK_TEST(ranges)
CHECK_TEST(untils)
CHECK_TEST(expressions)
CHECK_TEST(settings)

static void refuses_huge_files(void **state)
{
    (void)state;
    size_t size = 16 * 1024 * 1024 + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '#', size);
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_grid_parse(text, size, "big", &grid, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "big:1:1: a grid file of 16777217 bytes; accepted: at most 16777216"));
    free(text);
}

/** The library alone takes gigabytes and seconds for this one. */
static void refuses_deep_brackets(void **state)
{
    (void)state;
    size_t size = 8 * 1024 * 1024;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '[', size);
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_grid_parse(text, size, "g", &grid, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "g:1:1001: brackets nested too deeply; accepted: at most 16 levels"));
    free(text);
}

/** Anchors of anchors of anchors: 9^9 values if they were copied. */
static void refuses_expanding_bombs(void **state)
{
    (void)state;
    char text[1024] = "dimension: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n";
    for (int i = 1; i < 10; i++) {
        size_t used = strlen(text);
        char c = "abcdefghij"[i];
        char p = "abcdefghij"[i - 1];
        snprintf(text + used, sizeof text - used, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, p, p,
                 p, p, p, p, p, p, p);
    }
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_grid_parse(text, strlen(text), "g", &grid, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "g:2:1: the grid file has an unknown key: \"b\""));
}

/** A file that is cut at every byte: an error or a grid, never a crash. */
static void survives_cut_files(void **state)
{
    (void)state;
    static const char whole[] = D E S "batch_size: &b [1, \"n/2\", 'n - 1']\ninit: {scale: 1.5e-3, seed: own}\n"
                                      "activation:\n  - relu\nstop: {max_steps: auto, tol: 0}\n";
    int grids = 0;
    for (size_t size = 0; size < sizeof whole; size++) {
        sgs_grid *grid = NULL;
        sgs_error err = {""};
        char *text = malloc(size + 1); /* a copy of its own, so that a checker sees reads behind its end */
        assert_non_null(text);
        memcpy(text, whole, size);
        sgs_status status = sgs_grid_parse(text, size, "g", &grid, &err);
        free(text);
        assert_true(status == SGS_OK || status == SGS_EINVAL);
        assert_true((status == SGS_OK) == (grid != NULL));
        assert_true((status == SGS_OK) == (err.text[0] == '\0'));
        grids += status == SGS_OK;
        sgs_grid_destroy(grid);
    }
    assert_in_range(grids, 1, sizeof whole / 2);
}

static void reads_files(void **state)
{
    (void)state;
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_grid_read("no/such/file.yaml", &grid, &err), SGS_EIO);
    assert_non_null(strstr(err.text, "no/such/file.yaml: cannot be opened: No such file"));
    assert_int_equal(sgs_grid_read("/", &grid, &err), SGS_EIO);
    assert_non_null(strstr(err.text, "/: cannot be read: Is a directory"));

    char path[] = "grid-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, D B E S, strlen(D B E S)), strlen(D B E S));
    assert_int_equal(sgs_grid_read(path, &grid, &err), SGS_OK);
    assert_string_equal(sgs_grid_source(grid), D B E S);
    sgs_grid_destroy(grid);
    assert_int_equal(write(file, "x: 1\n", 5), 5);
    assert_int_equal(sgs_grid_read(path, &grid, &err), SGS_EINVAL);
    char place[64];
    snprintf(place, sizeof place, "%s:5:1: ", path);
    assert_int_equal(strncmp(err.text, place, strlen(place)), 0);
    close(file);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_shapes),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(refuses_records),
        cmocka_unit_test(refuses_numbers),
        cmocka_unit_test(refuses_ranges),
        cmocka_unit_test(refuses_untils),
        cmocka_unit_test(refuses_expressions),
        cmocka_unit_test(refuses_settings),
        cmocka_unit_test(refuses_huge_files),
        cmocka_unit_test(refuses_deep_brackets),
        cmocka_unit_test(refuses_expanding_bombs),
        cmocka_unit_test(survives_cut_files),
        cmocka_unit_test(reads_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
