/* redirect.c - owns the parts of a Location: scheme, host, port, path, query. */
#include <filter/redirect.h>

#include <stdio.h>

#define PORT_ROOM 8 /* ":65535" */

/* ":8080" of "x.test:8080" or "[::1]:8080"; empty when there is none. */
static struct slice port_of(struct slice host)
{
	uint32_t i = host.n;

	while (i > 0 && host.p[i - 1] >= '0' && host.p[i - 1] <= '9')
		i--;
	if (i == 0 || i == host.n || host.p[i - 1] != ':')
		return slice_of(host.p + host.n, 0);
	return slice_of(host.p + i - 1, host.n - i + 1);
}

static bool is_default_port(struct slice scheme, struct slice port)
{
	return slice_eq(port, slice_eq(scheme, SLICE("https")) ? SLICE(":443") : SLICE(":80"));
}

/* The request's host, without its port where that is said anew or was only its scheme's. */
static struct slice kept_host(struct slice host, struct slice scheme, struct slice new_scheme,
			      bool new_port)
{
	struct slice port = port_of(host);
	bool dropped = !slice_eq(scheme, new_scheme) && is_default_port(scheme, port);

	return new_port || dropped ? slice_of(host.p, host.n - port.n) : host;
}

static struct slice query_of(const struct http_head *h)
{
	uint32_t end = h->path_len;

	while (end < h->path.n && h->path.p[end] != '#')
		end++;
	return slice_of(h->path.p + h->path_len, end - h->path_len);
}

static struct slice join(struct scratch *scratch, const struct slice *parts, unsigned n)
{
	uint32_t len = 0;
	char *p, *q;

	for (unsigned i = 0; i < n; i++)
		len += parts[i].n;
	p = q = scratch_take(scratch, len);
	if (!p)
		return SLICE("");
	for (unsigned i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(q, parts[i].p, parts[i].n);
		q += parts[i].n;
	}
	return slice_of(p, len);
}

struct slice redirect_location(const struct filter_view *v, struct regex_state *re,
			       const struct redirect *r, struct slice scheme)
{
	struct slice new_scheme = r->scheme.n ? slice_of(r->scheme.p, r->scheme.n) : scheme;
	struct slice path = slice_of(v->req->path.p, v->req->path_len);
	struct slice query = r->has_query ? SLICE("") : query_of(v->req);
	struct slice host =
		r->authority.n ? slice_of(r->authority.p, r->authority.n)
			       : kept_host(v->req->authority, scheme, new_scheme, r->port != 0);
	char port[PORT_ROOM];
	int n = r->port ? snprintf(port, sizeof(port), ":%u", r->port) : 0;

	path = path_change(re, v->scratch, &r->path, path);
	if (!path.p)
		return SLICE("");
	return join(v->scratch,
		    (struct slice[]){new_scheme, SLICE("://"), host, slice_of(port, (uint32_t)n),
				     path, query},
		    6);
}
