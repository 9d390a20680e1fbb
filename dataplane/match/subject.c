/* subject.c - owns the values of headers and query parameters during one lookup: repeated lines
 * joined by ",", of repeated parameters the first. */
#include <match/state.h>

static bool is_field(const struct http_field *f, const struct header_name *h)
{
	if (h->known_id)
		return f->id == h->known_id;
	return slice_eq_nocase(f->name, slice_of(h->name, h->len));
}

/* Appends bytes to the joined value at the end of the buffer. */
static bool join(struct match *m, struct subject *s, struct slice more)
{
	if (more.n > JOIN_BYTES - m->join_used)
		return false;
	memcpy(m->join + m->join_used, more.p, more.n);
	m->join_used += more.n;
	s->value.n += more.n;
	return true;
}

/* The second line of a name moves the first one into the buffer. */
static bool add_line(struct match *m, struct subject *s, struct slice value)
{
	struct slice first = s->value;

	if (!s->present) {
		s->present = true;
		s->value = value.n ? value : SLICE("");
		return true;
	}
	if (first.p < m->join || first.p >= m->join + JOIN_BYTES) {
		s->value = slice_of(m->join + m->join_used, 0);
		if (!join(m, s, first))
			return false;
	}
	return join(m, s, SLICE(",")) && join(m, s, value);
}

/* Names that are no fields of the message: ":path" with its query, and Host, which an
 * absolute-form target overrides (RFC 9112 3.2.2). */
static bool fetch_pseudo(const struct match *m, struct subject *s, struct slice name)
{
	if (slice_eq(name, SLICE("host"))) {
		s->value = m->req->authority;
		s->present = s->value.n > 0;
	} else if (slice_eq(name, SLICE(":path"))) {
		s->value = m->req->path;
		s->present = true;
	} else {
		return name.n > 0 && name.p[0] == ':';
	}
	return true;
}

static void fetch_header(struct match *m, struct subject *s, const struct header_name *h)
{
	s->fetched = m->lookup;
	s->value = SLICE("");
	s->present = s->broken = false;
	if (fetch_pseudo(m, s, slice_of(h->name, h->len)))
		return;
	for (unsigned i = 0; i < m->req->n_fields; i++) {
		const struct http_field *f = &m->req->fields[i];

		if (is_field(f, h) && !add_line(m, s, f->value)) {
			s->broken = m->failed = true;
			return;
		}
	}
}

/* The subject of a parameter's name; NULL when no route looks at it. */
static struct subject *find_query(struct match *m, struct slice name)
{
	const struct vhost *vh = m->vh;
	uint32_t at = match_hash(name.p, name.n) & vh->query_mask;

	for (; vh->query_slots[at]; at = (at + 1) & vh->query_mask) {
		const struct query_name *q = &vh->queries[vh->query_slots[at] - 1];

		if (slice_eq(name, slice_of(q->name, q->len)))
			return &m->queries[vh->query_slots[at] - 1];
	}
	return NULL;
}

static void add_query(struct match *m, struct slice part)
{
	const char *eq = memchr(part.p, '=', part.n);
	uint32_t n = eq ? (uint32_t)(eq - part.p) : part.n;
	struct subject *s = find_query(m, slice_of(part.p, n));

	if (!s || s->fetched == m->lookup)
		return;
	s->fetched = m->lookup;
	s->value = eq ? slice_of(eq + 1, part.n - n - 1) : SLICE("");
	s->present = true;
	s->broken = false;
}

/* All parameters at once. They are what the client sent: escapes are not resolved (2.3). */
static void read_query(struct match *m)
{
	struct slice path = m->req->path;
	const char *p = path.p + m->req->path_len, *end = path.p + path.n, *amp;

	m->query_read = m->lookup;
	if (m->req->path_len >= path.n || *p != '?')
		return;
	for (p++; p < end; p = amp + 1) {
		amp = memchr(p, '&', (size_t)(end - p));
		if (!amp)
			amp = end;
		if (amp > p)
			add_query(m, slice_of(p, (uint32_t)(amp - p)));
	}
}

static struct subject *get_query(struct match *m, uint16_t i)
{
	struct subject *s = &m->queries[i];

	if (m->query_read != m->lookup)
		read_query(m);
	if (s->fetched != m->lookup) {
		s->fetched = m->lookup;
		s->value = SLICE("");
		s->present = s->broken = false;
	}
	return s;
}

struct subject *subject_get(struct match *m, uint8_t field, uint16_t header)
{
	struct subject *s = &m->fields[field];

	if (field == MATCH_QUERY)
		return get_query(m, header);
	if (field != MATCH_HEADER)
		return s;
	s = &m->headers[header];
	if (s->fetched != m->lookup)
		fetch_header(m, s, &m->vh->headers[header]);
	return s;
}
