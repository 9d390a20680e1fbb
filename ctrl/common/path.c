/* path.c - a bounded string that grows and shrinks by segments. */
#include <common/path.h>

#include <stdarg.h>
#include <stdio.h>

void field_path_init(struct field_path *p)
{
	p->len = 0;
	p->text[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static size_t append(struct field_path *p, const char *fmt,
							   ...)
{
	size_t before = p->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	if (before < sizeof(p->text))
		n = vsnprintf(p->text + before, sizeof(p->text) - before, fmt, ap);
	else
		n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0)
		p->len += (size_t)n;
	return before;
}

size_t field_path_push(struct field_path *p, const char *name)
{
	return append(p, p->len ? ".%s" : "%s", name);
}

size_t field_path_push_index(struct field_path *p, size_t index)
{
	return append(p, "[%zu]", index);
}

size_t field_path_push_key(struct field_path *p, const char *key)
{
	return append(p, "[%s]", key);
}

void field_path_pop(struct field_path *p, size_t len)
{
	p->len = len;
	if (len < sizeof(p->text))
		p->text[len] = '\0';
}

uint32_t field_path_hash(const char *text, size_t n)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}
