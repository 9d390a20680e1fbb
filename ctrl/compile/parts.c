/* parts.c - owns the assignment of endpoints to localities' shares and to priorities. */
#include <compile/parts.h>

#include <string.h>

#include <common/locality.h>
#include <compile/memory.h>

#define NO_PART UINT32_MAX

/* Numbers of parts before those without endpoints are taken out. */
struct assignment {
	uint32_t *part;    /* of each member */
	uint32_t *weights; /* of each part; NULL: priorities */
	uint32_t n_parts;
};

/* ---- distribute ---- */

static const struct locality_distribute *entry_for(const struct locality_setting *l,
						   const char *locality)
{
	for (uint32_t i = 0; i < l->n_distribute; i++)
		if (l->distribute[i].from && locality_covers(l->distribute[i].from, locality))
			return &l->distribute[i];
	return NULL;
}

static void distribute(struct build *b, const struct locality_distribute *d,
		       const struct list *members, struct assignment *a)
{
	a->n_parts = d->n;
	a->weights = arena_array(b->tmp, d->n, sizeof(*a->weights));
	for (uint32_t k = 0; k < d->n; k++)
		a->weights[k] = d->to[k].weight;
	for (uint32_t i = 0; i < members->n; i++) {
		const struct reg_endpoint *e = members->items[i];
		uint32_t k = 0;

		while (k < d->n && !locality_covers(d->to[k].locality, e->locality))
			k++;
		a->part[i] = k < d->n ? k : NO_PART;
	}
}

/* ---- priorities ---- */

static bool same_region(const char *a, const char *b)
{
	return locality_common(a, b) > 0;
}

static const char *failover_region(const struct locality_setting *l, const char *own)
{
	for (uint32_t i = 0; l && i < l->n_failover; i++)
		if (same_region(l->failover[i].from, own))
			return l->failover[i].to;
	return NULL;
}

static void by_distance(const struct locality_setting *l, const char *own,
			const struct list *members, struct assignment *a)
{
	const char *next = failover_region(l, own);

	a->n_parts = LOCALITY_PARTS + 2;
	for (uint32_t i = 0; i < members->n; i++) {
		const struct reg_endpoint *e = members->items[i];

		a->part[i] = LOCALITY_PARTS - locality_common(own, e->locality);
		if (a->part[i] == LOCALITY_PARTS && next && !same_region(next, e->locality))
			a->part[i]++;
	}
}

/* What the platform says of a workload's place is a label, too. */
static const char *label_of(struct arena *a, const struct labels *labels, const char *locality,
			    const char *key)
{
	static const char *const places[LOCALITY_PARTS] = {"topology.kubernetes.io/region",
							   "topology.kubernetes.io/zone",
							   "topology.istio.io/subzone"};
	const char *value = labels_get(labels, key), *p;
	size_t len;

	for (unsigned i = 0; !value && i < LOCALITY_PARTS; i++)
		if (strcmp(key, places[i]) == 0 && (p = locality_part(locality, i, &len)))
			value = arena_strndup(a, p, len);
	return value;
}

static bool label_matches(struct build *b, const char *entry, const struct reg_endpoint *e)
{
	size_t len = strcspn(entry, "=");
	const char *key = arena_strndup(b->tmp, entry, len);
	const char *want =
		entry[len] ? entry + len + 1 : label_of(b->tmp, &b->c->labels, b->c->locality, key);
	const char *have = label_of(b->tmp, e->labels, e->locality, key);

	return want && have && strcmp(want, have) == 0;
}

static void by_labels(struct build *b, const struct string_list *labels, const struct list *members,
		      struct assignment *a)
{
	a->n_parts = labels->n + 1;
	for (uint32_t i = 0; i < members->n; i++) {
		uint32_t n = 0;

		while (n < labels->n && label_matches(b, labels->items[n], members->items[i]))
			n++;
		a->part[i] = labels->n - n;
	}
}

/* False: the endpoints are not divided. */
static bool assign(struct build *b, const struct cluster_policy *policy, const struct list *members,
		   struct assignment *a)
{
	const struct locality_setting *l = policy->balancer.locality;
	const struct locality_distribute *d;

	if (l && l->off)
		return false;
	a->part = arena_array(b->tmp, members->n, sizeof(*a->part));
	if (l && l->n_distribute) {
		d = *b->c->locality ? entry_for(l, b->c->locality) : NULL;
		if (d)
			distribute(b, d, members, a);
		return d != NULL;
	}
	if (!policy->has_outlier)
		return false;
	if (l && l->failover_priority.n)
		by_labels(b, &l->failover_priority, members, a);
	else if (*b->c->locality)
		by_distance(l, b->c->locality, members, a);
	else
		return false;
	return true;
}

/* Moves the members of part k to the end of sorted; false when it has none. */
static bool take_part(struct build *b, const struct list *members, const struct assignment *a,
		      uint32_t k, struct list *sorted)
{
	uint32_t before = sorted->n;

	for (uint32_t i = 0; i < members->n; i++)
		if (a->part[i] == k)
			list_add(b->tmp, sorted, members->items[i]);
	return sorted->n > before;
}

/* Priorities beyond the last one that there is room for are one. */
static void add_part(struct build *b, struct part_plan *out, uint32_t first, uint32_t n,
		     uint32_t weight)
{
	if (out->n == LB_PARTS_MAX) {
		if (weight)
			build_report(b, PROBLEM_LIMIT, NULL, (struct pos){0}, "distribute",
				     "traffic is distributed to more than %u localities",
				     LB_PARTS_MAX);
		out->parts[out->n - 1].n += n;
		return;
	}
	out->parts[out->n].first = first;
	out->parts[out->n].n = n;
	out->parts[out->n++].weight = weight;
}

void parts_plan(struct build *b, const struct cluster_policy *policy, struct list *members,
		struct part_plan *out)
{
	struct assignment a = {0};
	struct list sorted = {0};

	out->n = 0;
	if (!assign(b, policy, members, &a))
		return;
	for (uint32_t k = 0; k < a.n_parts; k++) {
		uint32_t first = sorted.n;

		if (take_part(b, members, &a, k, &sorted))
			add_part(b, out, first, sorted.n - first, a.weights ? a.weights[k] : 0);
	}
	*members = sorted;
	if (out->n == 1)
		out->n = 0; /* all are alike */
}
