/* checks.c - owns the meaning of probes (istio/reference 6.2) and of weir.io/health-check. */
#include <compile/checks.h>

#include <common/statuses.h>
#include <compile/names.h>
#include <weir/xxh64.h>

#define SECOND_US (1000ull * 1000)

/* Reference 6.2; the failure threshold is that of Istio's code (D19). */
#define PROBE_TIMEOUT_S   1
#define PROBE_PERIOD_S    10
#define PROBE_SUCCESSES   1
#define PROBE_FAILURES    1
#define PROBE_STATUSES    "200-399"
#define PROBE_USER_AGENT  "istio-probe/1.0"
#define CHECK_USER_AGENT  "weir-health-check"
#define GROUP_ANNOTATION  "istio.io/autoRegistrationGroup"
#define HEADER_HOST       "host"
#define HEADER_USER_AGENT "user-agent"

/* ---- common ---- */

static uint64_t hash_text(const char *s, uint64_t seed)
{
	return s ? xxh64(s, strlen(s) + 1, seed) : seed + 1;
}

static uint64_t hash_number(uint64_t v, uint64_t seed)
{
	return xxh64(&v, sizeof(v), seed);
}

static void seal(struct health_check *k)
{
	uint64_t h = hash_number((uint64_t)k->port << 2 | (uint64_t)k->http << 1 | k->envoy, 0);

	h = hash_number((uint64_t)k->healthy_threshold << 32 | k->unhealthy_threshold, h);
	h = hash_number(k->delay_us, h);
	h = hash_number(k->interval_us, h);
	h = hash_number(k->timeout_us, h);
	h = xxh64(&k->expected, sizeof(k->expected), h);
	h = hash_text(k->before, h);
	h = hash_text(k->host, h);
	k->hash = hash_text(k->after, h);
}

/* fields: lines of a request's head, each with its end. */
static void set_request(struct arena *a, struct health_check *k, const char *path,
			const char *fields)
{
	if (!path)
		path = "/";
	k->http = true;
	k->before = arena_printf(a, "GET %s%s HTTP/1.1\r\nhost: ", *path == '/' ? "" : "/", path);
	k->after = arena_printf(a, "\r\n%sconnection: close\r\n\r\n", fields);
}

const struct health_check *health_check_copy(struct arena *a, const struct health_check *k)
{
	struct health_check *copy = arena_alloc(a, sizeof(*copy));

	*copy = *k;
	copy->before = k->before ? arena_strdup(a, k->before) : NULL;
	copy->host = k->host ? arena_strdup(a, k->host) : NULL;
	copy->after = k->after ? arena_strdup(a, k->after) : NULL;
	return copy;
}

/* ---- probes ---- */

static uint32_t number_or(int32_t v, uint32_t otherwise)
{
	return v > 0 ? (uint32_t)v : otherwise;
}

/* Its headers, without the host, which has a place of its own. */
static void set_http_probe(struct arena *a, struct health_check *k, const struct http_probe *p)
{
	const char *fields = "";
	bool agent = false;

	k->host = p->host && *p->host ? p->host : NULL;
	for (uint32_t i = 0; i < p->n_headers; i++) {
		const struct probe_header *h = &p->headers[i];
		const char *name = name_lower(a, h->name), *value = h->value ? h->value : "";

		agent |= strcmp(name, HEADER_USER_AGENT) == 0;
		if (strcmp(name, HEADER_HOST) == 0)
			k->host = value;
		else if (strcmp(name, "connection") != 0)
			fields = arena_printf(a, "%s%s: %s\r\n", fields, name, value);
	}
	if (!agent)
		fields = arena_printf(a, "%s" HEADER_USER_AGENT ": " PROBE_USER_AGENT "\r\n",
				      fields);
	k->port = (uint16_t)p->port;
	set_request(a, k, p->path && *p->path ? p->path : NULL, fields);
}

static const struct health_check *check_of_probe(struct arena *a, const struct probe *p)
{
	struct health_check *k = arena_alloc(a, sizeof(*k));

	k->delay_us = number_or(p->initial_delay_s, 0) * SECOND_US;
	k->timeout_us = number_or(p->timeout_s, PROBE_TIMEOUT_S) * SECOND_US;
	k->interval_us = number_or(p->period_s, PROBE_PERIOD_S) * SECOND_US;
	k->healthy_threshold = number_or(p->success_threshold, PROBE_SUCCESSES);
	k->unhealthy_threshold = number_or(p->failure_threshold, PROBE_FAILURES);
	statuses_parse(PROBE_STATUSES, &k->expected);
	if (p->http)
		set_http_probe(a, k, p->http);
	else
		k->port = (uint16_t)p->tcp->port;
	seal(k);
	return k;
}

