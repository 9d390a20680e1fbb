/* affinity.c - owns the hash of a request (istio/reference 3.3): xxHash64, as Envoy takes it. */
#include <proxy/affinity.h>

#include <weir/xxh64.h>

#define HASH_DIGITS 16u

static uint64_t hash_of(struct slice s, uint64_t seed)
{
	return xxh64(s.p, s.n, seed);
}

static bool is_name(const struct affinity *a, const char *name)
{
	return slice_eq_nocase(slice_of(a->name, a->name_len), slice_str(name));
}

/* ---- header ---- */

static int order(struct slice a, struct slice b)
{
	int c = memcmp(a.p, b.p, RTE_MIN(a.n, b.n));

	return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

/* Several lines of one name: in the order of their values, so that the client's does not count. */
static bool hash_lines(const struct affinity *a, const struct http_head *h, uint64_t *hash)
{
	struct slice values[HTTP_FIELDS_MAX];
	unsigned n = 0, i;

	for (unsigned f = 0; f < h->n_fields; f++) {
		if (!slice_eq_nocase(h->fields[f].name, slice_of(a->name, a->name_len)))
			continue;
		for (i = n++; i > 0 && order(values[i - 1], h->fields[f].value) > 0; i--)
			values[i] = values[i - 1];
		values[i] = h->fields[f].value;
	}
	*hash = 0;
	for (i = 0; i < n; i++)
		*hash = hash_of(values[i], *hash);
	return n > 0;
}

static bool hash_header(const struct affinity *a, const struct http_head *h, uint64_t *hash)
{
	if (!is_name(a, "host"))
		return hash_lines(a, h, hash);
	*hash = hash_of(h->authority, 0);
	return true;
}

/* ---- query ---- */

/* The first value of a parameter, as it is written. */
static bool hash_query(const struct affinity *a, const struct http_head *h, uint64_t *hash)
{
	struct slice q = slice_of(h->path.p + h->path_len, h->path.n - h->path_len);
	const char *p = q.p, *end;

	if (q.n == 0 || *p != '?')
		return false;
	end = memchr(p, '#', q.n);
	if (!end)
		end = q.p + q.n;
	for (p++; p < end;) {
		const char *stop = memchr(p, '&', (size_t)(end - p));
		const char *equal;

		if (!stop)
			stop = end;
		equal = memchr(p, '=', (size_t)(stop - p));
		if (!equal)
			equal = stop;
		if (equal - p == a->name_len && memcmp(p, a->name, a->name_len) == 0) {
			p = equal < stop ? equal + 1 : stop;
			*hash = hash_of(slice_of(p, (uint32_t)(stop - p)), 0);
			return true;
		}
		p = stop + 1;
	}
	return false;
}

/* ---- cookie (RFC 6265 4.2.1) ---- */

static struct slice trimmed(struct slice s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

static bool find_in_line(const struct affinity *a, struct slice line, struct slice *value)
{
	const char *p = line.p, *end = line.p + line.n;

	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		struct slice pair = trimmed(slice_of(p, (uint32_t)((stop ? stop : end) - p)));

		if (pair.n > a->name_len && pair.p[a->name_len] == '=' &&
		    memcmp(pair.p, a->name, a->name_len) == 0) {
			*value = trimmed(
				slice_of(pair.p + a->name_len + 1, pair.n - a->name_len - 1));
			return true;
		}
		p = stop ? stop + 1 : end;
	}
	return false;
}

static bool find_cookie(const struct affinity *a, const struct http_head *h, struct slice *value)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_COOKIE &&
		    find_in_line(a, h->fields[i].value, value) && value->n)
			return true;
	return false;
}

static void write_value(uint64_t v, char out[HASH_DIGITS])
{
	for (unsigned i = HASH_DIGITS; i-- > 0; v >>= 4)
		out[i] = "0123456789abcdef"[v & 15];
}

/* The cookie's value is random; the client brings it back, so its hash decides from now on. */
static bool hash_cookie(struct stream *s, const struct affinity *a, const struct http_head *h,
			uint64_t *hash)
{
	struct slice value;
	char made[HASH_DIGITS];

	if (find_cookie(a, h, &value)) {
		*hash = hash_of(value, 0);
		return true;
	}
	if (!a->set_cookie)
		return false;
	s->cookie = lb_random(s->px->lb);
	s->cookie_made = true;
	write_value(s->cookie, made);
	*hash = hash_of(slice_of(made, HASH_DIGITS), 0);
	return true;
}

uint64_t affinity_source_hash(const struct ip_addr *source)
{
	char text[IP_ADDR_STRLEN];

	return hash_of(slice_str(ip_addr_format(source, text)), 0);
}

static bool make_hash(struct stream *s, const struct affinity *a, const struct http_head *h,
		      uint64_t *hash)
{
	switch (a->key) {
	case AFFINITY_HEADER:
		return hash_header(a, h, hash);
	case AFFINITY_COOKIE:
		return hash_cookie(s, a, h, hash);
	case AFFINITY_QUERY:
		return hash_query(a, h, hash);
	case AFFINITY_SOURCE_IP:
		break;
	}
	*hash = affinity_source_hash(&s->client.ip);
	return true;
}

uint32_t affinity_pick(struct stream *s, const struct http_head *h)
{
	if (!s->hash_known) {
		s->has_hash =
			make_hash(s, s->cluster->affinity, h ? h : stream_reparse(s), &s->hash);
		s->hash_known = true;
	}
	return lb_pick_hashed(s->px->lb, s->cluster, s->has_hash ? s->hash : lb_random(s->px->lb));
}

void affinity_on_response(struct stream *s)
{
	const struct affinity *a = s->cluster->affinity;
	uint32_t n = a->name_len + 2 + HASH_DIGITS + a->set_cookie_len;
	char *p = scratch_take(&s->px->scratch, n);

	if (!p)
		return;
	memcpy(p, a->name, a->name_len);
	memcpy(p + a->name_len, "=\"", 2);
	write_value(s->cookie, p + a->name_len + 2);
	memcpy(p + a->name_len + 2 + HASH_DIGITS, a->set_cookie, a->set_cookie_len);
	http_extra_add(&s->px->extra, SLICE("set-cookie"), slice_of(p, n));
}
