/* route.c - owns struct match: finds the candidates for a request and takes the first one
 * whose predicates hold. */
#include <match/match.h>

#include <stdlib.h>

#include <match/scan.h>

struct match *match_create(void)
{
	struct match *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fields[MATCH_SOURCE].present = true;
	if (!scan_init(m)) {
		match_destroy(m);
		return NULL;
	}
	return m;
}

void match_destroy(struct match *m)
{
	if (!m)
		return;
	scan_fini(m);
	free(m);
}

bool match_failed(const struct match *m)
{
	return m->failed;
}

static bool equal(struct slice value, const struct predicate *p)
{
	struct slice want = slice_of(p->value, p->value_len);

	return p->ignore_case ? slice_eq_nocase(value, want) : slice_eq(value, want);
}

static const struct pattern_set *patterns_of(const struct vhost *vh, uint8_t field, uint16_t header)
{
	if (field == MATCH_HEADER)
		return &vh->headers[header].patterns;
	if (field == MATCH_QUERY)
		return &vh->queries[header].patterns;
	return &vh->patterns[field];
}

static bool test(struct match *m, struct subject *s, const struct predicate *p)
{
	switch ((enum match_op)p->op) {
	case MATCH_EXACT:
		return equal(s->value, p);
	case MATCH_PREFIX:
		return s->value.n >= p->value_len && equal(slice_of(s->value.p, p->value_len), p);
	case MATCH_REGEX:
		return scan_holds(m, s, patterns_of(m->vh, p->field, p->header), p->regex);
	case MATCH_LONE:
		return scan_lone(m, s, p->code);
	case MATCH_PRESENT:
		return s->present;
	case MATCH_IN:
		return addr_set_has(&m->vh->sources[p->header], m->source);
	}
	return false;
}

/* An absent header meets nothing, but withoutHeaders takes it for an empty one (2.3). */
static bool holds(struct match *m, const struct predicate *p)
{
	struct subject *s = subject_get(m, p->field, p->header);
	bool ok = (s->present || p->negate) && test(m, s, p);

	return !s->broken && ok != p->negate;
}

/* All predicates but the one that made it a candidate. */
static bool route_holds(struct match *m, const struct route *r)
{
	for (uint16_t i = 0; i < r->n_predicates; i++)
		if (i != r->filed && !holds(m, &r->predicates[i]))
			return false;
	return true;
}

static void set_field(struct match *m, enum match_field field, struct slice value)
{
	struct subject *s = &m->fields[field];

	s->fetched = m->lookup;
	s->value = value.p ? value : SLICE("");
	s->present = true;
	s->broken = false;
}

static void begin(struct match *m, const struct vhost *vh, const struct http_head *req,
		  struct slice scheme, const struct ip_addr *source, struct hs_scratch *scratch)
{
	m->lookup++;
	m->vh = vh;
	m->req = req;
	m->source = source;
	m->scratch = scratch;
	m->failed = false;
	m->words_used = m->join_used = m->n_cursors = 0;
	set_field(m, MATCH_PATH, slice_of(req->path.p, req->path_len));
	set_field(m, MATCH_METHOD, req->method);
	set_field(m, MATCH_AUTHORITY, req->authority);
	set_field(m, MATCH_SCHEME, scheme);
}

static void add_list(struct match *m, const struct route_list *l)
{
	const uint32_t *first = route_list_begin(l);

	if (l->n > 0 && m->n_cursors < CURSORS_MAX)
		m->cursors[m->n_cursors++] = (struct cursor){first, first + l->n};
}

/* The keys of one kind of case: exact paths and prefixes by length. */
struct keys {
	const struct route_key *exact, *prefix;
	uint32_t exact_mask, prefix_mask;
	const uint16_t *lens; /* descending */
	uint16_t n_lens;
	bool nocase;
};

static bool is_key(const struct route_key *k, uint32_t hash, struct slice value, bool nocase)
{
	struct slice key = slice_of(route_key_bytes(k), k->len);

	if (k->hash != hash || key.n != value.n)
		return false;
	return nocase ? slice_eq_nocase(value, key) : slice_eq(value, key);
}

static void probe(struct match *m, const struct route_key *t, uint32_t mask, uint32_t hash,
		  struct slice value, bool nocase)
{
	for (uint32_t i = hash & mask; t[i].list.n; i = (i + 1) & mask)
		if (is_key(&t[i], hash, value, nocase)) {
			add_list(m, &t[i].list);
			return;
		}
}

static uint32_t hash_on(uint32_t h, const char *p, uint32_t n, bool nocase)
{
	if (!nocase)
		return match_hash_on(h, p, n);
	for (uint32_t i = 0; i < n; i++)
		h = match_hash_step(h, (unsigned char)ascii_lower(p[i]));
	return h;
}

/* Hashes of prefixes that are taken before the first of them is looked up: their cache misses are
 * waited for together. */
