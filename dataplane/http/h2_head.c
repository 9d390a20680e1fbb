/* h2_head.c - what HTTP/2 says otherwise than HTTP/1.1: pseudo fields, and the end of a message. */
#include <http/h2_head.h>

#include <http/fields.h>

/* ---- requests ---- */

static void add(struct h2_fields *f, struct slice name, struct slice value)
{
	f->nv[f->n++] = (nghttp2_nv){
		.name = (uint8_t *)name.p,
		.namelen = name.n,
		.value = (uint8_t *)value.p,
		.valuelen = value.n,
	};
}

static void add_length(struct h2_fields *f, uint64_t length)
{
	char *end = f->length + sizeof(f->length), *p = end;

	do {
		*--p = (char)('0' + length % 10);
	} while (length /= 10);
	add(f, SLICE("content-length"), slice_of(p, (uint32_t)(end - p)));
}

void h2_write_request(struct h2_fields *f, const struct http_head *h,
		      const struct http_extra *extra)
{
	f->n = 0;
	add(f, SLICE(":method"), h->method);
	add(f, SLICE(":scheme"), SLICE("http"));
	add(f, SLICE(":authority"), h->authority);
	add(f, SLICE(":path"), h->path);
	for (unsigned i = 0; i < h->n_fields; i++)
		if (!h->fields[i].hop && h->fields[i].id != HTTP_FIELD_HOST)
			add(f, h->fields[i].name, h->fields[i].value);
	for (unsigned i = 0; i < extra->n; i++)
		add(f, extra->fields[i].name, extra->fields[i].value);
	/* RFC 9113 8.2.2: the one value that may be said. */
	if (h->te_trailers)
		add(f, SLICE("te"), SLICE("trailers"));
	if (h->framing == HTTP_BODY_LENGTH)
		add_length(f, h->length);
}

/* ---- responses ---- */

static struct slice text_of(nghttp2_rcbuf *b)
{
	nghttp2_vec v = nghttp2_rcbuf_get_buf(b);

	return slice_of((const char *)v.base, (uint32_t)v.len);
}

static bool is_pseudo(struct slice name)
{
	return name.n && name.p[0] == ':';
}

bool h2_is_response(const struct h2_block *b)
{
	return b->n && slice_eq(text_of(b->fields[0].name), SLICE(":status"));
}

/* Digits, as nghttp2 has made sure. */
static uint64_t number(struct slice s)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < s.n; i++)
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	return v;
}

static void take_field(struct http_head *h, struct slice name, struct slice value)
{
	struct http_field *f = &h->fields[h->n_fields++];

	f->name = name;
	f->value = value;
	f->id = (uint16_t)http_field_lookup(name);
	f->hop = HTTP_FIELDS_HOP >> f->id & 1;
	h->seen |= 1u << f->id;
	if (f->id == HTTP_FIELD_CONTENT_LENGTH) {
		h->length = number(value);
		h->has_length = true;
	}
}

static bool take_fields(struct http_head *h, const struct h2_block *b, unsigned max)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct slice name = text_of(b->fields[i].name);
		struct slice value = text_of(b->fields[i].value);

		if (is_pseudo(name))
			h->status = (uint16_t)number(value);
		else if (h->n_fields == max)
			return false;
		else
			take_field(h, name, value);
	}
	return true;
}

static enum http_framing framing_of(struct http_head *h, enum http_method request_method, bool last)
{
	if (h->status < 200 || h->status == 204 || h->status == 304 || request_method == HTTP_HEAD)
		return HTTP_BODY_NONE;
	if (last && !h->has_length) {
		h->length = 0;
		h->has_length = true;
	}
	return h->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_CHUNKED;
}

bool h2_read_response(struct http_head *h, const struct h2_block *b, const struct h1_limits *limits,
		      enum http_method request_method, bool last)
{
	h->status = 0;
	h->reason = slice_of(NULL, 0);
	h->minor = 1;
	h->length = 0;
	h->has_length = false;
	h->keep_alive = true;
	h->expect_continue = h->upgrade = h->upgrade_websocket = h->te_trailers = false;
	h->n_fields = 0;
	h->seen = 0;
	if (!take_fields(h, b, RTE_MIN(limits->max_fields, (uint16_t)HTTP_FIELDS_MAX)))
		return false;
	h->framing = (uint8_t)framing_of(h, request_method, last);
	return h->status >= 100;
}
