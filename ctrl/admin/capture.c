/* capture.c - owns the capture in progress. */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_filter.h"
#include "pcapng.h"

#define PACKETS     1000
#define SECONDS     5
#define SECONDS_MAX 60
#define LOOK_MS     20u /* how often a capture that ends when it is full is looked at */

struct capture_session {
	const struct admin_state *state;
	uint64_t end_us;
	struct capture c;
};

static bool parse_number(const char *name, const char *text, long initial, long most, long *out,
			 char *err, size_t err_len)
{
	char *end;

	*out = initial;
	if (!text)
		return true;
	*out = strtol(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && *out >= 1 && *out <= most)
		return true;
	snprintf(err, err_len, "%s must be a number from 1 to %ld", name, most);
	return false;
}

static bool parse_keep(const char *text, bool *first, char *err, size_t err_len)
{
	*first = text && strcmp(text, "first") == 0;
	if (!text || *first || strcmp(text, "last") == 0)
		return true;
	snprintf(err, err_len, "keep must be first or last");
	return false;
}

static bool parse(struct capture_session *c, const struct capture_request *r, uint64_t now_us,
		  char *err, size_t err_len)
{
	long packets, seconds;

	if (!parse_number("packets", r->packets, PACKETS, CAPTURE_PACKETS_MAX, &packets, err,
			  err_len) ||
	    !parse_number("seconds", r->seconds, SECONDS, SECONDS_MAX, &seconds, err, err_len) ||
	    !parse_keep(r->keep, &c->c.keep_first, err, err_len) ||
	    !capture_filter_parse(&c->c.filter, r->filter ? r->filter : "", c->state->node, err,
				  err_len))
		return false;
	c->c.n_slots = (uint32_t)packets;
	c->end_us = now_us + (uint64_t)seconds * 1000000;
	c->c.slots = calloc(c->c.n_slots, sizeof(*c->c.slots));
	if (!c->c.slots)
		snprintf(err, err_len, "there is no memory for %ld packets", packets);
	return c->c.slots != NULL;
}

struct capture_session *capture_start(const struct admin_state *s, const struct capture_request *r,
				      uint64_t now_us, char *err, size_t err_len)
{
	struct capture_session *c = aligned_alloc(WEIR_CACHE_LINE, sizeof(*c));

	if (!c) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->state = s;
	if (!parse(c, r, now_us, err, err_len)) {
		free(c);
		return NULL;
	}
	dataplane_capture(s->dataplane, &c->c);
	return c;
}

unsigned capture_left_ms(const struct capture_session *c, uint64_t now_us)
{
	uint64_t matched = __atomic_load_n(&c->c.matched, __ATOMIC_RELAXED), left;

	if (now_us >= c->end_us || (c->c.keep_first && matched >= c->c.n_slots))
		return 0;
	left = (c->end_us - now_us + 999) / 1000;
	return c->c.keep_first && left > LOOK_MS ? LOOK_MS : (unsigned)left;
}

void capture_finish(struct capture_session *c, struct text *out)
{
	dataplane_capture(c->state->dataplane, NULL);
	if (out)
		pcapng_write(out, &c->c, c->state->node);
	free(c->c.slots);
	free(c);
}
