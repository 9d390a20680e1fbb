/* transform.c - request and response fields that the gateway takes away or adds. */
#include <proxy/transform.h>

#include <tmmintrin.h>

#include <proxy/actions.h>
#include <proxy/affinity.h>
#include <proxy/mirror.h>

/* ---- who is asking ---- */

static bool is_private(const struct ip_addr *a)
{
	if (ip_addr_is_v4(a)) {
		uint32_t ip = ntohl(ip_addr_to_v4(a));

		return ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8;
	}
	/* RFC 4193 unique local addresses, and loopback. */
	return (a->b[0] & 0xfe) == 0xfc || (a->q[0] == 0 && a->q[1] == htobe64(1));
}

bool transform_is_external(const struct ip_addr *peer, const struct http_head *h)
{
	return !is_private(peer) || http_has(h, HTTP_FIELD_X_FORWARDED_FOR);
}

/* ---- values ---- */

static struct slice uint_value(struct proxy *px, uint64_t v)
{
	char *p = scratch_take(&px->scratch, 20), *end;

	if (!p)
		return slice_of("0", 1);
	end = p + 20;
	p = end;
	do {
		*--p = (char)('0' + v % 10);
	} while (v /= 10);
	return slice_of(p, (uint32_t)(end - p));
}

static struct slice addr_value(struct proxy *px, const struct ip_addr *a)
{
	char *p = scratch_take(&px->scratch, IP_ADDR_STRLEN);

	if (!p)
		return slice_of("", 0);
	if (ip_addr_is_v4(a)) {
		/* The common case without the generality of inet_ntop. */
		char *q = p;

		for (unsigned i = 12; i < 16; i++) {
			unsigned v = a->b[i];

			if (v >= 100)
				*q++ = (char)('0' + v / 100);
			if (v >= 10)
				*q++ = (char)('0' + v / 10 % 10);
			*q++ = (char)('0' + v % 10);
			*q++ = '.';
		}
		return slice_of(p, (uint32_t)(q - p - 1));
	}
	return slice_str(ip_addr_format(a, p));
}

/* 16 bytes as 32 hexadecimal digits. */
static void format_hex(__m128i v, char *out)
{
	const __m128i digits = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a',
					     'b', 'c', 'd', 'e', 'f');
	__m128i low = _mm_and_si128(v, _mm_set1_epi8(15));
	__m128i high = _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(15));

	_mm_storeu_si128((__m128i *)out, _mm_shuffle_epi8(digits, _mm_unpacklo_epi8(high, low)));
	_mm_storeu_si128((__m128i *)(out + 16),
			 _mm_shuffle_epi8(digits, _mm_unpackhi_epi8(high, low)));
}

/* out: UUID_LEN characters. */
static void format_uuid(const uint64_t id[2], char *out)
{
	unsigned char b[16];
	char hex[32];

	memcpy(b, id, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40; /* RFC 9562: version 4 */
	b[8] = (b[8] & 0x3f) | 0x80;
	format_hex(_mm_loadu_si128((const __m128i *)b), hex);
	memcpy(out, hex, 8);
	memcpy(out + 9, hex + 8, 4);
	memcpy(out + 14, hex + 12, 4);
	memcpy(out + 19, hex + 16, 4);
	memcpy(out + 24, hex + 20, 12);
	out[8] = out[13] = out[18] = out[23] = '-';
}

struct slice transform_request_id(const struct stream *s, const struct http_head *h, char *buf)
{
	const struct http_field *f = http_find(h, HTTP_FIELD_X_REQUEST_ID);

	if (s->keep_request_id && f)
		return f->value;
	format_uuid(s->request_id, buf);
	return slice_of(buf, UUID_LEN);
}

struct slice transform_forwarded_for(struct stream *s, const struct http_head *h)
{
	struct slice peer = addr_value(s->px, &s->client.ip);
	uint32_t n = peer.n;
	char *p, *q;

	if (!http_has(h, HTTP_FIELD_X_FORWARDED_FOR))
		return peer;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_X_FORWARDED_FOR)
			n += h->fields[i].value.n + 1;
	p = scratch_take(&s->px->scratch, n);
	if (!p)
		return peer;
	q = p;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_X_FORWARDED_FOR) {
			memcpy(q, h->fields[i].value.p, h->fields[i].value.n);
			q += h->fields[i].value.n;
			*q++ = ',';
		}
	memcpy(q, peer.p, peer.n);
	return slice_of(p, n);
}

