/* The program: one function per verb, and what they share. */
#ifndef SGDSWEEP_CLI_H
#define SGDSWEEP_CLI_H

#include "sgdsweep/grid.h"
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

/* A verb gets its own argv: argv[0] is its name. Returns the exit code of the program. */
int cli_run(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_merge(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_verify(int argc, char **argv);

/* One line on standard error; under an MPI launcher on the first rank only, before there is MPI. Returns
 * SGS_EXIT_USAGE. */
int cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The line that explains a failure, on standard error; returns its exit code. A stop is not an error. */
int cli_failure(sgs_status status, const sgs_error *err);

/* What getopt_long found wrong with an option ('?' or ':'). Returns SGS_EXIT_USAGE. */
int cli_option_error(int found, int argc, char **argv);

/* A finite number >= 0, or false. */
bool cli_parse_seconds(const char *text, double *seconds);

/* The one operand of a verb; false after a line about what is missing or too much. */
bool cli_one_operand(int argc, char **argv, const char *what, const char **operand);

/* "1.2 GB" */
enum { CLI_TEXT_BYTES = 32 };
const char *cli_size_text(double bytes, char text[CLI_TEXT_BYTES]);

/* plan_until.c: into object, or as lines if it is NULL. Nothing for grids with a fixed number of seeds. seconds:
 * predicted for all of them. */
sgs_status cli_plan_until(const sgs_grid *grid, double seconds, json_t *object, sgs_error *err);

#endif
