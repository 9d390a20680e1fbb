/* explain_match.c - see explain_match.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "explain_match.h"

#include <hs/hs.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

/* Something that conditions look at. */
struct subject {
	bool fetched, scanned;
	bool present;
	bool broken; /* no memory to put it together or to scan it: no condition on it holds */
	struct span value;
	char *joined;   /* where a repeated header's value lies; NULL */
	bool text;      /* scanned: it is UTF-8 */
	uint64_t *bits; /* the expressions that match */
};

struct evaluation {
	const struct vhost *v;
	const struct explain_request *r;
	struct hs_scratch *scratch; /* grown to what each database needs */
	struct subject fields[MATCH_FIELDS];
	struct subject *headers, *queries;
};

static void set_field(struct evaluation *e, enum match_field field, struct span value)
{
	e->fields[field] = (struct subject){.fetched = true, .present = true, .value = value};
}

struct evaluation *evaluation_create(const struct vhost *v, const struct explain_request *r)
{
	struct evaluation *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->v = v;
	e->r = r;
	e->headers = calloc(v->n_headers + 1u, sizeof(*e->headers));
	e->queries = calloc(v->n_queries + 1u, sizeof(*e->queries));
	if (!e->headers || !e->queries) {
		evaluation_destroy(e);
		return NULL;
	}
	set_field(e, MATCH_PATH, span_of(r->path.p, r->path_len));
	set_field(e, MATCH_METHOD, r->method);
	set_field(e, MATCH_AUTHORITY, r->authority);
	set_field(e, MATCH_SCHEME, span_of("http", 4));
	set_field(e, MATCH_SOURCE, span_of("", 0));
	return e;
}

static void free_subjects(struct subject *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(s[i].joined);
		free(s[i].bits);
	}
}

void evaluation_destroy(struct evaluation *e)
{
	if (!e)
		return;
	free_subjects(e->fields, MATCH_FIELDS);
	free_subjects(e->headers, e->headers ? e->v->n_headers : 0);
	free_subjects(e->queries, e->queries ? e->v->n_queries : 0);
	hs_free_scratch(e->scratch);
	free(e->headers);
	free(e->queries);
	free(e);
}

/* ---- values ---- */

/* Names that are no fields of the message: ":path" with its query, and Host, which is the
 * authority wherever that came from. */
static bool fetch_pseudo(const struct evaluation *e, struct subject *s, struct span name)
{
	if (span_eq_nocase(name, span_of("host", 4))) {
		s->value = e->r->authority;
		s->present = s->value.n > 0;
	} else if (span_eq_nocase(name, span_of(":path", 5))) {
		s->value = e->r->path;
		s->present = true;
	} else {
		return name.n > 0 && name.p[0] == ':';
	}
	return true;
}

static bool same(struct span a, struct span b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool join(struct subject *s, struct span more)
{
	char *joined = malloc((size_t)s->value.n + 1 + more.n);

	if (!joined)
		return false;
	memcpy(joined, s->value.p, s->value.n);
	joined[s->value.n] = ',';
	memcpy(joined + s->value.n + 1, more.p, more.n);
	free(s->joined);
	s->joined = joined;
	s->value = span_of(joined, (size_t)s->value.n + 1 + more.n);
	return true;
}

static void fetch_header(const struct evaluation *e, struct subject *s, struct span name)
{
	s->fetched = true;
	s->value = span_of("", 0);
	if (fetch_pseudo(e, s, name))
		return;
	for (unsigned i = 0; i < e->r->n_fields; i++) {
		const struct explain_field *f = &e->r->fields[i];

		if (!span_eq_nocase(f->name, name))
			continue;
		if (!s->present)
			s->value = f->value;
		else if (!join(s, f->value))
			s->broken = true;
		s->present = true;
	}
}

/* The first parameter of this name, as it was sent: escapes are not resolved (2.3). */
static void fetch_query(const struct evaluation *e, struct subject *s, struct span name)
{
	const char *p = e->r->path.p + e->r->path_len, *end = e->r->path.p + e->r->path.n;

	s->fetched = true;
	s->value = span_of("", 0);
	while (p < end && !s->present) {
		const char *begin = p + 1, *stop = memchr(begin, '&', (size_t)(end - begin));
		const char *eq;

		p = stop ? stop : end;
		eq = memchr(begin, '=', (size_t)(p - begin));
		if (p == begin || !same(span_of(begin, (size_t)((eq ? eq : p) - begin)), name))
			continue;
		s->present = true;
		if (eq)
			s->value = span_of(eq + 1, (size_t)(p - eq - 1));
	}
}

static struct subject *subject_of(struct evaluation *e, const struct predicate *p)
{
	struct subject *s = &e->fields[p->field];

	if (p->field == MATCH_HEADER) {
		const struct header_name *h = &e->v->headers[p->header];

		s = &e->headers[p->header];
		if (!s->fetched)
			fetch_header(e, s, span_of(h->name, h->len));
	} else if (p->field == MATCH_QUERY) {
		const struct query_name *q = &e->v->queries[p->header];

		s = &e->queries[p->header];
		if (!s->fetched)
			fetch_query(e, s, span_of(q->name, q->len));
	}
	return s;
}

/* ---- conditions ---- */

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *bits)
{
	(void)from;
	(void)to;
	(void)flags;
	((uint64_t *)bits)[id / 64] |= 1ull << (id % 64);
	return 0;
}

