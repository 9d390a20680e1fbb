/* fields.c - the table of well-known names, indexed by their length. */
#include <http/fields.h>

#include <assert.h>

static_assert(HTTP_FIELD_COUNT <= 32, "ids are bits of HTTP_FIELDS_HOP");

static const struct slice names[HTTP_FIELD_COUNT] = {
#define X(id, name) [HTTP_FIELD_##id] = {name, sizeof(name) - 1},
	HTTP_FIELDS(X)
#undef X
};

#define NAME_MAX    38
#define SAME_LENGTH 3

/* Candidates by length, most frequent first; a test looks every name up. */
static const uint8_t by_length[NAME_MAX + 1][SAME_LENGTH] = {
	[2] = {HTTP_FIELD_TE},
	[4] = {HTTP_FIELD_HOST, HTTP_FIELD_DATE},
	[6] = {HTTP_FIELD_COOKIE, HTTP_FIELD_SERVER, HTTP_FIELD_EXPECT},
	[7] = {HTTP_FIELD_UPGRADE, HTTP_FIELD_TRAILER},
	[8] = {HTTP_FIELD_LOCATION},
	[10] = {HTTP_FIELD_USER_AGENT, HTTP_FIELD_CONNECTION, HTTP_FIELD_KEEP_ALIVE},
	[12] = {HTTP_FIELD_CONTENT_TYPE, HTTP_FIELD_X_REQUEST_ID, HTTP_FIELD_GRPC_TIMEOUT},
	[14] = {HTTP_FIELD_CONTENT_LENGTH, HTTP_FIELD_HTTP2_SETTINGS},
	[15] = {HTTP_FIELD_X_FORWARDED_FOR},
	[16] = {HTTP_FIELD_PROXY_CONNECTION},
	[17] = {HTTP_FIELD_TRANSFER_ENCODING, HTTP_FIELD_X_FORWARDED_PROTO},
	[18] = {HTTP_FIELD_PROXY_AUTHENTICATE},
	[19] = {HTTP_FIELD_PROXY_AUTHORIZATION, HTTP_FIELD_X_ENVOY_MAX_RETRIES},
	[23] = {HTTP_FIELD_X_FORWARDED_CLIENT_CERT},
	[30] = {HTTP_FIELD_X_ENVOY_TIMEOUT},
	[35] = {HTTP_FIELD_X_ENVOY_HEALTH_FAIL},
	[38] = {HTTP_FIELD_X_ENVOY_PER_TRY_TIMEOUT},
};

static uint64_t load8(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v | 0x2020202020202020ull;
}

static uint32_t load4(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v | 0x20202020u;
}

/* Token a against lower-case b, both n bytes. Setting bit 5 is exact: of two characters that
 * differ only in it, one is a control unless they are letters, and b has no "^_`|~". */
static bool same(const char *a, const char *b, uint32_t n)
{
	if (n < 4) {
		for (uint32_t i = 0; i < n; i++)
			if ((a[i] | 0x20) != b[i])
				return false;
		return true;
	}
	if (n < 8)
		return load4(a) == load4(b) && load4(a + n - 4) == load4(b + n - 4);
	for (uint32_t i = 0; i < n - 8; i += 8)
		if (load8(a + i) != load8(b + i))
			return false;
	return load8(a + n - 8) == load8(b + n - 8);
}

enum http_field_id http_field_lookup(struct slice name)
{
	if (name.n > NAME_MAX)
		return HTTP_FIELD_OTHER;
	for (unsigned i = 0; i < SAME_LENGTH; i++) {
		unsigned id = by_length[name.n][i];

		if (id == HTTP_FIELD_OTHER || same(name.p, names[id].p, name.n))
			return id;
	}
	return HTTP_FIELD_OTHER;
}

struct slice http_field_name(enum http_field_id id)
{
	return names[id];
}

static bool has_prefix(struct slice s, struct slice prefix)
{
	return s.n > prefix.n && slice_eq_nocase(slice_of(s.p, prefix.n), prefix);
}

bool http_field_end_to_end(const struct http_field *f)
{
	switch (f->id) {
	case HTTP_FIELD_HOST:
	case HTTP_FIELD_COOKIE:
	case HTTP_FIELD_X_REQUEST_ID:
		return true;
	default:
		return slice_eq_nocase(f->name, SLICE("authorization")) ||
		       has_prefix(f->name, SLICE("x-forwarded-")) ||
		       has_prefix(f->name, SLICE("x-envoy-"));
	}
}
