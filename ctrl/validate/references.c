/* references.c - owns what is known of the last set: its registry, and what was found wrong.
 *
 * Objects found again in the next set need no second look as long as what they refer to is the
 * same: with very many VirtualServices the change of one looks at one. */
#include <validate/validate.h>

#include <stdlib.h>
#include <string.h>

#include <validate/refs.h>

/* Of one object, as long as it is in the set. */
struct finding {
	const struct resource *r;
	struct diags diags;
};

struct references {
	struct resource_set last; /* held */
	struct registry registry; /* of last; meaningful when known */
	bool known;
	struct finding *findings; /* in the order in which they were made */
	size_t n_findings, cap;
	struct diags together; /* of all objects */
};

/* What became of the last set. */
struct difference {
	struct references *refs;
	bool others; /* something that VirtualServices refer to */
	bool places; /* a VirtualService that is new, gone, elsewhere, or that others refer to */
	struct resource_set changed; /* VirtualServices to look at; borrowed */
};

static void *checked(void *p)
{
	if (!p) {
		fputs("weir: out of memory while checking resources\n", stderr);
		abort();
	}
	return p;
}

struct references *references_create(void)
{
	struct references *x = checked(calloc(1, sizeof(*x)));

	resource_set_init(&x->last);
	diags_init(&x->together);
	return x;
}

static void forget(struct references *x, const struct resource *r)
{
	size_t i = 0;

	while (i < x->n_findings && x->findings[i].r != r)
		i++;
	if (i == x->n_findings)
		return;
	diags_fini(&x->findings[i].diags);
	x->n_findings--;
	memmove(&x->findings[i], &x->findings[i + 1], (x->n_findings - i) * sizeof(*x->findings));
}

static void forget_all(struct references *x)
{
	for (size_t i = 0; i < x->n_findings; i++)
		diags_fini(&x->findings[i].diags);
	x->n_findings = 0;
	diags_fini(&x->together);
	if (x->known)
		registry_fini(&x->registry);
	x->known = false;
}

void references_destroy(struct references *x)
{
	if (!x)
		return;
	forget_all(x);
	free(x->findings);
	resource_set_fini(&x->last);
	free(x);
}

/* Rules that delegate, and those that are delegated to, are checked together. */
static bool delegates(const struct resource *r)
{
	uint32_t i;

	for (i = 0; i < r->vs->n_http; i++)
		if (r->vs->http[i].delegate)
			return true;
	return r->vs->hosts.n == 0;
}

static bool is_plain(const struct resource *r)
{
	return r && r->kind == KIND_VIRTUAL_SERVICE && !delegates(r);
}

static void note(struct resource *old, struct resource *now, void *arg)
{
	struct difference *diff = arg;

	if ((old && old->kind != KIND_VIRTUAL_SERVICE) ||
	    (now && now->kind != KIND_VIRTUAL_SERVICE)) {
		diff->others = true;
		return;
	}
	if (!is_plain(old) || !is_plain(now) || !resource_same_place(old, now))
		diff->places = true;
	if (old)
		forget(diff->refs, old);
	if (now)
		resource_set_add(&diff->changed, now);
}

static void look_at(struct references *x, const struct resource *r)
{
	struct diags d;

	diags_init(&d);
	refs_resource(&x->registry, r, &d);
	if (d.n == 0)
		return;
	if (x->n_findings == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 16;
		x->findings = checked(realloc(x->findings, x->cap * sizeof(*x->findings)));
	}
	x->findings[x->n_findings++] = (struct finding){r, d};
}

static void look_at_all_together(struct references *x)
{
	struct arena *scratch = arena_create();

	diags_fini(&x->together);
	validate_duplicates(&x->last, &x->together);
	refs_mesh_hosts(&x->registry, scratch, &x->together);
	check_delegates(x->registry.set, scratch, &x->together);
	arena_destroy(scratch);
}

/* Everything anew. */
static void start_over(struct references *x)
{
	forget_all(x);
	registry_init(&x->registry, &x->last);
	x->known = true;
	for (size_t i = 0; i < x->last.n; i++)
		look_at(x, x->last.items[i]);
}

void references_check(struct references *x, const struct resource_set *s, struct diags *d)
{
	struct difference diff = {.refs = x, .others = !x->known};

	resource_set_init(&diff.changed);
	if (x->known)
		resource_set_diff(&x->last, s, note, &diff);
	resource_set_follow(&x->last, s);
	if (diff.others)
		start_over(x);
	else
		for (size_t i = 0; i < diff.changed.n; i++)
			look_at(x, diff.changed.items[i]);
	/* What was found names places, which may have moved. */
	if (diff.others || diff.places || (diff.changed.n && x->together.n))
		look_at_all_together(x);
	free(diff.changed.items);
	for (size_t i = 0; i < x->n_findings; i++)
		diags_append(d, &x->findings[i].diags);
	diags_append(d, &x->together);
}

void validate_references(const struct resource_set *s, struct diags *d)
{
	struct references *x = references_create();

	references_check(x, s, d);
	references_destroy(x);
}
