/* names.c - owns nothing: pure rules on names. */
#include <compile/names.h>

#include <ctype.h>

const char *name_lower(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

const char *name_expand_host(struct arena *a, const char *host, const char *ns)
{
	struct ip_addr ip;

	if (name_is_wildcard(host) || strchr(host, '.') || ip_addr_parse(host, &ip))
		return name_lower(a, host);
	return name_lower(a, arena_printf(a, "%s.%s.svc.%s", host, ns, CLUSTER_DOMAIN));
}

/* "ns/name"; every VirtualService has one, so that formatting would show. */
static const char *join(struct arena *a, const char *ns, size_t ns_len, const char *name,
			size_t name_len)
{
	char *s = arena_alloc(a, ns_len + name_len + 2);

	memcpy(s, ns, ns_len);
	s[ns_len] = '/';
	memcpy(s + ns_len + 1, name, name_len);
	s[ns_len + 1 + name_len] = '\0';
	return s;
}

const char *name_expand_gateway(struct arena *a, const char *ref, const char *ns)
{
	const char *dot;

	if (strcmp(ref, GATEWAY_MESH) == 0)
		return GATEWAY_MESH;
	if (strncmp(ref, "./", 2) == 0)
		return join(a, ns, strlen(ns), ref + 2, strlen(ref + 2));
	if (strchr(ref, '/'))
		return ref;
	dot = strchr(ref, '.');
	if (!dot)
		return join(a, ns, strlen(ns), ref, strlen(ref));
	return join(a, dot + 1, strcspn(dot + 1, "."), ref, (size_t)(dot - ref));
}

bool name_host_covers(const char *pattern, const char *host)
{
	size_t suffix, len;

	if (!name_is_wildcard(pattern))
		return strcmp(pattern, host) == 0;
	suffix = strlen(pattern) - 1;
	len = strlen(host);
	if (name_is_wildcard(host)) /* compare what follows the two stars */
		return len - 1 >= suffix && strcmp(host + len - suffix, pattern + 1) == 0;
	return len > suffix && strcmp(host + len - suffix, pattern + 1) == 0;
}

const char *name_narrower(const char *x, const char *y)
{
	if (name_host_covers(x, y))
		return y;
	return name_host_covers(y, x) ? x : NULL;
}

enum name_visibility name_visibility(const struct string_list *export_to, const char *ns,
				     const char *to)
{
	enum name_visibility best = VISIBLE_NOT;

	if (export_to->n == 0)
		return VISIBLE_PUBLIC;
	for (uint32_t i = 0; i < export_to->n; i++) {
		const char *e = export_to->items[i];
		enum name_visibility v = VISIBLE_NOT;

		if (strcmp(e, "*") == 0)
			v = VISIBLE_PUBLIC;
		else if (strcmp(e, ".") == 0)
			v = strcmp(ns, to) == 0 ? VISIBLE_PRIVATE : VISIBLE_NOT;
		else if (strcmp(e, to) == 0)
			v = VISIBLE_NAMED;
		best = v < best ? v : best;
	}
	return best;
}

const char *name_cluster(struct arena *a, const char *host, uint32_t port, const char *subset)
{
	return arena_printf(a, "outbound|%u|%s|%s", port, subset ? subset : "", host);
}

const char *name_resource(struct arena *a, const struct resource *r)
{
	return arena_printf(a, "%s %s/%s", resource_kind_name(r->kind), r->ns, r->name);
}
