/* delegate.c - owns the merging of a root's rule with those of its delegate.
 *
 * The root decides what reaches the delegate: a match of the delegate that could take more
 * than the root gives it costs the whole rule, rather than widening the root's. */
#include <compile/delegate.h>

#include <strings.h>

#include <compile/layout.h>
#include <compile/names.h>
#include <compile/plan.h>

static const char *key_of(struct arena *a, const char *ns, const char *name)
{
	return arena_printf(a, "%s/%s", ns, name);
}

void delegates_collect(struct map *delegates, struct build *b)
{
	size_t i, last;

	map_init(delegates);
	resource_set_range(b->set, KIND_VIRTUAL_SERVICE, &i, &last);
	for (; i < last; i++) {
		struct resource *r = b->set->items[i];

		if (r->vs->hosts.n == 0)
			*map_slot_str(delegates, key_of(b->tmp, r->ns, r->name)) = r;
	}
}

/* ---- does a match of the delegate lie inside one of the root's? ---- */

/* Nothing is known of what two expressions have in common: with one, values never fit. */
static bool value_fits(const struct string_match *root, const struct string_match *leaf)
{
	if (!root || !leaf)
		return true;
	if (root->kind == SM_REGEX || leaf->kind == SM_REGEX)
		return false;
	if (root->kind == SM_PRESENT)
		return true;
	if (leaf->kind == SM_PRESENT)
		return false;
	if (root->kind == SM_EXACT)
		return leaf->kind == SM_EXACT && strcmp(root->value, leaf->value) == 0;
	return strncmp(leaf->value, root->value, strlen(root->value)) == 0;
}

typedef int name_compare(const char *, const char *);

static const struct named_match *find(const struct named_match *m, uint32_t n, const char *name,
				      name_compare *compare)
{
	for (uint32_t i = 0; i < n; i++)
		if (compare(m[i].name, name) == 0)
			return &m[i];
	return NULL;
}

static bool named_fit(const struct named_match *root, uint32_t n_root,
		      const struct named_match *leaf, uint32_t n_leaf, name_compare *compare)
{
	for (uint32_t i = 0; i < n_leaf; i++) {
		const struct named_match *same = find(root, n_root, leaf[i].name, compare);

		if (same && !value_fits(&same->match, &leaf[i].match))
			return false;
	}
	return true;
}

static bool labels_fit(const struct labels *root, const struct labels *leaf)
{
	for (uint32_t i = 0; i < leaf->n; i++) {
		const char *other = labels_get(root, leaf->items[i].key);

		if (other && strcmp(other, leaf->items[i].value) != 0)
			return false;
	}
	return true;
}

static bool lists(const struct string_list *l, const char *s)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], s) == 0)
			return true;
	return false;
}

/* Both have their names in full. */
static bool gateways_fit(const struct string_list *root, const struct string_list *leaf)
{
	for (uint32_t i = 0; root->n && i < leaf->n; i++)
		if (!lists(root, leaf->items[i]))
			return false;
	return true;
}

static bool given(const char *s)
{
	return s && *s;
}

static bool place_fits(const struct http_match *root, const struct http_match *leaf)
{
	if (root->port && leaf->port && root->port != leaf->port)
		return false;
	if (given(root->source_namespace) &&
	    (!leaf->source_namespace ||
	     strcmp(root->source_namespace, leaf->source_namespace) != 0))
		return false;
	return labels_fit(&root->source_labels, &leaf->source_labels) &&
	       gateways_fit(&root->gateways, &leaf->gateways);
}

static bool block_fits(const struct http_match *root, const struct http_match *leaf)
{
	return value_fits(root->uri, leaf->uri) && value_fits(root->scheme, leaf->scheme) &&
	       value_fits(root->method, leaf->method) &&
	       value_fits(root->authority, leaf->authority) &&
	       root->ignore_uri_case == leaf->ignore_uri_case &&
	       named_fit(root->headers, root->n_headers, leaf->headers, leaf->n_headers,
			 strcasecmp) &&
	       named_fit(root->without_headers, root->n_without_headers, leaf->without_headers,
			 leaf->n_without_headers, strcasecmp) &&
	       named_fit(root->query_params, root->n_query_params, leaf->query_params,
			 leaf->n_query_params, strcmp) &&
	       place_fits(root, leaf);
}

/* ---- one match out of two: the delegate's, with the gaps filled from the root's ---- */

