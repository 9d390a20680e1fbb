/* test_pattern.c - the pattern's sums against plain addition, and that it does not repeat. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <emit.h>

static struct pattern pattern;

static int setup(void **state)
{
	(void)state;
	pattern_init(&pattern);
	return 0;
}

static uint16_t plain(const uint8_t *p, uint32_t n)
{
	return cksum_fold(cksum_add(0, p, n));
}

static void sums_of_slices(void **state)
{
	static const uint32_t starts[] = {0,
					  1,
					  2,
					  63,
					  1448,
					  PATTERN_LEN - 2,
					  PATTERN_LEN - 1,
					  PATTERN_LEN,
					  PATTERN_LEN + 1,
					  1000000,
					  4294967295u};

	(void)state;
	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (uint32_t n = 0; n < 3000; n += n < 40 ? 1 : 77) {
			const uint8_t *p = pattern_at(&pattern, starts[i]);

			assert_int_equal(cksum_fold(pattern_sum(&pattern, starts[i], n)),
					 plain(p, n));
		}
		assert_int_equal(cksum_fold(pattern_sum(&pattern, starts[i], PATTERN_SLICE)),
				 plain(pattern_at(&pattern, starts[i]), PATTERN_SLICE));
	}
}

static void slices_run_on_over_the_end(void **state)
{
	(void)state;
	for (uint32_t at = PATTERN_LEN - 100; at < PATTERN_LEN; at++)
		for (uint32_t i = 0; i < 200; i++)
			assert_int_equal(pattern_at(&pattern, at)[i],
					 *pattern_at(&pattern, at + i));
}

/* A piece of 16 bytes appears once in the whole: what is moved is noticed. */
static void pieces_are_unique(void **state)
{
	uint8_t *seen = calloc(1, 1u << 21);

	(void)state;
	for (uint32_t i = 0; i < PATTERN_LEN; i++) {
		uint64_t a, b, hash;

		memcpy(&a, pattern.bytes + i, 8);
		memcpy(&b, pattern.bytes + i + 8, 8);
		hash = (a * 0x9e3779b97f4a7c15ull ^ b) * 0xbf58476d1ce4e5b9ull >> 40;
		/* 24 bits of hash: a handful of accidents, not a period. */
		if (seen[hash >> 3] & 1 << (hash & 7))
			assert_true(++*(uint32_t *)*state < 400);
		seen[hash >> 3] |= (uint8_t)(1 << (hash & 7));
	}
	free(seen);
}

static void pieces_add_up_at_any_offset(void **state)
{
	static const uint8_t text[] =
		"an odd number of bytes, as a head may have..................";
	uint8_t buf[4096];

	(void)state;
	for (uint32_t head = 0; head < 40; head++) {
		struct emit e = {.at = buf};

		emit_bytes(&e, text, head);
		emit_pattern(&e, &pattern, 17 + head, 33);
		emit_bytes(&e, text, 7);
		emit_pattern(&e, &pattern, 65500, 1001);
		assert_int_equal(e.n, head + 33 + 7 + 1001);
		assert_int_equal(cksum_fold(e.sum), plain(buf, e.n));
		assert_memory_equal(buf, text, head);
		assert_memory_equal(buf + head, pattern_at(&pattern, 17 + head), 33);
		assert_memory_equal(buf + head + 40, pattern_at(&pattern, 65500), 1001);
	}
}

int main(void)
{
	uint32_t accidents = 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_slices),
		cmocka_unit_test(slices_run_on_over_the_end),
		cmocka_unit_test_prestate(pieces_are_unique, &accidents),
		cmocka_unit_test(pieces_add_up_at_any_offset),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
