/* access_log.h - turns the workers' log records into lines and writes them.
 *
 * Never waits for the reader of the log: what cannot be written stays in a bounded buffer,
 * and when that is full records stay in the workers' rings, where the worker counts what it
 * finds no room for (weir_access_log_dropped_total). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <config/node.h>
#include <weir/feedback.h>

struct access_log;
struct text;

/* Opens path for appending; "/dev/stdout" may be a socket too. On failure returns NULL and a
 * sentence in err. */
struct access_log *access_log_open(const char *path, enum log_format format, char *err,
				   size_t err_len);
/* Writes what can be written without waiting; NULL is fine. */
void access_log_close(struct access_log *l);

int access_log_fd(const struct access_log *l);

/* Takes records off a ring into the buffer, which access_log_flush() writes. Returns how many
 * it took. */
unsigned access_log_drain(struct access_log *l, struct log_ring *ring);
void access_log_flush(struct access_log *l);

/* Opens the path again, after logrotate renamed the file. 0 or -errno: then the old file
 * stays in use. */
int access_log_reopen(struct access_log *l);

uint64_t access_log_lines(const struct access_log *l); /* written or buffered */
uint64_t access_log_lost(const struct access_log *l);  /* lines given up: the write failed */

/* One line, newline included: Istio's default JSON keys or Envoy's default text line
 * (istio/reference 8.2). */
void access_log_format(enum log_format format, const struct log_record *r, struct text *out);
