/* exchange.h - one request and its response, with no codec in sight.
 *
 * A codec (HTTP/1.1 today, HTTP/2 later) implements an exchange_end on the client's side
 * and another on the upstream's. Routing, retry, fault, mirror and telemetry hold the two
 * ends and know nothing else: heads travel as struct http_head, bodies as queues of mbufs,
 * flow control as writable/resume. */
#pragma once
#include <base/mbq.h>
#include <http/message.h>

/* The gateway's own, and what a route and a destination may add. */
#define HTTP_EXTRA_MAX 160

/* Fields added to a forwarded head, after its own. */
struct http_extra {
	unsigned n;
	struct http_field fields[HTTP_EXTRA_MAX];
};

static inline void http_extra_add(struct http_extra *x, struct slice name, struct slice value)
{
	if (x->n < HTTP_EXTRA_MAX)
		x->fields[x->n++] = (struct http_field){.name = name, .value = value};
}

struct exchange_end;

/* The sends return false when memory is short: the message is broken then, and the caller
 * resets the exchange. No call here calls back before it returns, except resume(). */
struct exchange_ops {
	/* Sends a head: h's fields that are not hop by hop, then extra. Framing fields are the
	 * codec's own work, from h->framing. An interim response (1xx) may come before. */
	bool (*send_head)(struct exchange_end *e, const struct http_head *h,
			  const struct http_extra *extra);
	/* Takes body data; nothing follows a send_end(). */
	bool (*send_data)(struct exchange_end *e, struct mbq *data);
	bool (*send_end)(struct exchange_end *e);
	/* Is there room? When not, the codec reports writable later, once. */
	bool (*can_send)(struct exchange_end *e);
	/* More of the message that arrives here may be delivered. */
	void (*resume)(struct exchange_end *e);
	/* The exchange ends here and now, whatever was sent: the peer must not take it for
	 * complete. The end is gone afterwards. */
	void (*reset)(struct exchange_end *e);
};

struct exchange_end {
	const struct exchange_ops *ops;
};