/* ---- heads ---- */

static bool is_envoy_field(struct slice name)
{
	return name.n > 8 && (name.p[0] | 0x20) == 'x' && name.p[1] == '-' &&
	       slice_eq_nocase(slice_of(name.p + 2, 6), SLICE("envoy-"));
}

static void drop_request_fields(const struct stream *s, struct http_head *h)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_field *f = &h->fields[i];

		switch (f->id) {
		case HTTP_FIELD_OTHER:
			if (is_envoy_field(f->name))
				f->hop = true;
			break;
		case HTTP_FIELD_X_ENVOY_HEALTH_FAIL:
		case HTTP_FIELD_X_ENVOY_MAX_RETRIES:
		case HTTP_FIELD_X_ENVOY_PER_TRY_TIMEOUT:
		case HTTP_FIELD_X_ENVOY_TIMEOUT:
		case HTTP_FIELD_X_FORWARDED_FOR:
		case HTTP_FIELD_X_FORWARDED_PROTO:
		case HTTP_FIELD_X_FORWARDED_CLIENT_CERT:
			f->hop = true;
			break;
		case HTTP_FIELD_X_REQUEST_ID:
			f->hop = !s->keep_request_id;
			break;
		default:
			break;
		}
	}
}

bool transform_request(struct stream *s, struct http_head *h)
{
	struct proxy *px = s->px;
	struct http_extra *x = &px->extra;
	char *id;

	scratch_reset(&px->scratch);
	x->n = 0;
	http_extra_add(x, SLICE("x-forwarded-for"), transform_forwarded_for(s, h));
	http_extra_add(x, SLICE("x-forwarded-proto"), SLICE("http"));
	if (s->external)
		http_extra_add(x, SLICE("x-envoy-external-address"), addr_value(px, &s->client.ip));
	else
		http_extra_add(x, SLICE("x-envoy-internal"), SLICE("true"));
	if (!s->keep_request_id && (id = scratch_take(&px->scratch, UUID_LEN)))
		http_extra_add(x, SLICE("x-request-id"), transform_request_id(s, h, id));
	http_extra_add(x, SLICE("x-envoy-attempt-count"), uint_value(px, s->tries));
	/* HTTP/1.0 may have no Host; upstream we speak 1.1, which must (RFC 9112 3.2). */
	if (h->authority.n == 0)
		h->authority = addr_value(px, &s->local.ip);
	drop_request_fields(s, h);
	return !s->route->actions || (actions_on_request(s, h) && (!s->copy || mirror_host(s, h)));
}

static bool has_date(const struct proxy *px, const struct http_head *h)
{
	const struct http_field *date = http_find(h, HTTP_FIELD_DATE);

	for (unsigned i = 0; i < px->extra.n; i++) /* a route's own */
		if (slice_eq(px->extra.fields[i].name, SLICE("date")))
			return true;
	return date && !date->hop;
}

void transform_common(struct proxy *px, const struct http_head *h)
{
	bool dated = has_date(px, h);

	http_extra_add(&px->extra, SLICE("server"), SLICE("istio-envoy"));
	if (!dated)
		http_extra_add(&px->extra, SLICE("date"), proxy_date(px));
}

void transform_response(struct stream *s, struct http_head *h)
{
	struct proxy *px = s->px;

	scratch_reset(&px->scratch);
	px->extra.n = 0;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_SERVER ||
		    (h->fields[i].id == HTTP_FIELD_OTHER &&
		     slice_eq_nocase(h->fields[i].name, SLICE("x-envoy-upstream-service-time"))))
			h->fields[i].hop = true;
	if (h->status >= 200)
		http_extra_add(&px->extra, SLICE("x-envoy-upstream-service-time"),
			       uint_value(px, (s->response_us - s->start_us) / 1000));
	if (s->cookie_made && h->status >= 200)
		affinity_on_response(s);
	if (s->route->actions)
		actions_on_response(s, h);
	transform_common(px, h);
}
