/* hosts.c - owns the domains of one listener while they are collected. */
#include <compile/hosts.h>

#include <compile/names.h>

void hosts_init(struct hosts *h)
{
	*h = (struct hosts){0};
	map_init(&h->by_domain);
}

void hosts_fini(struct hosts *h)
{
	map_fini(&h->by_domain);
}

/* An IPv6 address stands in brackets where a host is written (RFC 3986 3.2.2). */
static const char *as_written(struct arena *tmp, const char *domain)
{
	struct ip_addr ip;

	if (strchr(domain, ':') && ip_addr_parse(domain, &ip))
		return arena_printf(tmp, "[%s]", domain);
	return domain;
}

void hosts_add(struct hosts *h, struct arena *tmp, const char *domain, const struct vhost *vh)
{
	const char *key = as_written(tmp, name_lower(tmp, domain));
	void **slot = map_slot_str(&h->by_domain, key);
	struct domain *d;

	if (*slot)
		return;
	d = *slot = arena_alloc(tmp, sizeof(*d));
	*d = (struct domain){key, vh};
	if (strcmp(key, "*") == 0) {
		h->any = vh;
	} else if (name_is_wildcard(key)) {
		list_add(tmp, &h->suffix, d);
		h->partial |= key[1] != '.';
	} else {
		list_add(tmp, &h->exact, d);
	}
}

static void put(struct host_entry *t, uint32_t mask, struct host_entry e)
{
	uint32_t at = e.hash & mask;

	while (t[at].vhost)
		at = (at + 1) & mask;
	t[at] = e;
}

/* skip: leading bytes of the domain that are not part of the key. */
static struct host_entry *table(struct arena *a, const struct list *domains, uint32_t skip,
				uint32_t *mask)
{
	uint32_t size = 4;
	struct host_entry *t;

	*mask = 0;
	if (domains->n == 0)
		return NULL;
	while (size < (domains->n + 1) * 2)
		size *= 2;
	*mask = size - 1;
	t = arena_array(a, size, sizeof(*t));
	for (uint32_t i = 0; i < domains->n; i++) {
		const struct domain *d = domains->items[i];
		const char *key = arena_strdup(a, d->name + skip);
		uint32_t len = (uint32_t)strlen(key);

		put(t, *mask, (struct host_entry){key, len, match_hash(key, len), d->vhost});
	}
	return t;
}

void hosts_table(const struct hosts *h, struct arena *a, struct host_table *out)
{
	struct host_entry *suffix = table(a, &h->suffix, 1, &out->suffix_mask);

	if (h->partial) {
		const struct domain *first = h->suffix.items[0];

		put(suffix, out->suffix_mask,
		    (struct host_entry){"", 0, MATCH_HASH_SEED, first->vhost});
	}
	out->suffix = suffix;
	out->exact = table(a, &h->exact, 0, &out->exact_mask);
	out->any = h->any;
}
