/* frame.c - see frame.h. */
#include "frame.h"

enum { OPT_END = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_SCALE = 3, OPT_TS = 8 };

#define SCALE_MAX 14 /* RFC 7323 section 2.3 */

static void read_option(const uint8_t *p, uint32_t len, struct segment *s)
{
	if (p[0] == OPT_MSS && len == 4) {
		s->mss = rte_be_to_cpu_16(frame_get16(p + 2));
	} else if (p[0] == OPT_SCALE && len == 3) {
		s->scales = true;
		s->wscale = p[2] < SCALE_MAX ? p[2] : SCALE_MAX;
	} else if (p[0] == OPT_TS && len == 10) {
		s->has_ts = true;
		s->tsval = frame_get32(p + 2);
	}
}

void frame_read_options(const uint8_t *p, uint32_t len, struct segment *s)
{
	s->mss = 0;
	s->scales = false;
	s->wscale = 0;
	while (len > 0 && p[0] != OPT_END) {
		uint32_t n = p[0] == OPT_NOP ? 1 : len < 2 ? 0 : p[1];

		if (n == 0 || n > len)
			return;
		if (n > 1)
			read_option(p, n, s);
		p += n;
		len -= n;
	}
}
