/* balance.c - owns the reading of loadBalancer, defaults filled in. */
#include <compile/balance.h>

#include <string.h>

#define RING_SIZE         1024u /* at least; Envoy's default */
#define WARMUP_MINIMUM    10.0  /* percent */
#define WARMUP_AGGRESSION 1.0

static enum lb_policy simple_of(const struct traffic_policy *p, bool compat_08)
{
	static const enum lb_policy simple[] = {
		[MODEL_LB_ROUND_ROBIN] = LB_ROUND_ROBIN,
		[MODEL_LB_LEAST_REQUEST] = LB_LEAST_REQUEST,
		[MODEL_LB_RANDOM] = LB_RANDOM,
	};

	if (!p->has_load_balancer || p->lb.simple == MODEL_LB_UNSPECIFIED ||
	    p->lb.simple == MODEL_LB_PASSTHROUGH)
		return compat_08 ? LB_ROUND_ROBIN : LB_LEAST_REQUEST;
	return simple[p->lb.simple];
}

void balance_resolve(const struct traffic_policy *p, bool compat_08, struct cluster_policy *out)
{
	if (p->has_load_balancer)
		out->balancer = p->lb;
	out->lb = out->balancer.hash ? LB_HASH : simple_of(p, compat_08);
}

bool balance_has_warmup(const struct cluster_policy *p)
{
	return (p->balancer.warmup || p->balancer.warmup_old_us) &&
	       (p->lb == LB_ROUND_ROBIN || p->lb == LB_LEAST_REQUEST);
}

struct ring_spec balance_table(const struct cluster_policy *p)
{
	const struct consistent_hash *h = p->balancer.hash;
	uint32_t size = h->has_minimum ? h->minimum : h->ring_size;

	if (h->has_maglev)
		return (struct ring_spec){.maglev = true, .size = h->table_size};
	return (struct ring_spec){.size = size ? size : RING_SIZE};
}

/* ---- affinity ---- */

static const char *set_cookie(struct arena *a, const struct hash_cookie *k)
{
	const char *s = "\"";

	if (!k->has_ttl)
		return NULL;
	/* Less than a second is not none: that would be a session's cookie. */
	if (k->ttl_us)
		s = arena_printf(a, "%s; Max-Age=%llu", s,
				 (unsigned long long)((k->ttl_us + 999999) / 1000000));
	if (k->path && *k->path)
		s = arena_printf(a, "%s; Path=%s", s, k->path);
	for (uint32_t i = 0; i < k->n_attributes; i++) {
		const struct cookie_attribute *t = &k->attributes[i];

		s = t->value && *t->value ? arena_printf(a, "%s; %s=%s", s, t->name, t->value)
					  : arena_printf(a, "%s; %s", s, t->name);
	}
	return arena_printf(a, "%s; HttpOnly", s);
}

static const char *key_name(const struct consistent_hash *h, enum affinity_key *key)
{
	if (h->header) {
		*key = AFFINITY_HEADER;
		return h->header;
	}
	if (h->cookie) {
		*key = AFFINITY_COOKIE;
		return h->cookie->name;
	}
	*key = h->query ? AFFINITY_QUERY : AFFINITY_SOURCE_IP;
	return h->query ? h->query : "";
}

static const struct affinity *compile_affinity(struct arena *a, const struct cluster_policy *p)
{
	const struct consistent_hash *h = p->balancer.hash;
	struct affinity *f = arena_alloc(a, sizeof(*f));

	f->name = arena_strdup(a, key_name(h, &f->key));
	f->name_len = (uint32_t)strlen(f->name);
	if (f->key == AFFINITY_COOKIE)
		f->set_cookie = set_cookie(a, h->cookie);
	f->bound_percent = p->bound_percent;
	f->set_cookie_len = f->set_cookie ? (uint32_t)strlen(f->set_cookie) : 0;
	return f;
}

/* ---- warm-up ---- */

static struct slow_start slow_start_of(const struct load_balancer *lb)
{
	const struct warmup *w = lb->warmup;
	double percent = w && w->has_minimum ? w->minimum_percent : WARMUP_MINIMUM;
	double aggression = w && w->has_aggression ? w->aggression : WARMUP_AGGRESSION;

	return (struct slow_start){
		.duration_us = w ? w->duration_us : lb->warmup_old_us,
		.minimum = percent / 100,
		.exponent = 1 / aggression,
	};
}

static const struct slow_start *compile_warmup(struct arena *a, const struct load_balancer *lb)
{
	struct slow_start *s = arena_alloc(a, sizeof(*s));

	*s = slow_start_of(lb);
	return s;
}

/* ---- the whole ---- */

static void key_affinity(struct cache_key *k, const struct consistent_hash *h)
{
	enum affinity_key key;

	cache_key_string(k, key_name(h, &key));
	cache_key_number(k, key);
	cache_key_number(k, h->has_maglev);
	cache_key_number(k, h->table_size);
	cache_key_number(k, h->has_minimum ? h->minimum : h->ring_size);
	if (key != AFFINITY_COOKIE)
		return;
	cache_key_number(k, h->cookie->has_ttl);
	cache_key_number(k, h->cookie->ttl_us);
	cache_key_string(k, h->cookie->path);
	for (uint32_t i = 0; i < h->cookie->n_attributes; i++) {
		cache_key_string(k, h->cookie->attributes[i].name);
		cache_key_string(k, h->cookie->attributes[i].value);
	}
}

void balance_key(struct cache_key *k, const struct cluster_policy *p)
{
	cache_key_number(k, p->lb);
	cache_key_number(k, p->bound_percent);
	if (p->balancer.hash)
		key_affinity(k, p->balancer.hash);
	cache_key_number(k, balance_has_warmup(p));
	if (balance_has_warmup(p)) {
		struct slow_start s = slow_start_of(&p->balancer);
		uint64_t bits[2];

		memcpy(bits, (double[]){s.minimum, s.exponent}, sizeof(bits));
		cache_key_number(k, s.duration_us);
		cache_key_number(k, bits[0]);
		cache_key_number(k, bits[1]);
	}
}

void balance_compile(struct arena *a, const struct cluster_policy *p, struct cluster *c)
{
	c->lb = p->lb;
	if (p->balancer.hash)
		c->affinity = compile_affinity(a, p);
	if (balance_has_warmup(p))
		c->slow_start = compile_warmup(a, &p->balancer);
}
