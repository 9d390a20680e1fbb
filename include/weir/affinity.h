/* affinity.h - consistent hashing: what of a request is hashed, and the tables that are asked.
 *
 * Immutable, made by ctrl (istio/reference 3.3). */
#pragma once
#include <weir/abi.h>

enum affinity_key { AFFINITY_HEADER, AFFINITY_COOKIE, AFFINITY_SOURCE_IP, AFFINITY_QUERY };

struct affinity {
	enum affinity_key key;
	const char *name; /* of header, cookie or parameter */
	uint32_t name_len;
	/* A request without the cookie gets one: what follows its value in Set-Cookie, such as
	 * "\"; Max-Age=60; Path=/; HttpOnly". NULL: it goes anywhere. */
	const char *set_cookie;
	uint32_t set_cookie_len;
	/* No endpoint gets more than this share of the average load, which is 100: others take
	 * over. 0: as much as comes. */
	uint32_t bound_percent;
};

/* A ring (Ketama) or a Maglev table over the endpoints of a set. */
struct hash_table {
	uint32_t n;              /* entries; at least one when there is an endpoint */
	const uint32_t *owners;  /* of each entry: index into the endpoints */
	const uint64_t *hashes;  /* a ring's points, ascending; NULL: Maglev */
	const uint32_t *buckets; /* a ring's entries by the leading bits of their hash: bucket b */
	uint64_t weight;         /* of all endpoints */
	unsigned shift;          /* = hash >> shift starts at buckets[b], ends at buckets[b + 1] */
};
