/* explain_host.h - from a request to its listener and virtual host, and how they were found. */
#pragma once
#include <weir/snapshot.h>

#include "explain_request.h"
#include "state.h"

enum host_found {
	HOST_NONE,
	HOST_EXACT,    /* the host's own name */
	HOST_SUFFIX,   /* "*.example.com": the longest that fits */
	HOST_ANY,      /* "*" */
	HOST_FALLBACK, /* the address's own service */
};

struct explain_host {
	const struct vhost *vhost; /* NULL: 404 */
	enum host_found found;
	struct span entry; /* EXACT, SUFFIX: the table's; a suffix begins with its dot */
};

/* What a listener does with an authority. */
struct explain_host explain_find_host(const struct listener *l, struct span authority);

/* Says which of the listener's domains looks most like the host; nothing when none does. */
void explain_say_nearest(const struct listener *l, struct span authority, struct text *out);

/* The listener that takes the connection; NULL: nobody does, and `why` says so. Where the URL has
 * a name instead of an address: a gateway on the port that knows the host, else the service of
 * this name, else a gateway on the port. */
const struct listener *explain_find_listener(const struct admin_state *s,
					     const struct snapshot *snap,
					     const struct explain_request *r, struct text *why);
