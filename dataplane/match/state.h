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
	uint64_t fetched, scanned; /* number of the lookup it happened in */
	struct slice value;        /* "" when absent */
	const uint64_t *bits;      /* regular expressions that match; NULL: scan failed */
	bool present;
	bool broken; /* the value could not be put together */
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

/* Which of the subject's expressions match it; NULL when the scan failed (scan.c). */
const uint64_t *scan_subject(struct match *m, struct subject *s, const struct pattern_set *set);
