/* flags.c - names of the bits of enum response_flag. */
#include "flags.h"

#include <stdio.h>
#include <string.h>

#include <weir/feedback.h>

/* Every name and a comma, the last comma being the terminator. */
#define X(id, name) +sizeof(name)
static_assert(FLAGS_TEXT_MAX >= 0 RESPONSE_FLAGS(X), "all flags together fit");
#undef X

static const char *const names[] = {
#define X(id, name) [RESPONSE_FLAG_BIT_##id] = name,
	RESPONSE_FLAGS(X)
#undef X
};

char *flags_format(uint32_t flags, char *buf)
{
	char *end = buf;

	strcpy(buf, "-");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & (1u << i))
			end += sprintf(end, "%s%s", end == buf ? "" : ",", names[i]);
	return buf;
}
