/* probe.h - one active check on the wire: a connection of its own, and a request if it is HTTP. */
#pragma once
#include <upstream/upstream.h>

struct probe {
	struct bytestream *bs; /* NULL: closed */
	const struct upstream_env *env;
	const struct health_check *check;
	/* It is over, and closed; status is 0 without an answer. */
	void (*done)(struct probe *pr, enum check_result r, uint16_t status);
	/* It cannot go on for want of memory here: that says nothing about the endpoint. */
	void (*given_up)(struct probe *pr);
	struct net_addr to;
	uint32_t scanned; /* of the response head */
	bool connected;
	uint8_t announce; /* version of the PROXY header it begins with; 0: none */
};

enum probe_verdict {
	PROBE_OPENED,   /* done() or given_up() will follow */
	PROBE_NO_ROUTE, /* to the endpoint */
	PROBE_NO_ROOM,  /* for another connection */
};

/* env, check and the two functions are set. Never calls back before it returns. Where the endpoint
 * serves it begins as the endpoint's connections do, and announces the check's own addresses. */
enum probe_verdict probe_open(struct probe *pr, const struct endpoint *e);
/* Ends it where it is, if it is open: no more calls. */
void probe_abort(struct probe *pr);
