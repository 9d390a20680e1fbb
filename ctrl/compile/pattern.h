/* pattern.h - the compiled regular expressions of one field, shared by all virtual hosts that ask
 * for the same ones, and the scratch memory to scan with. */
#pragma once
#include <compile/plan.h>

/* Limits that the workers' result memory is made for (dataplane/match/match.h). Words count twice
 * where there are expressions of PCRE2's. */
#define PATTERNS_PER_FIELD_MAX 16384u
#define PATTERN_WORDS_MAX      8192u /* sum over a virtual host of patterns / 64, rounded up */

struct pattern_object {
	struct cached cached;
	struct hs_database *db; /* NULL: all are PCRE2's */
	uint32_t n;
	struct pcre2_real_code_8 **slow; /* by id; NULL: all are Hyperscan's */
	uint64_t fitted;                 /* the last build whose scratch was made to fit db */
};

/* The distinct expressions of one field, in order of their ids; conds[i] is a condition that
 * uses expression i. */
struct pattern_list {
	struct list conds; /* struct cond */
	struct map ids;    /* expression -> id + 1 */
};

void pattern_list_init(struct pattern_list *l);
void pattern_list_fini(struct pattern_list *l);
uint32_t pattern_list_add(struct pattern_list *l, struct build *b, struct cond *c);

/* Holds the expressions of a list; NULL when an expression cannot be executed (reported) or the
 * list is empty. */
struct pattern_object *pattern_get(struct build *b, const struct pattern_list *l);
/* Holds the plain expression of c by itself, as PCRE2's; NULL when it is refused (reported). */
struct pattern_object *pattern_get_lone(struct build *b, struct cond *c);
void pattern_put(struct compiler *c, struct pattern_object *o);

/* Makes *scratch, the only one of the build, fit db too. False when memory is short. */
bool pattern_fit_scratch(struct build *b, struct pattern_object *o, struct hs_scratch **scratch);
/* n more that fit the same; from is in nobody's use. */
bool pattern_copy_scratch(const struct hs_scratch *from, struct hs_scratch **out, unsigned n);
void pattern_free_scratch(struct hs_scratch **scratch, unsigned n);
