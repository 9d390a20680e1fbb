/* route.c - owns struct match: finds the candidates for a request and takes the first one
 * whose predicates hold. */
#include <match/match.h>

#include <stdlib.h>

#include <match/state.h>

struct match *match_create(void)
{
	return calloc(1, sizeof(struct match));
}

void match_destroy(struct match *m)
{
	free(m);
}

static bool equal(struct slice value, const struct predicate *p)
{
	struct slice want = slice_of(p->value, p->value_len);

	return p->ignore_case ? slice_eq_nocase(value, want) : slice_eq(value, want);
}

static bool regex_holds(struct match *m, struct subject *s, const struct predicate *p)
{
	const struct pattern_set *set = p->field == MATCH_HEADER
						? &m->vh->headers[p->header].patterns
						: &m->vh->patterns[p->field];
	const uint64_t *bits = scan_subject(m, s, set);

	if (!bits) {
		s->broken = true;
		return false;
	}
	return bits[p->regex / 64] >> (p->regex % 64) & 1;
}

static bool test(struct match *m, struct subject *s, const struct predicate *p)
{
	switch ((enum match_op)p->op) {
	case MATCH_EXACT:
		return equal(s->value, p);
	case MATCH_PREFIX:
		return s->value.n >= p->value_len && equal(slice_of(s->value.p, p->value_len), p);
	case MATCH_REGEX:
		return regex_holds(m, s, p);
	case MATCH_PRESENT:
		return s->present;
	}
	return false;
}

static struct subject *subject_of(struct match *m, const struct predicate *p)
{
	struct subject *s = &m->fields[p->field];

	if (p->field != MATCH_HEADER)
		return s;
	s = &m->headers[p->header];
	if (s->fetched != m->lookup)
		subject_fetch_header(m, s, &m->vh->headers[p->header]);
	return s;
}

/* An absent header meets nothing, but withoutHeaders takes it for an empty one (2.3). */
static bool holds(struct match *m, const struct predicate *p)
{
	struct subject *s = subject_of(m, p);
	bool ok = (s->present || p->negate) && test(m, s, p);

	return !s->broken && ok != p->negate;
}

static bool route_holds(struct match *m, const struct route *r)
{
	for (uint16_t i = 0; i < r->n_predicates; i++)
		if (!holds(m, &r->predicates[i]))
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
		  struct slice scheme, struct hs_scratch *scratch)
{
	m->lookup++;
	m->vh = vh;
	m->req = req;
	m->scratch = scratch;
	m->words_used = m->join_used = m->n_cursors = 0;
	set_field(m, MATCH_PATH, slice_of(req->path.p, req->path_len));
	set_field(m, MATCH_METHOD, req->method);
	set_field(m, MATCH_AUTHORITY, req->authority);
	set_field(m, MATCH_SCHEME, scheme);
}

static void add_list(struct match *m, const struct route_list *l)
{
	if (l->n > 0 && m->n_cursors < CURSORS_MAX)
		m->cursors[m->n_cursors++] = (struct cursor){l->routes, l->routes + l->n};
}

/* The keys of one kind of case: exact paths and prefixes by length. */
struct keys {
	const struct route_key *exact, *prefix;
	uint32_t exact_mask, prefix_mask;
	const uint16_t *lens; /* descending */
	uint16_t n_lens;
	bool nocase;
};

static bool same_bytes(const char *key, struct slice value, bool nocase)
{
	struct slice want = slice_of(key, value.n);

	return nocase ? slice_eq_nocase(value, want) : slice_eq(value, want);
}

static void probe(struct match *m, const struct route_key *t, uint32_t mask, uint32_t hash,
		  struct slice value, bool nocase)
{
	for (uint32_t i = hash & mask; t[i].list.n; i = (i + 1) & mask)
		if (t[i].hash == hash && t[i].len == value.n &&
		    same_bytes(t[i].key, value, nocase)) {
			add_list(m, &t[i].list);
			return;
		}
}

static uint32_t hash_on(uint32_t h, const char *p, uint32_t n, bool nocase)
{
	for (uint32_t i = 0; i < n; i++)
		h = match_hash_step(h, (unsigned char)(nocase ? ascii_lower(p[i]) : p[i]));
	return h;
}

/* One walk over the path: the hash of every prefix is on the way to that of the whole. */
static void look_up_path(struct match *m, const struct keys *k)
{
	struct slice path = m->fields[MATCH_PATH].value;
	uint32_t h = MATCH_HASH_SEED, done = 0;

	if (!k->exact && !k->prefix)
		return;
	for (uint32_t i = k->n_lens; i-- > 0 && k->lens[i] <= path.n; done = k->lens[i]) {
		h = hash_on(h, path.p + done, k->lens[i] - done, k->nocase);
		probe(m, k->prefix, k->prefix_mask, h, slice_of(path.p, k->lens[i]), k->nocase);
	}
	if (!k->exact)
		return;
	h = hash_on(h, path.p + done, path.n - done, k->nocase);
	probe(m, k->exact, k->exact_mask, h, path, k->nocase);
}

static void look_up_regex(struct match *m)
{
	const struct pattern_set *set = &m->vh->patterns[MATCH_PATH];
	const uint64_t *bits;

	if (set->n == 0)
		return;
	bits = scan_subject(m, &m->fields[MATCH_PATH], set);
	for (uint32_t w = 0; bits && w < (set->n + 63) / 64; w++)
		for (uint64_t left = bits[w]; left; left &= left - 1)
			add_list(m,
				 &m->vh->index
					  .by_path_regex[w * 64 + (uint32_t)__builtin_ctzll(left)]);
}

static void look_up_headers(struct match *m)
{
	const struct route_index *x = &m->vh->index;

	for (uint16_t i = 0; i < x->n_by_header; i++) {
		const struct header_index *h = &x->by_header[i];
		struct subject *s = &m->headers[h->header];

		if (s->fetched != m->lookup)
			subject_fetch_header(m, s, &m->vh->headers[h->header]);
		if (s->present && !s->broken)
			probe(m, h->exact, h->mask, match_hash(s->value.p, s->value.n), s->value,
			      false);
	}
}

static void find_candidates(struct match *m)
{
	const struct route_index *x = &m->vh->index;

	look_up_path(m, &(struct keys){x->exact, x->prefix, x->exact_mask, x->prefix_mask,
				       x->prefix_lens, x->n_prefix_lens, false});
	look_up_path(m, &(struct keys){x->exact_nocase, x->prefix_nocase, x->exact_nocase_mask,
				       x->prefix_nocase_mask, x->prefix_nocase_lens,
				       x->n_prefix_nocase_lens, true});
	look_up_regex(m);
	look_up_headers(m);
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
	uint32_t route = *top->at++;

	if (top->at == top->end)
		*top = m->cursors[--m->n_cursors];
	if (m->n_cursors > 0)
		sift_down(m, 0);
	return route;
}

const struct route *match_route(struct match *m, const struct vhost *vh,
				const struct http_head *req, struct slice scheme,
				struct hs_scratch *scratch)
{
	begin(m, vh, req, scheme, scratch);
	find_candidates(m);
	for (uint32_t i = m->n_cursors / 2; i-- > 0;)
		sift_down(m, i);
	while (m->n_cursors > 0) {
		const struct route *r = &vh->routes[next_candidate(m)];

		if (route_holds(m, r))
			return r;
	}
	return NULL;
}
