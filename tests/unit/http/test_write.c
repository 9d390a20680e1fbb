/* test_write.c - heads in mbufs: the bytes are right wherever a segment happens to end. */
#include <http/h1_io.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../eal.h"
#include "guard.h"

#define TEXT_MAX 16384
#define POOL     63

static struct rte_mempool *pool;

/* Collects what was written, checking each mbuf, and frees it. */
static size_t collect(struct mbq *q, char *text)
{
	uint32_t n = 0, bytes = 0;
	struct rte_mbuf *m;

	for (m = q->head; m; m = pkt_priv(m)->next) {
		assert_int_equal(m->nb_segs, 1);
		assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
		assert_int_equal(m->pkt_len, m->data_len);
		assert_in_range(m->data_len, 1, H1_WRITE_SEGMENT);
		/* Only the last may be short. */
		if (pkt_priv(m)->next)
			assert_int_equal(m->data_len, H1_WRITE_SEGMENT);
		memcpy(text + bytes, rte_pktmbuf_mtod(m, char *), m->data_len);
		bytes += m->data_len;
		n++;
	}
	assert_int_equal(q->n, n);
	assert_int_equal(q->bytes, bytes);
	mbq_free(q);
	assert_int_equal(rte_mempool_avail_count(pool), POOL);
	return bytes;
}

static void test_small_head(void **state)
{
	static const char want[] =
		"GET /x HTTP/1.1\r\nhost: H\r\ncontent-length: 18446744073709551615"
		"\r\nx: 0\r\ny: \r\n\r\n";
	char text[TEXT_MAX];
	struct h1_writer w;
	struct mbq out;

	(void)state;
	mbq_init(&out);
	h1_write_begin(&w, pool);
	h1_write(&w, slice_of(NULL, 0));
	h1_write(&w, SLICE("GET /x HTTP/1.1\r\n"));
	h1_write_field(&w, SLICE("HOST"), SLICE("H"));
	h1_write(&w, SLICE("content-length: "));
	h1_write_uint(&w, UINT64_MAX);
	h1_write(&w, SLICE(""));
	h1_write(&w, SLICE("\r\nx: "));
	h1_write_uint(&w, 0);
	h1_write(&w, SLICE("\r\n"));
	h1_write_field(&w, SLICE("Y"), slice_of(NULL, 0));
	h1_write(&w, SLICE("\r\n"));
	assert_true(h1_write_end(&w, &out));
	assert_int_equal(out.n, 1);
	assert_int_equal(collect(&out, text), sizeof(want) - 1);
	assert_memory_equal(text, want, sizeof(want) - 1);
}

/* Names of every length, ending at a guard page, with every token character in either case. */
static void test_lower_case(void **state)
{
	static const char set[] = "AZaz09!#$%&'*+-.^_`|~MNmn@[{";
	struct guard g = guard_create(128);
	char text[TEXT_MAX], name[128];

	(void)state;
	for (uint32_t n = 1; n < 100; n++) {
		for (uint32_t shift = 0; shift < 28; shift++) {
			struct h1_writer w;
			struct mbq out;

			for (uint32_t i = 0; i < n; i++)
				name[i] = set[(i + shift) % 28];
			mbq_init(&out);
			h1_write_begin(&w, pool);
			h1_write(&w, SLICE("\r\n"));
			h1_write_field(&w, slice_of(guard_put(&g, name, n), n), SLICE("V"));
			assert_true(h1_write_end(&w, &out));
			assert_int_equal(collect(&out, text), n + 7);
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(text[2 + i], ascii_lower(name[i]));
			assert_memory_equal(text + 2 + n, ": V\r\n", 5);
		}
	}
	guard_destroy(&g);
}

/* A field across the end of a segment, at every place. */
static void test_boundaries(void **state)
{
	char text[TEXT_MAX], fill[H1_WRITE_SEGMENT], want[64];

	(void)state;
	memset(fill, '.', sizeof(fill));
	for (uint32_t before = H1_WRITE_SEGMENT - 60; before <= H1_WRITE_SEGMENT; before++) {
		struct h1_writer w;
		struct mbq out;
		int n;

		mbq_init(&out);
		h1_write_begin(&w, pool);
		h1_write(&w, slice_of(fill, before));
		h1_write_field(&w, SLICE("X-Name-Of-Some-Length"), SLICE("Value Of It"));
		h1_write_uint(&w, 1234567890);
		assert_true(h1_write_end(&w, &out));
		n = snprintf(want, sizeof(want),
			     "x-name-of-some-length: Value Of It\r\n1234567890");
		assert_int_equal(collect(&out, text), before + (uint32_t)n);
		assert_memory_equal(text, fill, before);
		assert_memory_equal(text + before, want, n);
	}
}

