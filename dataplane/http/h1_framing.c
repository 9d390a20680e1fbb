/* h1_framing.c - where a message ends, whom it is for, and what becomes of its connection.
 *
 * Two parsers that disagree about a message's end are request smuggling, so whatever another
 * parser could read differently is refused instead of repaired. */
#include <http/h1_framing.h>

#include <http/authority.h>
#include <http/chars.h>
#include <http/h1.h>

/* Tokens in Connection that may name fields: each is compared with every field. */
#define NOMINATED_MAX 32

/* The largest length any peer can be expected to count to. */
#define LENGTH_MAX ((uint64_t)INT64_MAX)

static bool has(const struct h1_index *ix, enum http_field_id id)
{
	return ix->seen & (1u << id);
}

static bool once(const struct h1_index *ix, enum http_field_id id)
{
	return has(ix, id) && !(ix->repeated & (1u << id));
}

static struct slice first_value(const struct http_head *h, const struct h1_index *ix,
				enum http_field_id id)
{
	return h->fields[ix->first[id]].value;
}

/* Walks the elements of all lines of a list field (RFC 9110 5.6.1), empty ones included. */
struct list {
	const struct http_head *h;
	enum http_field_id id;
	unsigned next; /* field to look at when rest is used up */
	unsigned end;
	struct slice rest;
};

/* The field must be there. */
static struct list list_open(const struct http_head *h, const struct h1_index *ix,
			     enum http_field_id id)
{
	return (struct list){
		.h = h,
		.id = id,
		.next = ix->first[id],
		.end = once(ix, id) ? ix->first[id] + 1u : h->n_fields,
	};
}

static struct slice trim(const char *p, const char *end)
{
	while (p < end && http_is_blank(*p))
		p++;
	while (p < end && http_is_blank(end[-1]))
		end--;
	return slice_of(p, (uint32_t)(end - p));
}

static bool list_next(struct list *l, struct slice *element)
{
	const char *end, *comma;

	while (!l->rest.p) {
		if (l->next >= l->end)
			return false;
		if (l->h->fields[l->next].id == l->id)
			l->rest = l->h->fields[l->next].value;
		l->next++;
	}
	end = l->rest.p + l->rest.n;
	comma = memchr(l->rest.p, ',', l->rest.n);
	*element = trim(l->rest.p, comma ? comma : end);
	l->rest = comma ? slice_of(comma + 1, (uint32_t)(end - comma - 1)) : slice_of(NULL, 0);
	return true;
}

/* What the Connection field lists. */
struct options {
	bool close, keep_alive, upgrade;
};

static void nominate(struct http_head *h, struct slice name)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_field *f = &h->fields[i];

		if (f->name.n == name.n && slice_eq_nocase(f->name, name) &&
		    !http_field_end_to_end(f))
			f->hop = true;
	}
}

/* Elements that are not tokens name nothing: the field goes no further than here. */
static int read_connection(struct http_head *h, const struct h1_index *ix, struct options *o)
{
	struct list l = list_open(h, ix, HTTP_FIELD_CONNECTION);
	unsigned nominated = 0;
	struct slice e;

	while (list_next(&l, &e)) {
		if (slice_eq_nocase(e, SLICE("close")))
			o->close = true;
		else if (slice_eq_nocase(e, SLICE("keep-alive")))
			o->keep_alive = true;
		else if (slice_eq_nocase(e, SLICE("upgrade")))
			o->upgrade = true;
		else if (!e.n)
			continue;
		else if (++nominated > NOMINATED_MAX)
			return H1_TOO_MANY_FIELDS;
		else
			nominate(h, e);
	}
	return 0;
}

/* RFC 9112 9.3. */
static bool persists(const struct http_head *h, const struct options *o)
{
	if (o->close)
		return false;
	return h->minor == 1 || o->keep_alive;
}

