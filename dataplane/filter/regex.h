/* regex.h - one worker's memory for PCRE2, which runs what needs more than a yes or no.
 *
 * Expressions are checked for RE2's syntax and compiled by the control thread; a match that takes
 * too many steps counts as none. */
#pragma once
#include <stdbool.h>

#include <base/slice.h>
#include <weir/counters.h>

#define REGEX_GROUPS_MAX 10 /* \0 to \9 */

struct pcre2_real_code_8;
struct regex_state;

/* counters: where matches that are given up are counted; borrowed. NULL: out of memory. */
struct regex_state *regex_create(struct counters *counters);
void regex_destroy(struct regex_state *r);

/* Offsets of the groups of one match; a group that took no part has from == to == UINT32_MAX. */
struct regex_match {
	uint32_t n;
	struct {
		uint32_t from, to;
	} group[REGEX_GROUPS_MAX];
};

/* The first match at or after `at`. */
bool regex_find(struct regex_state *r, const struct pcre2_real_code_8 *code, struct slice s,
		uint32_t at, struct regex_match *out);
