/* FILE.log: JSON lines, one per event, appended by rank 0 alone. The first line, written when FILE was created, is the
 * store's and is never touched. */
#ifndef SGDSWEEP_FLEET_EVENT_LOG_H
#define SGDSWEEP_FLEET_EVENT_LOG_H

#include "sgdsweep/base.h"
#include <jansson.h>

struct event_log;

/* Open for appending; a line that a kill cut short is ended first. */
sgs_status event_log_open(const char *path, struct event_log **log, sgs_error *err);

/* Write what is buffered and close. Accepts NULL. */
sgs_status event_log_close(struct event_log *log, sgs_error *err);

/* Append {"event": name, "time": now, ...fields}. Takes fields, which may be NULL. A failure is kept: this call, every
 * later one and flush return it. */
sgs_status event_log_add(struct event_log *log, const char *name, json_t *fields, sgs_error *err);
sgs_status event_log_flush(struct event_log *log, sgs_error *err);

#endif