/* 1*DIGIT up to LENGTH_MAX. */
static bool read_length(struct slice s, uint64_t *length)
{
	uint64_t v = 0;

	if (!http_all(s, CHAR_DIGIT))
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(s.p[i] - '0');

		if (v > (LENGTH_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*length = v;
	return true;
}

/* RFC 9112 6.3 rule 5: a list or repetition of one valid value counts as that value. */
static int read_content_length(struct http_head *h, const struct h1_index *ix)
{
	struct list l = list_open(h, ix, HTTP_FIELD_CONTENT_LENGTH);
	struct slice e;
	uint64_t v;

	while (list_next(&l, &e)) {
		if (!read_length(e, &v))
			return H1_BAD_FRAMING;
		if (h->has_length && v != h->length)
			return H1_BAD_FRAMING;
		h->has_length = true;
		h->length = v;
	}
	return 0;
}

/* "chunked", once and last. A parameter, a quote or an empty element is not a coding we lack but
 * one that somebody may read differently; without chunked at the end nobody knows where the
 * body ends (RFC 9112 6.3 rule 4). */
static int read_transfer_encoding(const struct http_head *h, const struct h1_index *ix)
{
	struct list l = list_open(h, ix, HTTP_FIELD_TRANSFER_ENCODING);
	unsigned chunked = 0;
	bool unknown = false, last = false;
	struct slice e;

	if (h->minor == 0)
		return H1_BAD_FRAMING; /* RFC 9112 6.1: an HTTP/1.0 peer does not know chunked */
	while (list_next(&l, &e)) {
		if (!http_all(e, CHAR_TOKEN))
			return H1_BAD_FRAMING;
		last = slice_eq_nocase(e, SLICE("chunked"));
		if (last)
			chunked++;
		else
			unknown = true;
	}
	if (!last || chunked > 1)
		return H1_BAD_FRAMING;
	return unknown ? H1_UNKNOWN_CODING : 0;
}

static int frame_request_body(struct http_head *h, const struct h1_index *ix)
{
	int rc = has(ix, HTTP_FIELD_CONTENT_LENGTH) ? read_content_length(h, ix) : 0;

	if (rc < 0)
		return rc;
	if (!has(ix, HTTP_FIELD_TRANSFER_ENCODING)) {
		h->framing = h->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
		return 0;
	}
	if (has(ix, HTTP_FIELD_CONTENT_LENGTH))
		return H1_BAD_FRAMING;
	h->framing = HTTP_BODY_CHUNKED;
	return read_transfer_encoding(h, ix);
}

/* RFC 9112 3.2. An absolute-form target's authority wins over Host, which must be valid all
 * the same: another hop may look at it. */
static int read_host(struct http_head *h, const struct h1_index *ix)
{
	struct slice host;

	if (!has(ix, HTTP_FIELD_HOST))
		return h->minor == 0 ? 0 : H1_BAD_HOST;
	host = first_value(h, ix, HTTP_FIELD_HOST);
	if (!once(ix, HTTP_FIELD_HOST) || !http_authority_valid(host))
		return H1_BAD_HOST;
	if (!h->authority.n)
		h->authority = host;
	return 0;
}

/* RFC 9110 7.8: HTTP/1.0 cannot upgrade, and the field counts only when Connection names it. */
static void read_upgrade(struct http_head *h, const struct h1_index *ix, const struct options *o,
			 bool websocket_allowed)
{
	h->upgrade = o->upgrade && h->minor == 1 && has(ix, HTTP_FIELD_UPGRADE);
	h->upgrade_websocket =
		h->upgrade && websocket_allowed && once(ix, HTTP_FIELD_UPGRADE) &&
		slice_eq_nocase(first_value(h, ix, HTTP_FIELD_UPGRADE), SLICE("websocket"));
}

/* RFC 9110 10.1.1: means something only in HTTP/1.1 and when content follows. */
static bool expects_continue(const struct http_head *h, const struct h1_index *ix)
{
	if (!once(ix, HTTP_FIELD_EXPECT) || h->minor == 0)
		return false;
	if (h->framing != HTTP_BODY_CHUNKED && h->length == 0)
		return false;
	return slice_eq_nocase(first_value(h, ix, HTTP_FIELD_EXPECT), SLICE("100-continue"));
}

static bool accepts_trailers(const struct http_head *h, const struct h1_index *ix)
{
	struct list l = list_open(h, ix, HTTP_FIELD_TE);
	struct slice e;

	while (list_next(&l, &e))
		if (slice_eq_nocase(e, SLICE("trailers")))
			return true;
	return false;
}

int h1_frame_request(struct http_head *h, const struct h1_index *ix)
{
	struct options o = {0};
	int rc;

	rc = read_host(h, ix);
	if (rc < 0)
		return rc;
	rc = frame_request_body(h, ix);
	if (rc < 0)
		return rc;
	rc = has(ix, HTTP_FIELD_CONNECTION) ? read_connection(h, ix, &o) : 0;
	if (rc < 0)
		return rc;
	h->keep_alive = persists(h, &o);
	read_upgrade(h, ix, &o, h->method_id == HTTP_GET && h->framing == HTTP_BODY_NONE);
	h->expect_continue = expects_continue(h, ix);
	h->te_trailers = has(ix, HTTP_FIELD_TE) && accepts_trailers(h, ix);
	return 0;
}

/* RFC 9112 6.3 rules 1 and 2. */
static bool bodiless(const struct http_head *h, enum http_method request)
{
	return request == HTTP_HEAD || h->status < 200 || h->status == 204 || h->status == 304 ||
	       (request == HTTP_CONNECT && h->status < 300);
}

/* Content-Length describes what a GET would have got only for HEAD and 304; elsewhere it must
 * not be there (RFC 9110 8.6), and a peer that means it is about to send what we will not read
 * as a body. */
static void frame_bodiless(struct http_head *h, const struct h1_index *ix, enum http_method request)
{
	bool described = h->status == 304 || (request == HTTP_HEAD && h->status >= 200);

	h->framing = HTTP_BODY_NONE;
	if (described && h->status != 204) {
		h->has_length = h->has_length && !has(ix, HTTP_FIELD_TRANSFER_ENCODING);
		return;
	}
	if (h->length || has(ix, HTTP_FIELD_TRANSFER_ENCODING) || request == HTTP_CONNECT)
		h->keep_alive = false;
	h->has_length = false;
}

static int frame_response_body(struct http_head *h, const struct h1_index *ix,
			       enum http_method request)
{
	int rc = has(ix, HTTP_FIELD_CONTENT_LENGTH) ? read_content_length(h, ix) : 0;

	if (rc < 0)
		return rc;
	if (bodiless(h, request)) {
		frame_bodiless(h, ix, request);
	} else if (has(ix, HTTP_FIELD_TRANSFER_ENCODING)) {
		/* Rule 3: the coding wins; who sends both may be an attacker behind the peer. */
		if (h->has_length)
			h->keep_alive = false;
		h->has_length = false;
		h->framing = HTTP_BODY_CHUNKED;
		rc = read_transfer_encoding(h, ix);
	} else if (h->has_length) {
		h->framing = HTTP_BODY_LENGTH;
	} else {
		h->framing = HTTP_BODY_CLOSE;
		h->keep_alive = false;
	}
	if (!h->has_length)
		h->length = 0;
	return rc;
}

int h1_frame_response(struct http_head *h, const struct h1_index *ix, enum http_method request)
{
	struct options o = {0};
	int rc = has(ix, HTTP_FIELD_CONNECTION) ? read_connection(h, ix, &o) : 0;

	if (rc < 0)
		return rc;
	h->keep_alive = persists(h, &o);
	rc = frame_response_body(h, ix, request);
	if (rc < 0)
		return rc;
	read_upgrade(h, ix, &o, h->status == 101);
	return 0;
}
