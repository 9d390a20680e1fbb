/* changes.c - see changes.h. What was told is in the endpoint's record, and so outlives snapshots.
 */
#include <health/changes.h>

#include <stdio.h>
#include <stdlib.h>

void health_changes_init(struct health_changes *h)
{
	*h = (struct health_changes){0};
}

void health_changes_fini(struct health_changes *h)
{
	free(h->clusters);
	health_changes_init(h);
}

static void add(struct health_changes *h, const struct cluster *c)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 16;
		h->clusters = realloc(h->clusters, h->cap * sizeof(*h->clusters));
		if (!h->clusters) {
			fprintf(stderr, "weir: out of memory for health checks\n");
			abort();
		}
	}
	h->clusters[h->n++] = (struct health_followed){.cluster = c};
}

void health_changes_follow(struct health_changes *h, const struct snapshot *s)
{
	h->n = 0;
	for (uint32_t i = 0; s && i < s->n_cluster_ids; i++)
		if (s->cluster_by_id[i] && s->cluster_by_id[i]->checks)
			add(h, s->cluster_by_id[i]);
}

static const char *reason(const struct check_record *rec, enum health_state state)
{
	static const char *const texts[CHECK_RESULT_COUNT] = {
#define X(id, label, text) [CHECK_##id] = text,
		CHECK_RESULTS(X)
#undef X
	};

	if (state == HEALTH_LEAVING)
		return texts[CHECK_ASKED];
	return texts[__atomic_load_n(&rec->last, __ATOMIC_RELAXED)];
}

static bool is_unknown(const struct check_record *rec, enum health_state state)
{
	return state == HEALTH_FAILING && !__atomic_load_n(&rec->checks, __ATOMIC_RELAXED);
}

static void tell_cluster(const struct cluster *c,
			 void (*tell)(const struct cluster *c, const struct endpoint *e,
				      enum health_state state, const char *why))
{
	for (uint32_t i = 0; i < c->endpoints->n; i++) {
		const struct endpoint *e = &c->endpoints->endpoints[i];
		enum health_state state = endpoint_health_state(e->health);

		if (!c->checks->of[i] || state == (enum health_state)e->health->record.told ||
		    is_unknown(&e->health->record, state))
			continue;
		e->health->record.told = state;
		tell(c, e, state, reason(&e->health->record, state));
	}
}

void health_changes_tell(struct health_changes *h,
			 void (*tell)(const struct cluster *c, const struct endpoint *e,
				      enum health_state state, const char *why))
{
	for (uint32_t i = 0; i < h->n; i++) {
		struct health_followed *f = &h->clusters[i];
		uint64_t changes =
			__atomic_load_n(&f->cluster->checks->tally->changes, __ATOMIC_ACQUIRE);

		if (changes == f->changes)
			continue;
		f->changes = changes;
		tell_cluster(f->cluster, tell);
	}
}
