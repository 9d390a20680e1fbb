/* re2_oracle.cc - asks the real RE2; only the test of the syntax checker links it. */
#include "re2_oracle.h"

#include <re2/re2.h>

extern "C" bool re2_accepts(const char *pattern)
{
	RE2::Options options(RE2::Quiet);

	/* The syntax alone is asked for: large programs are another limit. */
	options.set_max_mem(256 << 20);
	return RE2(pattern, options).ok();
}
