/* value.c - owns the meaning of every variable. */
#include <filter/value.h>

#include <stdio.h>
#include <time.h>

#define VALUE_ROOM 64 /* of an address, a number or a time */

static struct slice of_text(struct action_text t)
{
	return slice_of(t.p, t.n);
}

/* The values of all lines of a name, joined by ",". Pseudo headers are the request's own parts. */
static struct slice field(const struct filter_view *v, const struct http_head *h, struct slice name)
{
	struct slice found = SLICE("");
	bool any = false;

	if (h == v->req && name.n > 0 && name.p[0] == ':') {
		if (slice_eq(name, SLICE(":path")))
			return h->path;
		if (slice_eq(name, SLICE(":method")))
			return h->method;
		return slice_eq(name, SLICE(":authority")) ? h->authority : found;
	}
	if (h == v->req && slice_eq(name, SLICE("host")))
		return h->authority;
	if (h == v->req && slice_eq(name, SLICE("x-request-id")))
		return v->request_id;
	for (unsigned i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];
		char *p;

		if (!slice_eq_nocase(f->name, name))
			continue;
		if (!any) {
			found = f->value;
			any = true;
			continue;
		}
		p = scratch_take(v->scratch, found.n + 1 + f->value.n);
		if (!p)
			return SLICE("");
		memcpy(p, found.p, found.n);
		p[found.n] = ',';
		memcpy(p + found.n + 1, f->value.p, f->value.n);
		found = slice_of(p, found.n + 1 + f->value.n);
	}
	return found;
}

static struct slice field_or_other(const struct filter_view *v, const struct http_head *h,
				   const struct value_part *part)
{
	struct slice s = SLICE("");

	if (!h)
		return s;
	s = field(v, h, of_text(part->text));
	return s.n || !part->other.n ? s : field(v, h, of_text(part->other));
}

/* "2026-11-23T02:19:37.123Z", Envoy's default for %START_TIME%. */
static int format_time(char *to, size_t room, uint64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	gmtime_r(&s, &tm);
	return snprintf(to, room, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			(unsigned)(us / 1000 % 1000));
}

static const struct net_addr *addr_of(const struct filter_view *v, enum value_source source)
{
	switch (source) {
	case VALUE_LOCAL:
	case VALUE_LOCAL_IP:
	case VALUE_LOCAL_PORT:
		return v->local;
	case VALUE_UPSTREAM:
	case VALUE_UPSTREAM_IP:
	case VALUE_UPSTREAM_PORT:
		return v->upstream;
	case VALUE_PEER:
	case VALUE_PEER_IP:
		return v->direct;
	default:
		return v->client;
	}
}

static struct slice made(const struct filter_view *v, enum value_source source)
{
	const struct net_addr *a = addr_of(v, source);
	char *p = scratch_take(v->scratch, VALUE_ROOM);
	int n = 0;

	if (!p)
		return SLICE("");
	switch (source) {
	case VALUE_CLIENT:
	case VALUE_PEER:
	case VALUE_LOCAL:
	case VALUE_UPSTREAM:
		return a->port ? slice_str(net_addr_format(a, p)) : SLICE("");
	case VALUE_CLIENT_IP:
	case VALUE_PEER_IP:
	case VALUE_LOCAL_IP:
	case VALUE_UPSTREAM_IP:
		return a->port ? slice_str(ip_addr_format(&a->ip, p)) : SLICE("");
	case VALUE_CLIENT_PORT:
	case VALUE_LOCAL_PORT:
	case VALUE_UPSTREAM_PORT:
		n = a->port ? snprintf(p, VALUE_ROOM, "%u", a->port) : 0;
		break;
	case VALUE_PROTOCOL:
		n = snprintf(p, VALUE_ROOM, "HTTP/1.%u", v->minor);
		break;
	case VALUE_RESPONSE_CODE:
		n = snprintf(p, VALUE_ROOM, "%u", v->status);
		break;
	case VALUE_START_TIME:
		n = format_time(p, VALUE_ROOM, v->start_us);
		break;
	default:
		break;
	}
	return slice_of(p, (uint32_t)n);
}

static struct slice part_of(const struct filter_view *v, const struct value_part *part)
{
	switch ((enum value_source)part->source) {
	case VALUE_LITERAL:
		return of_text(part->text);
	case VALUE_REQUEST_FIELD:
		return field_or_other(v, v->req, part);
	case VALUE_RESPONSE_FIELD:
		return field_or_other(v, v->resp, part);
	case VALUE_UPSTREAM_CLUSTER:
		return slice_str(v->cluster ? v->cluster : "");
	case VALUE_ROUTE_NAME:
		return slice_str(v->route ? v->route : "");
	default:
		return made(v, part->source);
	}
}

static struct slice cut(struct slice s, uint32_t max)
{
	return s.n > max ? slice_of(s.p, max) : s;
}

struct slice value_make(const struct filter_view *v, const struct header_value *value)
{
	struct slice whole = SLICE("");

	for (uint32_t i = 0; i < value->n; i++) {
		struct slice s = cut(part_of(v, &value->parts[i]), value->parts[i].max);
		char *p;

		if (whole.n == 0) {
			whole = s;
			continue;
		}
		p = s.n ? scratch_take(v->scratch, whole.n + s.n) : NULL;
		if (!p)
			continue;
		memcpy(p, whole.p, whole.n);
		memcpy(p + whole.n, s.p, s.n);
		whole = slice_of(p, whole.n + s.n);
	}
	return whole;
}
