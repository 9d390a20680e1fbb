/* reachability.c - rules and matches that an earlier one leaves no request for.
 *
 * A block is covered when every condition of an earlier block follows from its own. That is
 * decided where it is plain (equal values, prefixes of prefixes); regular expressions are
 * only compared as text. */
#include <validate/check.h>

#include <string.h>
#include <strings.h>

/* Comparing all pairs of a generated object with very many blocks would take too long for
 * a warning. */
#define BLOCKS_MAX 2048u

static bool same_match(const struct string_match *a, const struct string_match *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == SM_PRESENT || strcmp(a->value, b->value) == 0;
}

static bool follows(const struct string_match *a, const struct string_match *b)
{
	return !a || (b && same_match(a, b));
}

/* True of every path. */
static bool is_any_path(const struct string_match *uri)
{
	if (!uri || uri->kind == SM_PRESENT)
		return true;
	if (uri->kind == SM_PREFIX)
		return strcmp(uri->value, "/") == 0 || !*uri->value;
	return uri->kind == SM_REGEX && strcmp(uri->value, ".*") == 0;
}

static bool path_follows(const struct http_match *a, const struct http_match *b)
{
	const struct string_match *p = a->uri, *q = b->uri;

	if (is_any_path(p))
		return true;
	if (!q || a->ignore_uri_case != b->ignore_uri_case)
		return false;
	if (p->kind == SM_PREFIX && (q->kind == SM_PREFIX || q->kind == SM_EXACT))
		return (a->ignore_uri_case ? strncasecmp : strncmp)(q->value, p->value,
								    strlen(p->value)) == 0;
	return same_match(p, q);
}

/* Every entry of a is one of b: then a's conditions follow from b's. */
static bool headers_follow(const struct named_match *a, uint32_t n_a, const struct named_match *b,
			   uint32_t n_b)
{
	uint32_t i, j;

	for (i = 0; i < n_a; i++) {
		for (j = 0; j < n_b; j++)
			if (strcasecmp(a[i].name, b[j].name) == 0 &&
			    same_match(&a[i].match, &b[j].match))
				break;
		if (j == n_b)
			return false;
	}
	return true;
}

static bool lists_name(const struct string_list *list, const char *name)
{
	uint32_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->items[i], name) == 0)
			return true;
	return false;
}

/* Both apply on the same ports, gateways and sources. */
static bool scope_follows(const struct http_match *a, const struct http_match *b)
{
	uint32_t i;

	if (a->port && a->port != b->port)
		return false;
	if (a->gateways.n && !b->gateways.n)
		return false;
	for (i = 0; a->gateways.n && i < b->gateways.n; i++)
		if (!lists_name(&a->gateways, b->gateways.items[i]))
			return false;
	if (a->source_namespace &&
	    (!b->source_namespace || strcmp(a->source_namespace, b->source_namespace) != 0))
		return false;
	return labels_contain(&b->source_labels, &a->source_labels);
}

static bool covers(const struct http_match *a, const struct http_match *b)
{
	return path_follows(a, b) && follows(a->scheme, b->scheme) &&
	       follows(a->method, b->method) && follows(a->authority, b->authority) &&
	       headers_follow(a->headers, a->n_headers, b->headers, b->n_headers) &&
	       headers_follow(a->without_headers, a->n_without_headers, b->without_headers,
			      b->n_without_headers) &&
	       headers_follow(a->query_params, a->n_query_params, b->query_params,
			      b->n_query_params) &&
	       scope_follows(a, b);
}

/* The rule and block that cover block (i, k), among those before it. */
static bool find_cover(const struct virtual_service *vs, uint32_t i, uint32_t k, uint32_t *rule,
		       uint32_t *block)
{
	const struct http_match *b = &vs->http[i].match[k];

	for (*rule = 0; *rule <= i; ++*rule) {
		const struct http_rule *r = &vs->http[*rule];

		if (r->delegate) /* takes what its delegate takes, which may be less */
			continue;
		for (*block = 0; *block < r->n_match; ++*block) {
			if (*rule == i && *block == k)
				return false;
			if (covers(&r->match[*block], b))
				return true;
		}
	}
	return false;
}

static void check_blocks(struct check *c, const struct virtual_service *vs, uint32_t i)
{
	size_t outer = check_field(c, "match");
	uint32_t k, rule, block, by_earlier_rules = 0;

	for (k = 0; k < vs->http[i].n_match; k++) {
		size_t mark = check_item(c, k);

		if (find_cover(vs, i, k, &rule, &block)) {
			check_report(c, DIAG_VS_MATCH_UNREACHABLE,
				     "never matches: http[%u].match[%u] takes every request of it",
				     rule, block);
			by_earlier_rules += rule < i;
		}
		check_leave(c, mark);
	}
	check_leave(c, outer);
	if (by_earlier_rules && by_earlier_rules == vs->http[i].n_match)
		check_report(c, DIAG_VS_RULE_UNREACHABLE,
			     "never applies: earlier rules take every request of its matches");
}

void check_reachability(struct check *c, const struct virtual_service *vs)
{
	size_t outer = check_field(c, "http");
	uint32_t i, open = UINT32_MAX, blocks = 0;

	for (i = 0; i < vs->n_http; i++)
		blocks += vs->http[i].n_match;
	for (i = 0; i < vs->n_http && blocks <= BLOCKS_MAX; i++) {
		size_t mark = check_item(c, i);

		if (open != UINT32_MAX)
			check_report(c, DIAG_VS_RULE_UNREACHABLE,
				     "never applies: http[%u] has no match and takes every request",
				     open);
		else if (vs->http[i].n_match == 0 && !vs->http[i].delegate)
			open = i;
		else
			check_blocks(c, vs, i);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}
