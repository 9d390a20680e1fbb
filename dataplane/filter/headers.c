/* headers.c - owns adding, setting and removing fields. */
#include <filter/headers.h>

#include <filter/value.h>

static void take_away(struct http_head *h, struct http_extra *extra, struct slice name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n_fields; i++)
		if (slice_eq_nocase(h->fields[i].name, name))
			h->fields[i].hop = true;
	for (unsigned i = 0; i < extra->n; i++)
		if (!slice_eq_nocase(extra->fields[i].name, name))
			extra->fields[kept++] = extra->fields[i];
	extra->n = kept;
}

void headers_set(struct http_head *h, struct http_extra *extra, struct slice name,
		 struct slice value)
{
	take_away(h, extra, name);
	http_extra_add(extra, name, value);
}

static void apply(const struct filter_view *v, const struct header_op *op, struct http_head *h,
		  struct http_extra *extra)
{
	struct slice name = slice_of(op->name.p, op->name.n), value;

	if (op->kind == HEADER_REMOVE) {
		take_away(h, extra, name);
		return;
	}
	value = value_make(v, &op->value);
	if (value.n == 0) /* an empty value adds nothing (2.4.9) */
		return;
	if (op->kind == HEADER_SET)
		headers_set(h, extra, name, value);
	else
		http_extra_add(extra, name, value);
}

void headers_apply(const struct filter_view *v, const struct header_ops *ops, struct http_head *h,
		   struct http_extra *extra)
{
	for (uint32_t i = 0; i < ops->n; i++)
		apply(v, &ops->ops[i], h, extra);
}
