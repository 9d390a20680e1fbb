/* table.h - rows of text in aligned columns. */
#pragma once
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8

struct table {
	unsigned n_columns;
	size_t n_cells, cap;
	char **cells; /* row by row, owned; the first row is the heading */
};

/* headings: as many as there are columns, then NULL. */
void table_init(struct table *t, const char *const headings[]);
void table_fini(struct table *t);

/* The next cell, from left to right; empty ones show as "-". */
void table_put(struct table *t, const char *text);
void table_printf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Columns are two blanks apart; nothing follows the last. */
void table_print(const struct table *t, FILE *out);
