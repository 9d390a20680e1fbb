/* level.c - owns the sharing of traffic by priorities and localities (istio/reference 3.4), and the
 * decision to ignore health when too little of it is left. */
#include <lb/state.h>

#include <string.h>

/* A part with 72 % of its endpoints still takes all that is meant for it. */
#define OVERPROVISIONING_PERCENT 140u

/* Counters and health bits are written one after the other by other workers: a view made in
 * between is corrected after this. */
#define VIEW_US 1000000u

static uint32_t least_of(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static uint32_t count_usable(const struct cluster *c, const struct endpoint_set *set)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++)
		n += lb_endpoint_usable(c, &set->endpoints[i]);
	return n;
}

/* What is known of the parts while a view is made. */
struct census {
	uint32_t n;
	uint32_t size[LB_PARTS_MAX], usable[LB_PARTS_MAX];
	uint32_t able[LB_PARTS_MAX]; /* of LB_WHOLE, with overprovisioning */
	uint32_t weight[LB_PARTS_MAX];
};

static uint32_t ability(uint64_t usable, uint32_t size)
{
	return size ? least_of(usable * LB_WHOLE * OVERPROVISIONING_PERCENT / 100 / size, LB_WHOLE)
		    : 0;
}

static void count_part(struct census *k, const struct cluster *c, const struct endpoint_set *set,
		       uint32_t weight)
{
	uint32_t i = k->n++;

	k->size[i] = set->n;
	k->usable[i] = count_usable(c, set);
	k->able[i] = ability(k->usable[i], set->n);
	k->weight[i] = weight;
}

static void count_parts(struct census *k, const struct cluster *c)
{
	const struct endpoint_set *set = c->endpoints;

	k->n = 0;
	for (uint32_t i = 0; i < set->n_parts; i++)
		count_part(k, c, &set->parts[i].set, set->parts[i].weight);
	if (!set->n_parts)
		count_part(k, c, set, 0);
}

static uint64_t sum(const uint32_t *x, uint32_t n)
{
	uint64_t s = 0;

	for (uint32_t i = 0; i < n; i++)
		s += x[i];
	return s;
}

/* Shares in proportion to x, exact in sum: the last one that has any takes the rest. */
static void share_by(struct lb_view *v, const uint32_t *x, uint32_t n)
{
	uint64_t total = sum(x, n);
	uint32_t left = LB_WHOLE, last = 0;

	for (uint32_t i = 0; i < n; i++) {
		v->share[i] = (uint16_t)(total ? x[i] * (uint64_t)LB_WHOLE / total : 0);
		left -= v->share[i];
		if (x[i])
			last = i;
	}
	if (total)
		v->share[last] = (uint16_t)(v->share[last] + left);
}

static bool below(uint64_t usable, uint64_t size, uint32_t threshold_percent)
{
	return usable * 100 < size * threshold_percent;
}

/* Each priority takes what it is able to, the rest goes on to the next ones. While they bear it
 * together, no one panics. */
static void share_by_priority(struct lb_view *v, const struct census *k, uint32_t threshold)
{
	uint32_t total = least_of(sum(k->able, k->n), LB_WHOLE), left = LB_WHOLE;
	uint32_t share[LB_PARTS_MAX];

	for (uint32_t i = 0; i < k->n; i++) {
		share[i] = least_of((uint64_t)k->able[i] * LB_WHOLE / total, left);
		left -= share[i];
		if ((k->n == 1 || total < LB_WHOLE) && below(k->usable[i], k->size[i], threshold))
			v->panics |= 1u << i;
	}
	share_by(v, share, k->n);
}

/* Localities lose traffic only when they cannot bear it. */
static void share_by_weight(struct lb_view *v, const struct census *k, uint32_t threshold)
{
	uint32_t share[LB_PARTS_MAX], size = (uint32_t)sum(k->size, k->n);
	uint64_t usable = sum(k->usable, k->n);
	bool panic = ability(usable, size) < LB_WHOLE && below(usable, size, threshold);

	for (uint32_t i = 0; i < k->n; i++)
		share[i] = panic ? k->weight[i] : k->weight[i] * k->able[i];
	v->panics = panic ? UINT32_MAX : 0;
	share_by(v, share, k->n);
}

static void weigh(struct lb_view *v, const struct cluster *c)
{
	v->weight = v->usable = 0;
	for (uint32_t i = 0; i < c->endpoints->n; i++) {
		const struct endpoint *e = &c->endpoints->endpoints[i];

		v->weight += e->weight;
		v->usable += lb_endpoint_usable(c, e) ? e->weight : 0;
	}
}

static void make_view(struct lb_view *v, const struct cluster *c)
{
	uint32_t threshold = c->outlier ? c->outlier->min_health_percent : 0;
	struct census k;

	memset(v->share, 0, sizeof(v->share));
	v->panics = 0;
	count_parts(&k, c);
	weigh(v, c);
	v->out = c->endpoints->n - (uint32_t)sum(k.usable, k.n);
	if (sum(k.usable, k.n) == 0) {
		if (threshold) {
			v->panics = UINT32_MAX;
			share_by(v, k.weight[0] ? k.weight : k.size, k.n);
		}
	} else if (k.weight[0]) {
		share_by_weight(v, &k, threshold);
	} else {
		share_by_priority(v, &k, threshold);
	}
}

const struct lb_view *lb_view(struct lb_state *s, const struct cluster *c, struct lb_view *buf)
{
	struct lb_view *v = c->id < s->n_clusters ? &s->views[c->id] : buf;
	uint64_t ejections =
		c->outlier_state ? __atomic_load_n(&c->outlier_state->ejections, __ATOMIC_RELAXED)
				 : 0;
	/* After a change is counted, it is seen. */
	uint64_t changes =
		c->checks ? __atomic_load_n(&c->checks->tally->changes, __ATOMIC_ACQUIRE) : 0;
	uint32_t ejected = lb_ejected(c);

	if (v != buf && v->serial == c->endpoints->serial && v->ejections == ejections &&
	    v->ejected == ejected && v->changes == changes &&
	    (!ejections || s->now_us < v->until_us))
		return v;
	v->serial = c->endpoints->serial;
	v->ejections = ejections;
	v->ejected = ejected;
	v->changes = changes;
	v->until_us = s->now_us + VIEW_US;
	make_view(v, c);
	return v;
}
