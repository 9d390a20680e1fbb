/* locality.c - owns how localities are compared. */
#include <common/locality.h>

#include <string.h>

const char *locality_part(const char *locality, unsigned n, size_t *len)
{
	*len = 0;
	while (n-- > 0) {
		locality = strchr(locality, '/');
		if (!locality)
			return NULL;
		locality++;
	}
	*len = strcspn(locality, "/");
	return *len ? locality : NULL;
}

unsigned locality_common(const char *a, const char *b)
{
	unsigned n = 0;

	for (; n < LOCALITY_PARTS; n++) {
		size_t la, lb;
		const char *pa = locality_part(a, n, &la), *pb = locality_part(b, n, &lb);

		if (la != lb || (la && memcmp(pa, pb, la) != 0))
			break;
	}
	return n;
}

/* Walks both until one ends, or says that the rest does not matter. */
static bool agree(const char *a, const char *b, bool both_ways)
{
	for (unsigned n = 0; n < LOCALITY_PARTS; n++) {
		size_t la, lb;
		const char *pa = locality_part(a, n, &la), *pb = locality_part(b, n, &lb);

		if (!pa || (la == 1 && *pa == '*'))
			return true;
		if (both_ways && (!pb || (lb == 1 && *pb == '*')))
			return true;
		if (la != lb || memcmp(pa, pb, la) != 0)
			return false;
	}
	return true;
}

bool locality_covers(const char *pattern, const char *locality)
{
	return agree(pattern, locality, false);
}

bool locality_overlap(const char *a, const char *b)
{
	return agree(a, b, true);
}
