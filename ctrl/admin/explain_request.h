/* explain_request.h - a request that nobody sent, as the gateway would have read it.
 *
 * Built from the arguments of the API: url (required), method, header ("name: value", any number
 * of times), from (the client's address), to (the address it connects to). What a gateway would
 * refuse before it looks for a route is refused here, with a sentence. */
#pragma once
#include <weir/addr.h>

#include "explain_path.h"
#include "query.h"
#include "text.h"

#define EXPLAIN_URL_MAX    8000
#define EXPLAIN_FIELDS_MAX 128

struct explain_field {
	struct span name, value; /* name as written; value without surrounding blanks */
};

struct explain_request {
	struct span method, authority; /* authority: as sent, the Host header counts */
	struct span sent;              /* the path with its query, as the client sends it */
	struct span path;              /* the same in the normal form that is matched */
	uint32_t path_len;             /* of path, without the query */
	uint16_t port;                 /* to connect to */
	/* The address to connect to: that of the URL when it is one, or `to`. */
	bool has_to;
	struct ip_addr to;
	bool has_from;
	struct ip_addr from;
	unsigned n_fields;
	struct explain_field fields[EXPLAIN_FIELDS_MAX];
	char sent_bytes[EXPLAIN_URL_MAX + 1], host_bytes[EXPLAIN_URL_MAX + 1];
	char path_bytes[EXPLAIN_PATH_GROWTH * EXPLAIN_URL_MAX + 1];
};

/* kind: what the node does to paths. False: `why` got a sentence. r borrows the query's strings,
 * and points into itself. */
bool explain_request_read(struct explain_request *r, const struct query *q,
			  enum path_normalization kind, struct text *why);
