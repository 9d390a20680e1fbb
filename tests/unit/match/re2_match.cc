/* re2_match.cc - see re2_match.h. */
#include "re2_match.h"

#include <re2/re2.h>

struct re2_pattern {
	RE2 re;
};

extern "C" struct re2_pattern *re2_create(const char *pattern)
{
	re2_pattern *p = new re2_pattern{RE2(pattern, RE2::Quiet)};

	if (p->re.ok())
		return p;
	delete p;
	return nullptr;
}

extern "C" void re2_destroy(struct re2_pattern *p)
{
	delete p;
}

extern "C" bool re2_full_match(const struct re2_pattern *p, const char *text, size_t n)
{
	return RE2::FullMatch(re2::StringPiece(text, n), p->re);
}