#define AHEAD 16u

/* The next prefixes of the path, from the shortest on, k->lens[*i - 1]: at most AHEAD of them. h:
 * the hash of what is before *done. */
static void probe_prefixes(struct match *m, const struct keys *k, uint32_t *i, uint32_t *done,
			   uint32_t *h)
{
	struct slice path = m->fields[MATCH_PATH].value;
	uint32_t hashes[AHEAD], n = 0, first = *i;

	for (; n<AHEAD && * i> 0 && k->lens[*i - 1] <= path.n; n++) {
		uint32_t len = k->lens[--*i];

		*h = hashes[n] = hash_on(*h, path.p + *done, len - *done, k->nocase);
		*done = len;
		__builtin_prefetch(&k->prefix[*h & k->prefix_mask]);
	}
	for (uint32_t j = 0; j < n; j++)
		probe(m, k->prefix, k->prefix_mask, hashes[j],
		      slice_of(path.p, k->lens[first - 1 - j]), k->nocase);
}

/* The whole path first, whose key has then the longest to arrive. */
static void look_up_path(struct match *m, const struct keys *k)
{
	struct slice path = m->fields[MATCH_PATH].value;
	uint32_t whole = 0, h = MATCH_HASH_SEED, done = 0, i = k->n_lens;

	if (k->exact) {
		whole = hash_on(h, path.p, path.n, k->nocase);
		__builtin_prefetch(&k->exact[whole & k->exact_mask]);
	}
	while (i > 0 && k->lens[i - 1] <= path.n)
		probe_prefixes(m, k, &i, &done, &h);
	if (k->exact)
		probe(m, k->exact, k->exact_mask, whole, path, k->nocase);
}

/* by: for each expression of set. */
static void add_matching(struct match *m, struct subject *s, const struct pattern_set *set,
			 const struct route_list *by)
{
	const uint64_t *bits = scan_subject(m, s, set);

	for (uint32_t w = 0; bits && w < (set->n + 63) / 64; w++)
		for (uint64_t left = bits[w]; left; left &= left - 1)
			add_list(m, &by[w * 64 + (uint32_t)__builtin_ctzll(left)]);
}

static void look_up_value(struct match *m, const struct value_index *x)
{
	struct subject *s = subject_get(m, x->field, x->header);

	if (!s->present || s->broken)
		return;
	if (x->exact)
		probe(m, x->exact, x->mask, match_hash(s->value.p, s->value.n), s->value, false);
	if (x->n_regex)
		add_matching(m, s, patterns_of(m->vh, x->field, x->header), x->by_regex);
}

static void find_candidates(struct match *m)
{
	const struct route_index *x = &m->vh->index;
	const struct pattern_set *expressions = &m->vh->patterns[MATCH_PATH];

	look_up_path(m, &(struct keys){x->exact, x->prefix, x->exact_mask, x->prefix_mask,
				       x->prefix_lens, x->n_prefix_lens, false});
	look_up_path(m, &(struct keys){x->exact_nocase, x->prefix_nocase, x->exact_nocase_mask,
				       x->prefix_nocase_mask, x->prefix_nocase_lens,
				       x->n_prefix_nocase_lens, true});
	if (expressions->n)
		add_matching(m, &m->fields[MATCH_PATH], expressions, x->by_path_regex);
	for (uint32_t i = 0; i < x->n_by_value; i++)
		look_up_value(m, &x->by_value[i]);
	add_list(m, &x->rest);
}

/* Cursors form a heap by their next candidate. */
static void sift_down(struct match *m, uint32_t i)
{
	struct cursor moving = m->cursors[i];

	for (uint32_t child; (child = 2 * i + 1) < m->n_cursors; i = child) {
		if (child + 1 < m->n_cursors && *m->cursors[child + 1].at < *m->cursors[child].at)
			child++;
		if (*moving.at <= *m->cursors[child].at)
			break;
		m->cursors[i] = m->cursors[child];
	}
	m->cursors[i] = moving;
}

static uint32_t next_candidate(struct match *m)
{
	struct cursor *top = &m->cursors[0];
	uint32_t entry = *top->at++;

	if (top->at == top->end)
		*top = m->cursors[--m->n_cursors];
	if (m->n_cursors > 0)
		sift_down(m, 0);
	return entry;
}

const struct route *match_route(struct match *m, const struct vhost *vh,
				const struct http_head *req, struct slice scheme,
				const struct ip_addr *source, struct hs_scratch *scratch)
{
	begin(m, vh, req, scheme, source, scratch);
	find_candidates(m);
	for (uint32_t i = m->n_cursors / 2; i-- > 0;)
		sift_down(m, i);
	while (m->n_cursors > 0) {
		uint32_t entry = next_candidate(m);
		const struct route *r = &vh->routes[entry >> 1];

		if (!(entry & 1) || route_holds(m, r))
			return r;
	}
	return NULL;
}
