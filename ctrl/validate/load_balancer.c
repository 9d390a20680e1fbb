/* load_balancer.c - owns the rules of reference 3.3 and 3.4. */
#include <validate/load_balancer.h>

#include <string.h>

#include <common/locality.h>
#include <validate/names.h>

#define RING_SIZE_MAX   (8u << 20) /* Envoy's; an entry takes 12 bytes */
#define MAGLEV_SIZE_MAX 5000011u   /* exclusive */

/* ---- consistentHash ---- */

/* What may stand in a Set-Cookie line as it is (RFC 6265 4.1.1: av-octet). */
static bool is_cookie_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == ';')
			return false;
	return true;
}

static void check_attributes(struct check *c, const struct hash_cookie *k)
{
	size_t outer = check_field(c, "attributes");

	for (uint32_t i = 0; i < k->n_attributes; i++) {
		const struct cookie_attribute *a = &k->attributes[i];
		size_t mark = check_item(c, i);

		if (!a->name || !*a->name)
			check_report(c, DIAG_DR_COOKIE, "a cookie attribute needs a name");
		else if (!is_cookie_text(a->name) || (a->value && !is_cookie_text(a->value)))
			check_report(c, DIAG_DR_COOKIE,
				     "a cookie attribute holds no control characters and no \";\"");
		for (uint32_t j = 0; a->name && j < i; j++)
			if (k->attributes[j].name && strcmp(k->attributes[j].name, a->name) == 0) {
				check_report(c, DIAG_DR_COOKIE,
					     "attributes[%u] has the name \"%s\" too", j, a->name);
				break;
			}
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_cookie(struct check *c, const struct hash_cookie *k)
{
	size_t mark = check_field(c, "httpCookie");

	if (!k->name || !*k->name)
		check_report(c, DIAG_DR_COOKIE, "a cookie needs a name");
	else if (!name_is_token(k->name))
		check_report(c, DIAG_DR_COOKIE, "\"%s\" is no name of a cookie", k->name);
	if (k->path && !is_cookie_text(k->path))
		check_report(c, DIAG_DR_COOKIE,
			     "the path of a cookie holds no control characters and no \";\"");
	check_attributes(c, k);
	check_leave(c, mark);
}

static bool is_prime(uint32_t n)
{
	if (n < 2 || (n > 2 && n % 2 == 0))
		return false;
	for (uint32_t i = 3; (uint64_t)i * i <= n; i += 2)
		if (n % i == 0)
			return false;
	return true;
}

static void check_maglev(struct check *c, const struct consistent_hash *h)
{
	size_t mark;

	if (!h->has_maglev)
		return;
	mark = check_field(c, "maglev");
	if (!h->has_table_size)
		check_report(c, DIAG_DR_MAGLEV_SIZE, "tableSize must be set for maglev");
	else if (h->table_size >= MAGLEV_SIZE_MAX)
		check_report(c, DIAG_DR_MAGLEV_SIZE, "tableSize %u must be less than %u",
			     h->table_size, MAGLEV_SIZE_MAX);
	else if (!is_prime(h->table_size))
		check_report(c, DIAG_DR_MAGLEV_SIZE, "tableSize %u must be a prime number",
			     h->table_size);
	check_leave(c, mark);
}

static void check_ring(struct check *c, const char *field, uint32_t size)
{
	size_t mark = check_field(c, field);

	if (size > RING_SIZE_MAX)
		check_report(c, DIAG_DR_RING_SIZE, "a ring of %u is larger than %u", size,
			     RING_SIZE_MAX);
	check_leave(c, mark);
}

static void check_hash(struct check *c, const struct consistent_hash *h)
{
	size_t mark = check_field(c, "consistentHash");

	if (!h->header && !h->query && !h->cookie && !h->source_ip)
		check_report(c, DIAG_DR_HASH_KEY,
			     "it needs httpHeaderName, httpCookie, useSourceIp: true or "
			     "httpQueryParameterName");
	else if ((h->header && !name_is_token(h->header)) || (h->query && !*h->query))
		check_report(c, DIAG_DR_HASH_KEY, "\"%s\" is no name to find a value by",
			     h->header ? h->header : h->query);
	if (h->cookie)
		check_cookie(c, h->cookie);
	if (h->has_ring + h->has_maglev + h->has_minimum > 1)
		check_report(c, DIAG_DR_RING_TWICE,
			     "only one of minimumRingSize, ringHash and maglev may be set");
	check_ring(c, "ringHash.minimumRingSize", h->ring_size);
	check_ring(c, "minimumRingSize", h->minimum);
	check_maglev(c, h);
	check_leave(c, mark);
}

/* ---- localityLbSetting ---- */

/* Reports what is wrong with one locality; true when nothing is. */
static bool check_locality(struct check *c, const char *l)
{
	const char *star = l ? strchr(l, '*') : NULL;
	size_t n = 0, len;

	if (star && (star[1] || (star > l && star[-1] != '/'))) {
		check_report(c, DIAG_DR_LOCALITY,
			     "locality %s: one wildcard \"*\" may stand in it, and only as its end",
			     l);
		return false;
	}
	for (const char *p = l; p; n++)
		if (!locality_part(l, (unsigned)n, &len) || n >= LOCALITY_PARTS) {
			check_report(c, DIAG_DR_LOCALITY,
				     "locality \"%s\" must be region, region/zone or "
				     "region/zone/subzone, none of them empty",
				     l);
			return false;
		} else if ((p = strchr(p, '/')) != NULL) {
			p++;
		}
	if (!l)
		check_report(c, DIAG_DR_LOCALITY, "it needs a locality");
	return l != NULL;
}

static void check_to(struct check *c, const struct locality_distribute *d)
{
	size_t outer = check_field(c, "to");
	uint64_t total = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		size_t mark = check_key(c, d->to[i].locality);
		bool sound = check_locality(c, d->to[i].locality);

		if (d->to[i].weight < 1 || d->to[i].weight > 100)
			check_report(c, DIAG_DR_LOCALITY_WEIGHT,
				     "locality weight %u must be in range [1, 100]",
				     d->to[i].weight);
		total += d->to[i].weight;
		for (uint32_t j = 0; sound && j < i; j++)
			if (locality_overlap(d->to[i].locality, d->to[j].locality))
				check_report(c, DIAG_DR_LOCALITY, "locality %s overlaps with %s",
					     d->to[i].locality, d->to[j].locality);
		check_leave(c, mark);
	}
	if (total != 100)
		check_report(c, DIAG_DR_LOCALITY_WEIGHT,
			     "the locality weights add up to %llu, not 100",
			     (unsigned long long)total);
	check_leave(c, outer);
}

static void check_distribute(struct check *c, const struct locality_setting *l)
{
	size_t outer = check_field(c, "distribute");

	for (uint32_t i = 0; i < l->n_distribute; i++) {
		size_t mark = check_item(c, i), from = check_field(c, "from");
		bool sound = check_locality(c, l->distribute[i].from);

		for (uint32_t j = 0; sound && j < i; j++)
			if (l->distribute[j].from &&
			    locality_overlap(l->distribute[i].from, l->distribute[j].from))
				check_report(c, DIAG_DR_LOCALITY, "locality %s overlaps with %s",
					     l->distribute[i].from, l->distribute[j].from);
		check_leave(c, from);
		check_to(c, &l->distribute[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static bool is_region(const char *s)
{
	return s && *s && !strpbrk(s, "/*");
}

static void check_failover(struct check *c, const struct locality_setting *l)
{
	size_t outer = check_field(c, "failover");

	for (uint32_t i = 0; i < l->n_failover; i++) {
		const struct locality_failover *f = &l->failover[i];
		size_t mark = check_item(c, i);

		if (!is_region(f->from) || !is_region(f->to))
			check_report(c, DIAG_DR_FAILOVER,
				     "from and to are regions: without \"/\" and \"*\", not empty");
		else if (strcmp(f->from, f->to) == 0)
			check_report(c, DIAG_DR_FAILOVER,
				     "from and to must be different regions, not %s twice",
				     f->from);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_setting(struct check *c, const struct locality_setting *l)
{
	size_t mark = check_field(c, "localityLbSetting");

	if (l->n_distribute && l->n_failover)
		check_report(c, DIAG_DR_LOCALITY_BOTH,
			     "distribute and failover exclude each other: set one of them");
	check_distribute(c, l);
	check_failover(c, l);
	check_leave(c, mark);
}

/* ---- warmup ---- */

static void check_warmup(struct check *c, const struct load_balancer *lb)
{
	const struct warmup *w = lb->warmup;
	size_t mark = check_field(c, w ? "warmup" : "warmupDurationSecs");

	if (lb->hash || lb->simple == MODEL_LB_RANDOM)
		check_report(c, DIAG_DR_WARMUP_POLICY,
			     "only ROUND_ROBIN and LEAST_REQUEST know a warm-up: it has no effect");
	if (w && lb->warmup_old_us)
		check_report(c, DIAG_DR_WARMUP,
			     "warmup and warmupDurationSecs are both set: remove the latter");
	if (w && !w->duration_us)
		check_report(c, DIAG_DR_WARMUP, "duration is required");
	if (w && w->has_minimum && !(w->minimum_percent >= 0 && w->minimum_percent <= 100))
		check_report(c, DIAG_DR_WARMUP, "minimumPercent must be from 0 to 100");
	if (w && w->has_aggression && !(w->aggression > 0))
		check_report(c, DIAG_DR_WARMUP, "aggression should be greater than 0");
	check_leave(c, mark);
}

/* A warning, because a subset's policy may inherit its outlierDetection. */
static void check_health(struct check *c, const struct traffic_policy *p)
{
	const struct locality_setting *l = p->lb.locality;
	size_t mark;

	if (!l || l->off || (!l->n_failover && !l->failover_priority.n) || p->has_outlier_detection)
		return;
	mark = check_field(c, "localityLbSetting");
	check_report(c, DIAG_DR_LOCALITY_HEALTH,
		     "failover acts only together with outlierDetection: it has no effect unless "
		     "the policy around this one has it");
	check_leave(c, mark);
}

void check_load_balancer(struct check *c, const struct traffic_policy *p)
{
	const struct load_balancer *lb = &p->lb;
	size_t outer = check_field(c, "loadBalancer"), mark;

	if (lb->simple == MODEL_LB_PASSTHROUGH) {
		mark = check_field(c, "simple");
		check_report(c, DIAG_DR_PASSTHROUGH,
			     "behind a gateway there is no original destination to pass through "
			     "to: the default policy is used");
		check_leave(c, mark);
	}
	if (lb->hash)
		check_hash(c, lb->hash);
	if (lb->locality)
		check_setting(c, lb->locality);
	if (lb->warmup || lb->warmup_old_us)
		check_warmup(c, lb);
	check_health(c, p);
	check_leave(c, outer);
}