static bool is_text(struct span s)
{
	size_t len;

	for (size_t at = 0; at < s.n; at += len)
		if ((len = text_utf8_len(s.p + at, s.n - at)) == 0)
			return false;
	return true;
}

/* PCRE2's, with the steps that workers give it. */
static bool slow_holds(struct subject *s, const struct pcre2_real_code_8 *code)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	int rc = PCRE2_ERROR_NOMEMORY;

	if (data && context) {
		pcre2_set_match_limit(context, PATTERN_STEPS_MAX);
		rc = pcre2_match(code, (PCRE2_SPTR)s->value.p, s->value.n, 0, 0, data, context);
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	s->broken |= rc < 0 && rc != PCRE2_ERROR_NOMATCH;
	return rc >= 0;
}

static void scan(struct evaluation *e, struct subject *s, const struct pattern_set *set)
{
	s->scanned = true;
	s->bits = calloc((set->n + 63) / 64, sizeof(*s->bits));
	s->text = is_text(s->value);
	if (s->bits && (!s->text || !set->db))
		return;
	if (!s->bits || hs_alloc_scratch(set->db, &e->scratch) != HS_SUCCESS ||
	    hs_scan(set->db, s->value.p, s->value.n, 0, e->scratch, on_match, s->bits) !=
		    HS_SUCCESS)
		s->broken = true;
}

static const struct pattern_set *patterns_of(const struct vhost *v, const struct predicate *p)
{
	if (p->field == MATCH_HEADER)
		return &v->headers[p->header].patterns;
	if (p->field == MATCH_QUERY)
		return &v->queries[p->header].patterns;
	return &v->patterns[p->field];
}

static bool regex_holds(struct evaluation *e, struct subject *s, const struct predicate *p)
{
	const struct pattern_set *set = patterns_of(e->v, p);

	if (!s->scanned)
		scan(e, s, set);
	if (!s->broken && s->text && pattern_is_slow(set, p->regex))
		return slow_holds(s, set->slow[p->regex]);
	return !s->broken && (s->bits[p->regex / 64] >> (p->regex % 64) & 1);
}

static bool begins_with(struct span value, const struct predicate *p)
{
	struct span head = {value.p, p->value_len}, want = {p->value, p->value_len};

	if (value.n < p->value_len)
		return false;
	return p->ignore_case ? span_eq_nocase(head, want) : memcmp(head.p, want.p, want.n) == 0;
}

static bool test(struct evaluation *e, struct subject *s, const struct predicate *p)
{
	switch ((enum match_op)p->op) {
	case MATCH_EXACT:
		return s->value.n == p->value_len && begins_with(s->value, p);
	case MATCH_PREFIX:
		return begins_with(s->value, p);
	case MATCH_REGEX:
		return regex_holds(e, s, p);
	case MATCH_LONE:
		return is_text(s->value) && slow_holds(s, p->code);
	case MATCH_PRESENT:
		return s->present;
	case MATCH_IN:
		return e->r->has_from && addr_set_has(&e->v->sources[p->header], &e->r->from);
	}
	return false;
}

/* An absent header meets nothing, but withoutHeaders takes it for an empty one (2.3). */
bool evaluation_holds(struct evaluation *e, const struct predicate *p)
{
	struct subject *s = subject_of(e, p);
	bool ok = (s->present || p->negate) && test(e, s, p);

	return !s->broken && ok != p->negate;
}

unsigned evaluation_misses(struct evaluation *e, const struct route *r, unsigned *first)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_predicates; i++)
		if (!evaluation_holds(e, &r->predicates[i]) && n++ == 0)
			*first = i;
	return n;
}

uint32_t evaluation_first(struct evaluation *e)
{
	uint32_t i = 0;
	unsigned first;

	while (i < e->v->n_routes && evaluation_misses(e, &e->v->routes[i], &first) > 0)
		i++;
	return i;
}

/* ---- words ---- */

static void put_source(const struct explain_request *r, struct text *out)
{
	char text[IP_ADDR_STRLEN];

	if (r->has_from)
		text_printf(out, "the request is from %s", ip_addr_format(&r->from, text));
	else
		text_puts(out, "it is not said where the request is from (--from)");
}

void evaluation_actual(struct evaluation *e, const struct predicate *p, struct text *out)
{
	static const char *const names[MATCH_FIELDS] = {
		[MATCH_PATH] = "path",           [MATCH_METHOD] = "method",
		[MATCH_AUTHORITY] = "authority", [MATCH_SCHEME] = "scheme",
		[MATCH_HEADER] = "header",       [MATCH_QUERY] = "parameter",
	};
	const struct subject *s = subject_of(e, p);

	if (p->field == MATCH_SOURCE) {
		put_source(e->r, out);
	} else if (s->broken) {
		text_printf(out, "the %s cannot be looked at: no memory", names[p->field]);
	} else if (!s->present) {
		text_printf(out, "there is no such %s", names[p->field]);
	} else {
		text_printf(out, "the %s is ", names[p->field]);
		describe_value(out, s->value.p, s->value.n);
	}
}
