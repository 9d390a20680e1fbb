/* regex.c - owns PCRE2's match data and its limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <filter/regex.h>

#include <pcre2.h>
#include <stdlib.h>

/* Steps of one match; backtracking beyond that is an attack, or a pattern that needs another
 * form. */
#define MATCH_LIMIT 100000

struct regex_state {
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct counters *counters;
};

struct regex_state *regex_create(struct counters *counters)
{
	struct regex_state *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->counters = counters;
	r->data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
	r->context = pcre2_match_context_create(NULL);
	if (!r->data || !r->context) {
		regex_destroy(r);
		return NULL;
	}
	pcre2_set_match_limit(r->context, MATCH_LIMIT);
	return r;
}

void regex_destroy(struct regex_state *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->context);
	pcre2_match_data_free(r->data);
	free(r);
}

bool regex_find(struct regex_state *r, const struct pcre2_real_code_8 *code, struct slice s,
		uint32_t at, struct regex_match *out)
{
	int rc = pcre2_match(code, (PCRE2_SPTR)s.p, s.n, at, 0, r->data, r->context);
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		counter_inc(r->counters, CTR_HTTP_MATCH_FAILURES);
	if (rc < 0)
		return false;
	/* 0: there are more groups than we look at. */
	out->n = rc == 0 ? REGEX_GROUPS_MAX : (uint32_t)rc;
	for (uint32_t i = 0; i < out->n; i++) {
		out->group[i].from = (uint32_t)v[2 * i];
		out->group[i].to = (uint32_t)v[2 * i + 1];
	}
	return true;
}
