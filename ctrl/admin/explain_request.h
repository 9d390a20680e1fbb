/* explain_request.h - a request that nobody sent, as the gateway would have read it.
 *
 * Built from the arguments of the API: url (required), method, header ("name: value", any number
 * of times), from (the client's address), to (the address it connects to). What a gateway would
 * refuse before it looks for a route is refused here, with a sentence. */
#pragma once
#include <weir/addr.h>

#include "query.h"
#include "text.h"

#define EXPLAIN_URL_MAX    8000
#define EXPLAIN_FIELDS_MAX 128

struct span {
	const char *p;
	uint32_t n;
};

struct explain_field {
	struct span name, value; /* name as written; value without surrounding blanks */
};

struct explain_request {
	struct span method, authority; /* authority: as sent, the Host header counts */
	struct span path;              /* with its query */
	uint32_t path_len;             /* of path, without the query */
	uint16_t port;                 /* to connect to */
	/* The address to connect to: that of the URL when it is one, or `to`. */
	bool has_to;
	struct ip_addr to;
	bool has_from;
	struct ip_addr from;
	unsigned n_fields;
	struct explain_field fields[EXPLAIN_FIELDS_MAX];
	char path_bytes[EXPLAIN_URL_MAX + 1], host_bytes[EXPLAIN_URL_MAX + 1];
};

static inline struct span span_of(const char *p, size_t n)
{
	return (struct span){p, (uint32_t)n};
}

/* ASCII, as everything in a message head is. */
static inline char span_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static inline bool span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (span_lower(a.p[i]) != span_lower(b.p[i]))
			return false;
	return true;
}

/* False: `why` got a sentence. r borrows the query's strings, and points into itself. */
bool explain_request_read(struct explain_request *r, const struct query *q, struct text *why);