/* Pieces larger than a segment. */
static void test_large_values(void **state)
{
	static char text[TEXT_MAX], value[8000], want[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)('a' + i % 23);
	for (uint32_t n = 1300; n < sizeof(value); n += 97) {
		struct h1_writer w;
		struct mbq out;

		mbq_init(&out);
		h1_write_begin(&w, pool);
		h1_write_field(&w, SLICE("Name"), slice_of(value, n));
		h1_write_field(&w, slice_of(value, n), SLICE(""));
		assert_true(h1_write_end(&w, &out));
		memcpy(want, "name: ", 6);
		memcpy(want + 6, value, n);
		memcpy(want + 6 + n, "\r\n", 2);
		memcpy(want + 8 + n, value, n);
		memcpy(want + 8 + 2 * n, ": \r\n", 4);
		assert_int_equal(collect(&out, text), 12 + 2 * n);
		assert_memory_equal(text, want, 12 + 2 * n);
	}
}

/* out may hold something already: the head goes behind it. */
static void test_appends(void **state)
{
	char text[TEXT_MAX];
	struct h1_writer w;
	struct mbq out;

	(void)state;
	mbq_init(&out);
	for (int i = 0; i < 3; i++) {
		h1_write_begin(&w, pool);
		h1_write_uint(&w, (uint64_t)i);
		assert_true(h1_write_end(&w, &out));
	}
	assert_int_equal(out.n, 3);
	assert_int_equal(out.bytes, 3);
	mbq_free(&out);
	h1_write_begin(&w, pool);
	assert_true(h1_write_end(&w, &out));
	assert_int_equal(collect(&out, text), 0);
}

/* However far the writing came, an empty pool gives nothing and leaks nothing. */
static void test_empty_pool(void **state)
{
	struct rte_mbuf *held[POOL];
	static char value[8000];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (unsigned left = 0; left < 7; left++) {
		struct h1_writer w;
		struct mbq out;
		bool fits = left >= 6; /* 8003 bytes and a number */

		mbq_init(&out);
		assert_int_equal(rte_pktmbuf_alloc_bulk(pool, held, POOL - left), 0);
		h1_write_begin(&w, pool);
		h1_write_field(&w, SLICE("N"), slice_of(value, sizeof(value)));
		h1_write_uint(&w, 1);
		assert_int_equal(h1_write_end(&w, &out), fits);
		assert_int_equal(out.n, fits ? 6 : 0);
		mbq_free(&out);
		rte_pktmbuf_free_bulk(held, POOL - left);
		assert_int_equal(rte_mempool_avail_count(pool), POOL);
	}
}

static int setup(void **state)
{
	(void)state;
	if (!test_eal_init("test", "64"))
		return -1;
	pool = rte_pktmbuf_pool_create("heads", POOL, 0, RTE_ALIGN(sizeof(struct pkt_priv), 8),
				       RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return rte_eal_cleanup();
}

/* A chunk whose size line takes the place of the one it arrived with: as long, and other bytes. The
 * checksum of what was received must not go out with it. */
static void test_a_chunk_in_place_is_summed_anew(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	static const char arrived[] = "03E8\r\n0123456789";
	struct mbq data;

	(void)state;
	memcpy(rte_pktmbuf_append(m, sizeof(arrived) - 1), arrived, sizeof(arrived) - 1);
	m->ol_flags |= PKT_F_SUMMED;
	rte_pktmbuf_adj(m, 6);
	mbq_init(&data);
	mbq_push(&data, m);
	assert_true(h1_chunk_encode(&data, pool));
	assert_int_equal(data.head->ol_flags & PKT_F_SUMMED, 0);
	mbq_free(&data);
	/* What is appended may take the place of what was cut off. */
	m = rte_pktmbuf_alloc(pool);
	rte_pktmbuf_append(m, 10);
	m->ol_flags |= PKT_F_SUMMED;
	rte_pktmbuf_trim(m, 2);
	mbq_push(&data, m);
	assert_true(h1_append_bytes(&data, SLICE("ab"), pool));
	assert_int_equal(data.head->ol_flags & PKT_F_SUMMED, 0);
	mbq_free(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_head),
		cmocka_unit_test(test_lower_case),
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_large_values),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_empty_pool),
		cmocka_unit_test(test_a_chunk_in_place_is_summed_anew),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
