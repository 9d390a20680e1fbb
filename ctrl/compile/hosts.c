/* hosts.c - owns the order of a listener's domains. */
#include <compile/hosts.h>

#include <compile/layout.h>
#include <compile/names.h>

struct domain {
	const char *key; /* as in the table */
	uint32_t len, hash;
	bool partial; /* a wildcard inside a label */
	const struct layout_host *host;
};

/* An IPv6 address stands in brackets where a host is written (RFC 3986 3.2.2). */
static const char *as_written(struct arena *a, const char *domain)
{
	struct ip_addr ip;

	if (strchr(domain, ':') && ip_addr_parse(domain, &ip))
		return arena_printf(a, "[%s]", domain);
	return domain;
}

void hosts_add(struct hosts *h, struct arena *a, const char *domain, const struct layout_host *host)
{
	const char *key = as_written(a, name_lower(a, domain));
	struct domain *d;

	if (strcmp(key, "*") == 0) {
		list_add(a, &h->any, (void *)(uintptr_t)host);
		return;
	}
	d = arena_alloc(a, sizeof(*d));
	d->partial = name_is_wildcard(key) && key[1] != '.';
	list_add(a, name_is_wildcard(key) ? &h->suffix : &h->exact, d);
	d->key = name_is_wildcard(key) ? key + 1 : key;
	d->len = (uint32_t)strlen(d->key);
	d->hash = match_hash(d->key, d->len);
	d->host = host;
}

static bool is_entry_of(const struct host_entry *e, const struct host_entry *other)
{
	return e->hash == other->hash && e->len == other->len &&
	       memcmp(e->host, other->host, e->len) == 0;
}

static void put(struct host_entry *t, uint32_t mask, struct host_entry e)
{
	uint32_t at = e.hash & mask;

	while (t[at].vhost && !is_entry_of(&t[at], &e))
		at = (at + 1) & mask;
	if (!t[at].vhost)
		t[at] = e;
}

static struct host_entry *table(struct arena *a, const struct list *domains, uint32_t *mask)
{
	const struct vhost *partial = NULL;
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

		if (!d->host->next)
			continue;
		put(t, *mask, (struct host_entry){d->key, d->len, d->hash, d->host->next});
		if (d->partial)
			partial = d->host->next;
	}
	if (partial)
		put(t, *mask, (struct host_entry){"", 0, MATCH_HASH_SEED, partial});
	return t;
}

void hosts_table(const struct hosts *h, struct arena *a, struct host_table *out)
{
	*out = (struct host_table){0};
	out->suffix = table(a, &h->suffix, &out->suffix_mask);
	out->exact = table(a, &h->exact, &out->exact_mask);
	for (uint32_t i = 0; i < h->any.n && !out->any; i++)
		out->any = ((const struct layout_host *)h->any.items[i])->next;
}
