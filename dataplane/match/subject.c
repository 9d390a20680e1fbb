/* subject.c - owns the values of headers during one lookup: repeated lines joined by ",". */
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

void subject_fetch_header(struct match *m, struct subject *s, const struct header_name *h)
{
	s->fetched = m->lookup;
	s->value = SLICE("");
	s->present = s->broken = false;
	if (fetch_pseudo(m, s, slice_of(h->name, h->len)))
		return;
	for (unsigned i = 0; i < m->req->n_fields; i++) {
		const struct http_field *f = &m->req->fields[i];

		if (is_field(f, h) && !add_line(m, s, f->value)) {
			s->broken = true;
			return;
		}
	}
}
