/* diag.c - the list of problems: owns every string in it. */
#include <common/diag.h>

#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
	if (!p) {
		fputs("weir: out of memory while reporting a problem\n", stderr);
		abort();
	}
	return p;
}

static char *copy(const char *s)
{
	return checked(strdup(s ? s : ""));
}

void diags_init(struct diags *d)
{
	memset(d, 0, sizeof(*d));
}

static void free_diag(struct diag *d)
{
	free(d->code);
	free(d->file);
	free(d->resource);
	free(d->field);
	free(d->message);
}

void diags_fini(struct diags *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		free_diag(&d->items[i]);
	free(d->items);
	diags_init(d);
}

static void reserve(struct diags *d, size_t more)
{
	size_t cap = d->cap ? d->cap : 16;

	while (cap - d->n < more)
		cap *= 2;
	if (cap == d->cap)
		return;
	d->items = checked(realloc(d->items, cap * sizeof(*d->items)));
	d->cap = cap;
}

static void count(struct diags *d, enum diag_severity sev)
{
	if (sev == DIAG_ERROR)
		d->errors++;
	else
		d->warnings++;
}

void diag_vadd(struct diags *d, enum diag_severity sev, const char *code, struct pos pos,
	       const char *resource, const char *field, const char *fmt, va_list ap)
{
	struct diag *item;
	char *message;

	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;

	reserve(d, 1);
	item = &d->items[d->n++];
	*item = (struct diag){
		.severity = sev,
		.code = copy(code),
		.file = copy(pos.file),
		.line = pos.line,
		.col = pos.col,
		.resource = copy(resource),
		.field = copy(field),
		.message = checked(message),
	};
	count(d, sev);
}

void diag_append(struct diags *to, const struct diag *d)
{
	reserve(to, 1);
	to->items[to->n++] = (struct diag){
		.severity = d->severity,
		.code = copy(d->code),
		.file = copy(d->file),
		.line = d->line,
		.col = d->col,
		.resource = copy(d->resource),
		.field = copy(d->field),
		.message = copy(d->message),
	};
	count(to, d->severity);
}

void diags_append(struct diags *to, const struct diags *from)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		diag_append(to, &from->items[i]);
}

void diag_add(struct diags *d, enum diag_severity sev, const char *code, struct pos pos,
	      const char *resource, const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(d, sev, code, pos, resource, field, fmt, ap);
	va_end(ap);
}

/* Values and names in a diag come from files that others wrote: a control character must not
 * reach the terminal or break a problem into two lines. */
static void print_clean(const char *s, FILE *out)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

static void print_part(const char *s, FILE *out)
{
	if (!*s)
		return;
	print_clean(s, out);
	fputs(": ", out);
}

void diag_print(const struct diag *d, FILE *out)
{
	if (*d->file) {
		print_clean(d->file, out);
		fputc(':', out);
		if (d->line)
			fprintf(out, "%u:", d->line);
		if (d->line && d->col)
			fprintf(out, "%u:", d->col);
		fputc(' ', out);
	}
	fputs(d->severity == DIAG_ERROR ? "error: " : "warning: ", out);
	print_part(d->resource, out);
	print_part(d->field, out);
	print_clean(d->message, out);
	if (*d->code)
		fprintf(out, " [%s]", d->code);
	fputc('\n', out);
}

void diags_print(const struct diags *d, FILE *out)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		diag_print(&d->items[i], out);
}

void diags_move(struct diags *to, struct diags *from)
{
	if (from->n) {
		reserve(to, from->n);
		memcpy(to->items + to->n, from->items, from->n * sizeof(*from->items));
		to->n += from->n;
		to->errors += from->errors;
		to->warnings += from->warnings;
	}
	free(from->items);
	diags_init(from);
}
