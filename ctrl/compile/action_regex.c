/* action_regex.c - owns expressions for PCRE2: those whose groups or single matches are wanted.
 *
 * Validation has made sure of RE2's syntax; what PCRE2 takes differently is switched off: "$" is
 * the very end, and characters are matched, not bytes; what is no UTF-8 meets nothing. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <compile/action.h>

#include <pcre2.h>

#define EXPRESSION_FLAGS (PCRE2_DOLLAR_ENDONLY | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF)

struct pcre2_real_code_8 *regex_get(struct action_work *w, const char *field, struct pos pos,
				    const char *pattern, bool whole)
{
	const char *text = whole ? arena_printf(w->b->tmp, "\\A(?:%s)\\z", pattern) : pattern;
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, EXPRESSION_FLAGS,
					 &error, &at, NULL);

	if (!code) {
		pcre2_get_error_message(error, why, sizeof(why));
		build_report(w->b, PROBLEM_PATTERN, w->from, pos,
			     arena_printf(w->b->tmp, "%s.%s", w->rule, field),
			     "the regular expression \"%s\" cannot be executed: %s", pattern,
			     (const char *)why);
		return NULL;
	}
	/* Without it, matching is slower and the same. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	list_add(w->a, w->regexes, code);
	return code;
}

void regex_free(struct list *regexes)
{
	for (uint32_t i = 0; i < regexes->n; i++)
		pcre2_code_free(regexes->items[i]);
}
