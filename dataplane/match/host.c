/* host.c - owns nothing: authority to virtual host (istio/reference 0.4 step 4). */
#include <match/match.h>

/* Longer than any DNS name with a port: only "*" can be meant. */
#define HOST_MAX 512u

/* Without ":port". What follows the last colon is a port only if it is all digits; a colon
 * inside brackets belongs to an IPv6 address (RFC 3986 3.2.2). */
static uint32_t host_len(struct slice authority)
{
	uint32_t n = authority.n;

	while (n > 0 && (unsigned char)(authority.p[n - 1] - '0') < 10)
		n--;
	return n > 0 && authority.p[n - 1] == ':' ? n - 1 : authority.n;
}

static const struct vhost *find(const struct host_entry *t, uint32_t mask, const char *key,
				uint32_t len, uint32_t hash)
{
	for (uint32_t i = hash & mask; t[i].vhost; i = (i + 1) & mask)
		if (t[i].hash == hash && t[i].len == len && memcmp(t[i].host, key, len) == 0)
			return t[i].vhost;
	return NULL;
}

/* The longest suffix wins, so the scan starts at the front; a suffix leaves at least one byte
 * before it. Suffixes start at a dot unless the table says otherwise with an entry of length
 * 0 (rare: each byte is then a start). */
static const struct vhost *find_suffix(const struct host_table *t, const char *host, uint32_t len)
{
	bool any_start = find(t->suffix, t->suffix_mask, "", 0, MATCH_HASH_SEED) != NULL;

	for (uint32_t i = 1; i < len; i++) {
		const struct vhost *vh;

		if (host[i] != '.' && !any_start)
			continue;
		vh = find(t->suffix, t->suffix_mask, host + i, len - i,
			  match_hash(host + i, len - i));
		if (vh)
			return vh;
	}
	return NULL;
}

static const struct vhost *find_host(const struct host_table *t, struct slice authority)
{
	char host[HOST_MAX];
	uint32_t len = host_len(authority), hash = MATCH_HASH_SEED;
	const struct vhost *vh = NULL;

	if (len > HOST_MAX)
		return NULL;
	for (uint32_t i = 0; i < len; i++) {
		host[i] = ascii_lower(authority.p[i]);
		hash = match_hash_step(hash, (unsigned char)host[i]);
	}
	if (t->exact)
		vh = find(t->exact, t->exact_mask, host, len, hash);
	if (!vh && t->suffix)
		vh = find_suffix(t, host, len);
	return vh;
}

const struct vhost *match_host(const struct listener *l, struct slice authority)
{
	const struct vhost *vh = find_host(&l->hosts, authority);

	if (!vh)
		vh = l->hosts.any;
	return vh ? vh : l->fallback;
}