static struct named_match *unite_named(struct arena *a, const struct named_match *root,
				       uint32_t n_root, const struct named_match *leaf,
				       uint32_t n_leaf, name_compare *compare, uint32_t *n)
{
	struct named_match *out = arena_array(a, (size_t)n_root + n_leaf, sizeof(*out));

	*n = 0;
	for (uint32_t i = 0; i < n_root; i++)
		if (!find(leaf, n_leaf, root[i].name, compare))
			out[(*n)++] = root[i];
	for (uint32_t i = 0; i < n_leaf; i++)
		out[(*n)++] = leaf[i];
	return out;
}

/* Both are sorted by key, and so is the result; where they meet they have one value. */
static struct labels unite_labels(struct arena *a, const struct labels *x, const struct labels *y)
{
	struct label *items = arena_array(a, (size_t)x->n + y->n, sizeof(*items));
	uint32_t i = 0, k = 0, n = 0;

	while (i < x->n || k < y->n) {
		int order = i == x->n   ? 1
			    : k == y->n ? -1
					: strcmp(x->items[i].key, y->items[k].key);

		items[n++] = order <= 0 ? x->items[i] : y->items[k];
		i += order <= 0;
		k += order >= 0;
	}
	return (struct labels){n, items};
}

/* "root-delegate", or the one that has a name. */
static const char *join_names(struct arena *a, const char *root, const char *leaf)
{
	if (!given(root) || !given(leaf))
		return given(leaf) ? leaf : root;
	return arena_printf(a, "%s-%s", root, leaf);
}

#define FILL(out, root, field)                                                                     \
	do {                                                                                       \
		if (!(out)->field)                                                                 \
			(out)->field = (root)->field;                                              \
	} while (0)

static struct http_match unite_blocks(struct arena *a, const struct http_match *root,
				      const struct http_match *leaf)
{
	struct http_match out = *leaf;

	out.name = join_names(a, root->name, leaf->name);
	FILL(&out, root, uri);
	FILL(&out, root, scheme);
	FILL(&out, root, method);
	FILL(&out, root, authority);
	FILL(&out, root, port);
	FILL(&out, root, source_namespace);
	FILL(&out, root, stat_prefix);
	if (!out.gateways.n)
		out.gateways = root->gateways;
	out.source_labels = unite_labels(a, &root->source_labels, &leaf->source_labels);
	out.headers = unite_named(a, root->headers, root->n_headers, leaf->headers, leaf->n_headers,
				  strcasecmp, &out.n_headers);
	out.without_headers = unite_named(a, root->without_headers, root->n_without_headers,
					  leaf->without_headers, leaf->n_without_headers,
					  strcasecmp, &out.n_without_headers);
	out.query_params =
		unite_named(a, root->query_params, root->n_query_params, leaf->query_params,
			    leaf->n_query_params, strcmp, &out.n_query_params);
	return out;
}

/* ---- all matches of two rules ---- */

static void expand_gateways(struct arena *a, struct string_list *l, const char *ns)
{
	const char **items = arena_array(a, l->n, sizeof(*items));

	for (uint32_t i = 0; i < l->n; i++)
		items[i] = name_expand_gateway(a, l->items[i], ns);
	l->items = items;
}

/* The matches of a rule with gateway names in full, as its namespace means them. */
static struct http_match *expand_blocks(struct arena *a, const struct http_rule *rule,
					const char *ns)
{
	struct http_match *out = arena_array(a, rule->n_match, sizeof(*out));

	for (uint32_t i = 0; i < rule->n_match; i++) {
		out[i] = rule->match[i];
		expand_gateways(a, &out[i].gateways, ns);
	}
	return out;
}

struct blocks {
	uint32_t n;
	const struct http_match *items;
};

static void add_block(struct delegated_rule *out, const struct http_match *m, uint32_t from)
{
	out->blocks[out->http.n_match] = from;
	out->http.match[out->http.n_match++] = *m;
}

/* Every match of the delegate must fit inside one of the root's at least; it counts once for
 * each that it fits. False when one does not. */
static bool combine(struct arena *a, struct blocks root, struct blocks leaf,
		    struct delegated_rule *out)
{
	for (uint32_t i = 0; i < leaf.n; i++) {
		uint32_t before = out->http.n_match;

		for (uint32_t k = 0; k < root.n; k++) {
			struct http_match m;

			if (!block_fits(&root.items[k], &leaf.items[i]))
				continue;
			m = unite_blocks(a, &root.items[k], &leaf.items[i]);
			add_block(out, &m, i);
		}
		if (out->http.n_match == before)
			return false;
	}
	return true;
}

