/* scan.c - owns the results of regular expressions during one lookup. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <match/scan.h>

#include <hs/hs.h>
#include <pcre2.h>

#include <base/utf8.h>

bool scan_init(struct match *m)
{
	m->pcre2_data = pcre2_match_data_create(1, NULL);
	m->pcre2_context = pcre2_match_context_create(NULL);
	if (!m->pcre2_data || !m->pcre2_context)
		return false;
	pcre2_set_match_limit(m->pcre2_context, PATTERN_STEPS_MAX);
	return true;
}

void scan_fini(struct match *m)
{
	pcre2_match_context_free(m->pcre2_context);
	pcre2_match_data_free(m->pcre2_data);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *bits)
{
	(void)from;
	(void)to;
	(void)flags;
	((uint64_t *)bits)[id / 64] |= 1ull << (id % 64);
	return 0;
}

static bool is_text(struct match *m, struct subject *s)
{
	if (s->read != m->lookup) {
		s->read = m->lookup;
		s->text = utf8_valid(s->value);
	}
	return s->text;
}

/* Results of Hyperscan's, and behind them which ones of PCRE2's are known. */
static bool scan(struct match *m, struct subject *s, const struct pattern_set *set)
{
	uint32_t words = (set->n + 63) / 64, room = set->slow ? 2 * words : words;
	uint64_t *bits = m->words + m->words_used;

	if (room > MATCH_WORDS_MAX - m->words_used)
		return false;
	m->words_used += room;
	memset(bits, 0, room * sizeof(*bits));
	s->bits = bits;
	return !is_text(m, s) || !set->db ||
	       hs_scan(set->db, s->value.p, s->value.n, 0, m->scratch, on_match, bits) ==
		       HS_SUCCESS;
}

const uint64_t *scan_subject(struct match *m, struct subject *s, const struct pattern_set *set)
{
	if (s->scanned == m->lookup)
		return s->bits;
	s->scanned = m->lookup;
	if (!scan(m, s, set)) {
		s->bits = NULL;
		m->failed = true;
	}
	return s->bits;
}

bool scan_lone(struct match *m, struct subject *s, const struct pcre2_real_code_8 *code)
{
	int rc;

	if (!is_text(m, s))
		return false;
	rc = pcre2_match(code, (PCRE2_SPTR)s->value.p, s->value.n, 0, PCRE2_NO_UTF_CHECK,
			 m->pcre2_data, m->pcre2_context);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		s->broken = m->failed = true;
	return rc >= 0;
}

bool scan_holds(struct match *m, struct subject *s, const struct pattern_set *set, uint32_t id)
{
	uint64_t bit = 1ull << (id % 64), *known;
	bool holds;

	if (!scan_subject(m, s, set)) {
		s->broken = true;
		return false;
	}
	known = s->bits + (set->n + 63) / 64 + id / 64;
	if (!pattern_is_slow(set, id) || (*known & bit))
		return s->bits[id / 64] & bit;
	*known |= bit;
	holds = scan_lone(m, s, set->slow[id]);
	if (holds)
		s->bits[id / 64] |= bit;
	return holds;
}
