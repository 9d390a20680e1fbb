/* diag.h - problems found in configuration: where, which field, what to do.
 *
 * Control code collects all problems instead of stopping at the first. A diag names a file,
 * a line and column (1-based; 0 = unknown), a field path ("spec.http[0].match[1].uri"), a
 * stable code and one sentence. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

/* Where something was written down. file is borrowed from the resource or static. */
struct pos {
	const char *file;
	unsigned line, col;
};

/* Where a part of a file begins. */
struct text_start {
	unsigned line; /* 1-based */
	size_t byte;   /* 0-based */
};

struct diag {
	enum diag_severity severity;
	char *code; /* "WEIR0101": stable, one per check (docs/diagnostics.md) */
	char *file;
	unsigned line, col;
	char *resource; /* "VirtualService default/reviews"; "" for node config */
	char *field;    /* field path; "" when the whole object is meant */
	char *message;
};

struct diags {
	struct diag *items;
	size_t n, cap;
	size_t errors, warnings;
};

void diags_init(struct diags *d);
void diags_fini(struct diags *d);

void diag_add(struct diags *d, enum diag_severity sev, const char *code, struct pos pos,
	      const char *resource, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
void diag_vadd(struct diags *d, enum diag_severity sev, const char *code, struct pos pos,
	       const char *resource, const char *field, const char *fmt, va_list ap)
	__attribute__((format(printf, 7, 0)));

/* "FILE:LINE:COL: error: KIND ns/name: FIELD: message [CODE]\n" */
void diag_print(const struct diag *d, FILE *out);
void diags_print(const struct diags *d, FILE *out);
/* Copies to the end of `to`. */
void diag_append(struct diags *to, const struct diag *d);
void diags_append(struct diags *to, const struct diags *from);
/* Moves everything of `from` to the end of `to`. */
void diags_move(struct diags *to, struct diags *from);
