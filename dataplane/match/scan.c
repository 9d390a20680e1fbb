/* scan.c - owns the result bits of regular expression scans during one lookup. */
#include <hs/hs.h>

#include <match/state.h>

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *bits)
{
	(void)from;
	(void)to;
	(void)flags;
	((uint64_t *)bits)[id / 64] |= 1ull << (id % 64);
	return 0;
}

const uint64_t *scan_subject(struct match *m, struct subject *s, const struct pattern_set *set)
{
	uint32_t words = (set->n + 63) / 64;
	uint64_t *bits = m->words + m->words_used;

	if (s->scanned == m->lookup)
		return s->bits;
	s->scanned = m->lookup;
	s->bits = NULL;
	if (words > MATCH_WORDS_MAX - m->words_used)
		return NULL;
	m->words_used += words;
	memset(bits, 0, words * sizeof(*bits));
	if (hs_scan(set->db, s->value.p, s->value.n, 0, m->scratch, on_match, bits) == HS_SUCCESS)
		s->bits = bits;
	return s->bits;
}
