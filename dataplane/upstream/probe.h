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
};

enum probe_verdict {
	PROBE_OPENED,   /* done() or given_up() will follow */
	PROBE_NO_ROUTE, /* to the endpoint */
	PROBE_NO_ROOM,  /* for another connection */
};

/* env, check and the two functions are set. Never calls back before it returns. */
enum probe_verdict probe_open(struct probe *pr, const struct net_addr *to);
/* Ends it where it is, if it is open: no more calls. */
void probe_abort(struct probe *pr);
