/* scan.h - regular expressions on a part of the request: one scan for all of Hyperscan's, and those
 * of PCRE2's that are asked for. */
#pragma once
#include <match/state.h>

bool scan_init(struct match *m); /* false: out of memory */
void scan_fini(struct match *m);

/* Which of Hyperscan's expressions of set match the subject; NULL when the scan failed. */
const uint64_t *scan_subject(struct match *m, struct subject *s, const struct pattern_set *set);

/* Does this one? What cannot be decided breaks the subject: no condition on it holds then. */
bool scan_holds(struct match *m, struct subject *s, const struct pattern_set *set, uint32_t id);
/* Likewise, of an expression that is in no set. */
bool scan_lone(struct match *m, struct subject *s, const struct pcre2_real_code_8 *code);
