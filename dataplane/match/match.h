/* match.h - from a request to its route: virtual host by authority, then first match.
 *
 * One struct match per worker: scan results and joined header values live in it during one
 * lookup. Reads the snapshot only; never allocates. */
#pragma once
#include <http/message.h>
#include <weir/listener.h>
#include <weir/snapshot.h>

/* What a virtual host may ask for; the compiler refuses more. */
#define MATCH_PATTERNS_MAX    16384 /* regular expressions of one field or header */
#define MATCH_WORDS_MAX       8192  /* sum over fields and headers of patterns / 64, rounded up */
#define MATCH_HEADERS_MAX     4096  /* different header names */
#define MATCH_QUERIES_MAX     1024  /* different query parameters */
#define MATCH_PREFIX_LENS_MAX 4096  /* different lengths of path prefixes, per kind of case */

struct match;

struct match *match_create(void); /* NULL: out of memory */
void match_destroy(struct match *m);

/* Could a condition of the last match_route() not be decided? It did not hold then, negated or not:
 * a regular expression that took too many steps, a header too long to join. */
bool match_failed(const struct match *m);

/* The virtual host for an authority (port and case do not count); NULL: 404 NR. */
const struct vhost *match_host(const struct listener *l, struct slice authority);

/* The first route of vh whose predicates hold; NULL: 404 NR. scheme: "http" or "https". source: the
 * client's address. scratch: the worker's, of the snapshot vh came from. */
const struct route *match_route(struct match *m, const struct vhost *vh,
				const struct http_head *req, struct slice scheme,
				const struct ip_addr *source, struct hs_scratch *scratch);
