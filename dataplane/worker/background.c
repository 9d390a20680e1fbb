/* background.c - owns the order between requests and what nobody waits for. The latter is done one
 * by one between requests, when no answer is expected that would arrive in the midst of it. Who
 * always has a request in progress does it when it is due. */
#include <worker/background.h>

enum background_share background_turn(struct background *b, bool any, bool wanted, uint64_t now_us)
{
	if (!any) {
		b->due_us = 0;
		return BACKGROUND_NOTHING;
	}
	if (!b->due_us)
		b->due_us = now_us + BACKGROUND_WAIT_US;
	if (now_us >= b->due_us)
		return BACKGROUND_PART;
	return wanted ? BACKGROUND_NOTHING : BACKGROUND_ONE;
}
