/* statuses.c - see statuses.h. */
#include <common/statuses.h>

#include <stddef.h>
#include <string.h>

#define STATUS_MIN 100u
#define STATUS_MAX 599u

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Three digits; NULL when there is no status at p. */
static const char *parse_status(const char *p, unsigned *status)
{
	size_t n = strspn(p, "0123456789");

	if (n != 3)
		return NULL;
	*status =
		(unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 + (unsigned)(p[2] - '0');
	return *status >= STATUS_MIN && *status <= STATUS_MAX ? p + n : NULL;
}

/* Returns behind the item and the blanks around it; NULL when there is none. */
static const char *parse_item(const char *p, struct status_set *out)
{
	unsigned first, last;

	p = parse_status(skip_blanks(p), &first);
	if (!p)
		return NULL;
	last = first;
	p = skip_blanks(p);
	if (*p == '-' && !(p = parse_status(skip_blanks(p + 1), &last)))
		return NULL;
	for (unsigned s = first; s <= last; s++)
		status_set_add(out, s);
	return last < first ? NULL : skip_blanks(p);
}

bool statuses_parse(const char *text, struct status_set *out)
{
	const char *p = text;

	*out = (struct status_set){0};
	while ((p = parse_item(p, out)) != NULL && *p == ',')
		p++;
	return p && !*p;
}
