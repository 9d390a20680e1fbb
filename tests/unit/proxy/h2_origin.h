/* h2_origin.h - an HTTP/2 server that is the test: nghttp2's other side, over a peer's bytes. */
#pragma once
#include "rig.h"

#include <nghttp2/nghttp2.h>

#define H2_ORIGIN_STREAMS 256

/* A request as it came. */
struct h2_seen {
	int32_t id;
	char fields[16384]; /* "name: value\n", pseudo fields, too */
	struct bytes body;
	bool ended;
	bool reset;
	uint32_t code; /* of RST_STREAM */
	/* The answer's body. */
	const char *answer;
	size_t left;
};

struct h2_origin {
	struct rig *r;
	struct peer *peer;
	nghttp2_session *ng;
	unsigned n, pings, goaways;
	bool keeps_windows; /* they open when h2_origin_open_windows() is called */
	struct h2_seen seen[H2_ORIGIN_STREAMS];
};

/* The rig's first cluster speaks HTTP/2 from now on. */
void h2_origin_policy(struct rig *r, struct http2_policy *policy);

/* Takes the next connection that the proxy opened. max_streams, window: its SETTINGS; 0: RFC 9113's
 * defaults. */
struct h2_origin *h2_origin_accept(struct rig *r, uint32_t max_streams, uint32_t window);
void h2_origin_close(struct h2_origin *o);

/* Until neither side has anything to say. */
void h2_origin_run(struct h2_origin *o);

/* The i-th request, which must have come and ended. */
struct h2_seen *h2_origin_request(struct h2_origin *o, unsigned i);
/* The value of a field, NULL when there is none; valid until the next call. */
const char *h2_seen_field(const struct h2_seen *s, const char *name);

/* fields: "name: value\n" after :status. body NULL: the head ends the response. */
void h2_origin_answer(struct h2_origin *o, struct h2_seen *s, const char *status,
		      const char *fields, const char *body, size_t n);
void h2_origin_open_windows(struct h2_origin *o, struct h2_seen *s);
