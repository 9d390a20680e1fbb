/* filter.h - what the filters' tests share: texts, expressions, a head and scratch memory. */
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pcre2.h>

#include <base/scratch.h>
#include <base/slice.h>
#include <weir/action.h>
#include <weir/counters.h>

#define TEXT(s) ((struct action_text){(s), sizeof(s) - 1})

static char scratch_bytes[4096];
__attribute__((unused)) static struct counters counters;

static inline struct scratch fresh_scratch(void)
{
	return (struct scratch){scratch_bytes, sizeof(scratch_bytes), 0};
}

static inline pcre2_code *expression(const char *pattern)
{
	PCRE2_SIZE at;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
					 PCRE2_DOLLAR_ENDONLY | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF,
					 &error, &at, NULL);

	assert_non_null(code);
	return code;
}

#define assert_slice(s, text)                                                                      \
	do {                                                                                       \
		struct slice got_ = (s);                                                           \
		assert_int_equal(got_.n, strlen(text));                                            \
		assert_memory_equal(got_.p, text, got_.n);                                         \
	} while (0)
