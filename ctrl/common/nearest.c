/* nearest.c - optimal string alignment distance over short words. */
#include <common/nearest.h>

#include <ctype.h>
#include <string.h>

#define WORD_MAX 48

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static int lower(const char *s, size_t i)
{
	return tolower((unsigned char)s[i]);
}

unsigned nearest_distance(const char *a, const char *b)
{
	size_t la = strnlen(a, WORD_MAX), lb = strnlen(b, WORD_MAX), i, j;
	unsigned row[3][WORD_MAX + 1]; /* rows i-2, i-1 and i, by i % 3 */

	for (j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (i = 1; i <= la; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (j = 1; j <= lb; j++) {
			unsigned cost = lower(a, i - 1) != lower(b, j - 1);

			cur[j] = min3(up[j] + 1, cur[j - 1] + 1, up[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a, i - 1) == lower(b, j - 2) &&
			    lower(a, i - 2) == lower(b, j - 1))
				cur[j] = min3(cur[j], up2[j - 2] + 1, cur[j]);
		}
	}
	return row[la % 3][lb];
}

const char *nearest_pick(const char *word, const char *best, const char *candidate)
{
	unsigned distance = nearest_distance(word, candidate);
	size_t len = strnlen(word, WORD_MAX);

	/* Up to a third of the letters (at least two) may be wrong. */
	if (distance > (len / 3 > 2 ? len / 3 : 2) || distance >= len)
		return best;
	if (best && nearest_distance(word, best) <= distance)
		return best;
	return candidate;
}
