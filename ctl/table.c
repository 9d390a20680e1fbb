/* table.c - see table.h. Without memory the program ends: there is nobody to report to better. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

static void *check(void *p)
{
	if (p)
		return p;
	fputs("weirctl: out of memory\n", stderr);
	exit(1);
}

/* Takes text. */
static void add(struct table *t, char *text)
{
	if (t->n_cells == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = check(realloc(t->cells, t->cap * sizeof(*t->cells)));
	}
	t->cells[t->n_cells++] = text;
}

/* As it will be printed: what has been made harmless also has its width. */
static char *harmless(const char *text)
{
	char *out = NULL;
	size_t len;
	FILE *f = check(open_memstream(&out, &len));

	print_text(f, *text ? text : "-");
	fclose(f);
	return check(out);
}

void table_init(struct table *t, const char *const headings[])
{
	*t = (struct table){0};
	while (headings[t->n_columns])
		add(t, harmless(headings[t->n_columns++]));
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
}

void table_put(struct table *t, const char *text)
{
	add(t, harmless(text));
}

void table_printf(struct table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = check(NULL);
	va_end(ap);
	table_put(t, text);
	free(text);
}

/* Characters, not bytes, as far as that says how wide they are. */
static int width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

void table_print(const struct table *t, FILE *out)
{
	int widths[TABLE_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->n_cells; i++) {
		int w = width(t->cells[i]);

		if (w > widths[i % t->n_columns])
			widths[i % t->n_columns] = w;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		unsigned column = (unsigned)(i % t->n_columns);

		fputs(t->cells[i], out);
		if (column + 1 == t->n_columns)
			fputc('\n', out);
		else
			fprintf(out, "%*s", widths[column] + 2 - width(t->cells[i]), "");
	}
}
