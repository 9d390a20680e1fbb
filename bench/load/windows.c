/* windows.c - see windows.h. */
#include "windows.h"

void windows_begin(struct windows *w, uint64_t length, uint64_t now)
{
	w->n = 0;
	w->length = length;
	w->end = now + length;
	histogram_reset(&w->current);
}

void windows_turn(struct windows *w, uint64_t now)
{
	if (now < w->end)
		return;
	if (w->n < WINDOWS_KEPT)
		w->kept[w->n++] = (struct window){
			.responses = w->current.n,
			.p50 = histogram_quantile(&w->current, 0.5),
			.p99 = histogram_quantile(&w->current, 0.99),
			.max = w->current.max,
		};
	/* One that was not turned in time, in a pause, was one window, not several empty ones. */
	w->end = now + w->length;
	histogram_reset(&w->current);
}
