/* state.h - what one worker needs during one lookup: memos and candidates. */
#pragma once
#include <match/match.h>

/* Values of repeated header lines, joined. A request whose joined values do not fit meets no
 * condition on such a header, negated or not. */
#define JOIN_BYTES (256u * 1024u)

/* Every list that can hold candidates: exact, rest, prefixes by length, regular expressions of the
 * path and as many of all the rest (ctrl/compile/index.c), values. */
#define CURSORS_MAX                                                                                \
	(3u + 2u * MATCH_PREFIX_LENS_MAX + 2u * MATCH_PATTERNS_MAX + MATCH_FIELDS +                \
	 MATCH_HEADERS_MAX + MATCH_QUERIES_MAX)

/* Something that predicates look at: a part of the request, a header or a query parameter. Fetched,
 * and scanned for regular expressions, at most once per lookup. */
struct subject {
	uint64_t fetched, scanned, read; /* number of the lookup it happened in */
	struct slice value;              /* "" when absent */
	uint64_t *bits; /* regular expressions that match (scan.c); NULL: scan failed */
	bool present;
	bool broken; /* the value could not be put together, or scanned */
	bool text;   /* read: it is UTF-8 */
};

/* A list of candidates, and where the lookup is in it. */
struct cursor {
	const uint32_t *at, *end;
};

struct match {
	uint64_t lookup; /* counts up: memos of other lookups are stale */
	const struct vhost *vh;
	const struct http_head *req;
	const struct ip_addr *source;
	struct hs_scratch *scratch;
	struct pcre2_real_match_data_8 *pcre2_data;
	struct pcre2_real_match_context_8 *pcre2_context;
	bool failed;         /* a condition could not be decided */
	uint64_t query_read; /* number of the lookup that read the query */
	uint32_t words_used, join_used, n_cursors;

	struct subject fields[MATCH_FIELDS];
	struct subject headers[MATCH_HEADERS_MAX];
	struct subject queries[MATCH_QUERIES_MAX];
	struct cursor cursors[CURSORS_MAX];
	uint64_t words[MATCH_WORDS_MAX];
	char join[JOIN_BYTES];
};

/* What a predicate looks at, fetched (subject.c). header: as in struct predicate. */
struct subject *subject_get(struct match *m, uint8_t field, uint16_t header);
