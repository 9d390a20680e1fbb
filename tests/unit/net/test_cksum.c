/* test_cksum.c - the vectorised checksum against the definition, at every length and split. */
#include "box.h"

static uint8_t bytes[4096];

static void fill(uint32_t seed, unsigned mode)
{
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = mode == 0 ? (uint8_t)(seed >> 24) : mode == 1 ? 0xff : 0;
	}
}

static void every_length_and_alignment(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 3; mode++) {
		fill(7, mode);
		for (unsigned off = 0; off < 17; off++)
			for (unsigned len = 0; len < 2 * CKSUM_LONG; len++)
				assert_int_equal(rte_be_to_cpu_16(cksum_finish(
							 cksum_add(0, bytes + off, len))),
						 slow_cksum(0, bytes + off, len));
		assert_int_equal(rte_be_to_cpu_16(cksum_finish(cksum_add(0, bytes, 4096))),
				 slow_cksum(0, bytes, 4096));
	}
}

/* RFC 1071 section 3: the example that everybody knows. */
static void the_example_of_the_rfc(void **state)
{
	const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(rte_be_to_cpu_16(cksum_fold(cksum_add(0, data, 8))), 0xddf2);
}

static void folding_carries_to_the_end(void **state)
{
	(void)state;
	assert_int_equal(cksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(cksum_fold(0xffff0000ffffull), 0xffff);
	assert_int_equal(cksum_fold(0x1fffeull), 0xffff);
	assert_int_equal(cksum_fold(0xffffffffull + 1), 1);
	assert_int_equal(cksum_fold(0), 0);
}

static struct rte_mbuf *piece(struct rte_mempool *pool, unsigned from, unsigned to)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)(to - from)), bytes + from, to - from);
	return m;
}

static void every_split_of_a_chain(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("split", 63, 0, 64, 512, SOCKET_ID_ANY);
	const unsigned len = 61;

	(void)state;
	assert_non_null(pool);
	fill(99, 0);
	for (unsigned a = 0; a <= len; a++) {
		for (unsigned b = a; b <= len; b++) {
			struct rte_mbuf *m = piece(pool, 0, a);

			assert_int_equal(rte_pktmbuf_chain(m, piece(pool, a, b)), 0);
			assert_int_equal(rte_pktmbuf_chain(m, piece(pool, b, len)), 0);
			assert_int_equal(rte_be_to_cpu_16(cksum_finish(cksum_add_chain(0, m))),
					 slow_cksum(0, bytes, len));
			rte_pktmbuf_free(m);
		}
	}
	rte_mempool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_and_alignment),
		cmocka_unit_test(the_example_of_the_rfc),
		cmocka_unit_test(folding_carries_to_the_end),
		cmocka_unit_test(every_split_of_a_chain),
	};

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