/* False: the rule is dropped. */
static bool merge_blocks(struct arena *a, struct blocks root, struct blocks leaf,
			 struct delegated_rule *out)
{
	size_t room = root.n && leaf.n ? (size_t)root.n * leaf.n : (size_t)root.n + leaf.n;

	out->http.n_match = 0;
	out->http.match = arena_array(a, room, sizeof(*out->http.match));
	out->blocks = arena_array(a, room, sizeof(*out->blocks));
	if (root.n && leaf.n)
		return combine(a, root, leaf, out);
	for (uint32_t i = 0; i < leaf.n; i++)
		add_block(out, &leaf.items[i], i);
	for (uint32_t i = 0; i < root.n; i++)
		add_block(out, &root.items[i], BLOCK_NONE);
	return true;
}

/* ---- what is done ---- */

static struct destination *expand_destination(struct arena *a, const struct destination *d,
					      const char *ns)
{
	struct destination *out;

	if (!d)
		return NULL;
	out = arena_alloc(a, sizeof(*out));
	*out = *d;
	if (d->host)
		out->host = name_expand_host(a, d->host, ns);
	return out;
}

static struct http_mirror *expand_mirrors(struct arena *a, const struct http_rule *rule,
					  const char *ns)
{
	struct http_mirror *out = arena_array(a, rule->n_mirrors, sizeof(*out));

	for (uint32_t i = 0; i < rule->n_mirrors; i++) {
		out[i] = rule->mirrors[i];
		out[i].destination = expand_destination(a, out[i].destination, ns);
	}
	return out;
}

/* What the delegate's rule does not say, the root's does. Blocks are taken whole. */
static void inherit(struct arena *a, struct http_rule *out, const struct http_rule *root,
		    const char *root_ns)
{
	FILL(out, root, rewrite);
	FILL(out, root, direct_response);
	FILL(out, root, timeout_us);
	FILL(out, root, retries);
	FILL(out, root, fault);
	FILL(out, root, mirror_percentage);
	FILL(out, root, cors);
	if (!out->mirror)
		out->mirror = expand_destination(a, root->mirror, root_ns);
	if (!out->n_mirrors) {
		out->mirrors = expand_mirrors(a, root, root_ns);
		out->n_mirrors = root->n_mirrors;
	}
	if (!out->has_mirror_percent) {
		out->has_mirror_percent = root->has_mirror_percent;
		out->mirror_percent = root->mirror_percent;
	}
	if (!out->headers && !out->append_headers.n) {
		out->headers = root->headers;
		out->append_headers = root->append_headers;
	}
}

/* NULL: the rule is dropped. */
static struct delegated_rule *merge(struct build *b, const struct resource *root,
				    const struct http_rule *rule, const struct resource *leaf,
				    uint32_t index)
{
	const struct http_rule *own = &leaf->vs->http[index];
	struct delegated_rule *out = arena_alloc(b->tmp, sizeof(*out));
	struct blocks outer = {rule->n_match, expand_blocks(b->tmp, rule, root->ns)};
	struct blocks inner = {own->n_match, expand_blocks(b->tmp, own, leaf->ns)};

	out->vs = leaf;
	out->index = index;
	out->http = *own;
	if (!merge_blocks(b->tmp, outer, inner, out)) {
		build_report(b, PROBLEM_DELEGATE_DROPPED, leaf, own->pos,
			     arena_printf(b->tmp, "spec.http[%u].match", index),
			     "a match lies outside those of the rule of %s/%s that delegates here: "
			     "the rule is left out there",
			     root->ns, root->name);
		return NULL;
	}
	out->http.name = join_names(b->tmp, rule->name, own->name);
	inherit(b->tmp, &out->http, rule, root->ns);
	return out;
}

void delegate_rules(struct build *b, const struct resource *root, const struct http_rule *rule,
		    struct list *out)
{
	const struct http_delegate *d = rule->delegate;
	const char *ns = given(d->ns) ? d->ns : root->ns;
	const struct resource *leaf =
		d->name ? map_get_str(&b->layout->delegates, key_of(b->tmp, ns, d->name)) : NULL;

	if (!leaf || name_visibility(&leaf->vs->export_to, leaf->ns, root->ns) == VISIBLE_NOT)
		return; /* validation warns */
	for (uint32_t i = 0; i < leaf->vs->n_http; i++) {
		struct delegated_rule *r;

		if (leaf->vs->http[i].delegate) /* refused by validation */
			continue;
		r = merge(b, root, rule, leaf, i);
		if (r)
			list_add(b->tmp, out, r);
	}
}
