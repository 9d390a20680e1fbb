/* reply.h - answers the gateway makes itself, as Envoy words them (istio/reference 8.3). */
#pragma once
#include <proxy/proxy.h>

enum reply_kind {
	REPLY_NO_ROUTE,
	REPLY_NO_CLUSTER,
	REPLY_NO_HEALTHY_UPSTREAM,
	REPLY_CONNECT_FAILURE,
	REPLY_CONNECT_TIMEOUT,
	REPLY_UPSTREAM_RESET,
	REPLY_UPSTREAM_PROTOCOL,
	REPLY_TIMEOUT,
	REPLY_OVERLOADED,
	REPLY_IDLE_TIMEOUT,
	REPLY_KINDS
};

struct reply {
	uint16_t status;
	uint32_t flag; /* enum response_flag */
	const char *details;
	const char *body;
};

extern const struct reply replies[REPLY_KINDS];

/* Sends a whole response on e. retried: a try came before, which the body then says. False when
 * memory is short: it was not sent, or not to its end. */
bool reply_send(struct proxy *px, struct exchange_end *e, const struct reply *r, bool retried);