/* ---- groups ---- */

struct workload_group_plan {
	uint32_t n_labels; /* that it gives its entries */
	const struct labels *given[2];
	const struct health_check *check; /* NULL: no probe */
};

static void add_group(struct workload_groups *g, struct build *b, const struct resource *r)
{
	struct workload_group_plan *p = arena_alloc(b->tmp, sizeof(*p));
	void **slot;

	p->given[0] = &r->wg->labels;
	p->given[1] = &r->wg->template->labels;
	p->n_labels = p->given[0]->n + p->given[1]->n;
	p->check = r->wg->probe ? check_of_probe(b->tmp, r->wg->probe) : NULL;
	*map_slot_str(&g->by_name, arena_printf(b->tmp, "%s/%s", r->ns, r->name)) = p;
	if (!p->n_labels)
		return;
	slot = map_slot_str(&g->by_ns, r->ns);
	if (!*slot)
		*slot = arena_alloc(b->tmp, sizeof(struct list));
	list_add(b->tmp, *slot, p);
}

void workload_groups_init(struct workload_groups *g, struct build *b)
{
	size_t i, last;

	map_init(&g->by_name);
	map_init(&g->by_ns);
	resource_set_range(b->set, KIND_WORKLOAD_GROUP, &i, &last);
	for (; i < last; i++)
		add_group(g, b, b->set->items[i]);
}

void workload_groups_fini(struct workload_groups *g)
{
	map_fini(&g->by_name);
	map_fini(&g->by_ns);
}

static const struct workload_group_plan *find_named(const struct workload_groups *g,
						    struct build *b, const struct resource *we,
						    const char *name)
{
	const char *key = arena_printf(b->tmp, "%s/%s", we->ns, name);
	const struct workload_group_plan *p = map_get_str(&g->by_name, key);

	if (!p)
		build_report(b, PROBLEM_WORKLOAD_GROUP, we, we->pos,
			     "metadata.annotations[" GROUP_ANNOTATION "]",
			     "there is no WorkloadGroup %s: this workload has no health check",
			     key);
	return p;
}

/* Of those that fit equally well the first: the oldest. */
static const struct workload_group_plan *find_by_labels(const struct workload_groups *g,
							const struct resource *we)
{
	const struct list *l = map_get_str(&g->by_ns, we->ns);
	const struct workload_group_plan *best = NULL;

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct workload_group_plan *p = l->items[i];

		if ((!best || p->n_labels > best->n_labels) &&
		    labels_contain(&we->we->labels, p->given[0]) &&
		    labels_contain(&we->we->labels, p->given[1]))
			best = p;
	}
	return best;
}

const struct health_check *workload_groups_check(const struct workload_groups *g, struct build *b,
						 const struct resource *we)
{
	const char *name = labels_get(&we->annotations, GROUP_ANNOTATION);
	const struct workload_group_plan *p =
		name ? find_named(g, b, we, name) : find_by_labels(g, we);

	return p ? p->check : NULL;
}

/* ---- annotations ---- */

/* A wildcard is no host: then the endpoint's address is. */
static const char *default_host(const struct reg_service *s)
{
	return name_is_wildcard(s->host) ? NULL : s->host;
}

const struct health_check *health_check_of_service(struct build *b, const struct reg_service *s)
{
	const struct check_settings *want =
		s->platform ? &s->from->svc->check : &s->from->se->check;
	struct health_check *k;

	if (want->kind == CHECK_SETTINGS_NONE)
		return NULL;
	k = arena_alloc(b->tmp, sizeof(*k));
	k->envoy = true;
	k->port = (uint16_t)want->port;
	k->healthy_threshold = want->healthy_threshold;
	k->unhealthy_threshold = want->unhealthy_threshold;
	k->interval_us = want->interval_us;
	k->timeout_us = want->timeout_us;
	if (want->kind == CHECK_SETTINGS_HTTP) {
		statuses_parse(want->statuses, &k->expected);
		k->host = want->host ? want->host : default_host(s);
		set_request(b->tmp, k, want->path, HEADER_USER_AGENT ": " CHECK_USER_AGENT "\r\n");
	}
	seal(k);
	return k;
}
