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
	REPLY_UPSTREAM_CANCELLED,
	REPLY_UPSTREAM_REFUSED,
	REPLY_NO_UPGRADE,
	REPLY_UPSTREAM_PROTOCOL,
	REPLY_TIMEOUT,
	REPLY_TRY_TIMEOUT,
	REPLY_OVERLOADED,
	REPLY_IDLE_TIMEOUT,
	REPLY_FAULT,
	REPLY_RATE_LIMITED,
	REPLY_TOO_LONG,
	REPLY_KINDS
};

struct reply {
	uint16_t status;
	uint32_t flag; /* enum response_flag */
	const char *details;
	const char *body;
};

extern const struct reply replies[REPLY_KINDS];

/* The body of a reply; buf is for the longest. retried: a try came before, which it then says. */
#define REPLY_TEXT_MAX 256
struct slice reply_text(const struct reply *r, bool retried, char buf[REPLY_TEXT_MAX]);

/* The gRPC status that stands for an HTTP status (gRPC's http-grpc-status-mapping, as Envoy has
 * it). */
unsigned reply_grpc_status(uint16_t status);

/* Sends a whole response on e: px->extra's fields, those of every response, and text as its body.
 * False when memory is short: it was not sent, or not to its end. */
bool reply_send(struct proxy *px, struct exchange_end *e, uint16_t status, struct slice text);
