/* test_options.c - TCP options: every kind, every wrong length, every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tcp/options.h>

#define PARSE(o, ...)                                                                              \
	tcp_options_parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), o)

static void reads_all_of_a_syn(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 3, 3, 7));
	assert_int_equal(o.present, TCP_OPT_MSS | TCP_OPT_SACK_OK | TCP_OPT_TS | TCP_OPT_WSCALE);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.ts_val, 7);
	assert_int_equal(o.ts_ecr, 9);
	assert_int_equal(o.wscale, 7);
}

static void order_and_alignment_do_not_matter(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(
		PARSE(&o, 1, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 3, 3, 7, 2, 4, 5, 0xb4, 1, 0));
	assert_int_equal(o.present, TCP_OPT_MSS | TCP_OPT_SACK_OK | TCP_OPT_TS | TCP_OPT_WSCALE);
}

static void nothing_is_nothing(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(tcp_options_parse(NULL, 0, &o));
	assert_int_equal(o.present, 0);
	assert_int_equal(o.n_sack, 0);
}

static void end_ends(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 0, 4, 2, 9));
	assert_int_equal(o.present, 0);
}

static void unknown_kinds_are_skipped(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 253, 6, 'a', 'b', 'c', 'd', 34, 2, 4, 2));
	assert_int_equal(o.present, TCP_OPT_SACK_OK);
}

static void length_zero_or_one_stops(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_false(PARSE(&o, 4, 2, 253, 0, 2, 4, 5, 0xb4));
	assert_int_equal(o.present, TCP_OPT_SACK_OK);
	assert_false(PARSE(&o, 253, 1, 4, 2));
	assert_int_equal(o.present, 0);
}

static void length_beyond_the_end_stops(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_false(PARSE(&o, 2, 4, 5));
	assert_false(PARSE(&o, 8, 10, 0, 0, 0, 0, 0, 0, 0));
	assert_false(PARSE(&o, 3));
	assert_false(PARSE(&o, 2, 255, 5, 0xb4));
	assert_int_equal(o.present, 0);
}

static void known_kind_of_wrong_length_is_absent(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 2, 3, 5, 3, 4, 7, 7, 4, 3, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(o.present, 0);
}

static void window_scale_over_14_counts_as_14(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 3, 3, 20));
	assert_int_equal(o.wscale, 14);
	assert_true(PARSE(&o, 3, 3, 14));
	assert_int_equal(o.wscale, 14);
}

static void sack_blocks_are_read(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4));
	assert_int_equal(o.n_sack, 2);
	assert_int_equal(o.sack[0].start, 1);
	assert_int_equal(o.sack[0].end, 2);
	assert_int_equal(o.sack[1].end, 4);
}

static void sack_of_odd_length_is_absent(void **state)
{
	struct tcp_options o;

	(void)state;
	assert_true(PARSE(&o, 5, 9, 0, 0, 0, 1, 0, 0, 0));
	assert_int_equal(o.n_sack, 0);
	assert_true(PARSE(&o, 5, 2));
	assert_int_equal(o.n_sack, 0);
}

static void written_is_read_back(void **state)
{
	struct tcp_options in = {.present = 15,
				 .mss = 8960,
				 .wscale = 3,
				 .ts_val = 0xdeadbeef,
				 .ts_ecr = 0x01020304};
	struct tcp_options out;
	uint8_t buf[TCP_OPTIONS_MAX];
	unsigned n = tcp_options_write(buf, &in);

	(void)state;
	assert_int_equal(n % 4, 0);
	assert_true(tcp_options_parse(buf, n, &out));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void four_blocks_fit_alone_three_beside_timestamps(void **state)
{
	struct tcp_options in = {.n_sack = 4}, out;
	uint8_t buf[TCP_OPTIONS_MAX];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		in.sack[i] = (struct tcp_sack_block){i * 10, i * 10 + 5};
	assert_true(tcp_options_parse(buf, tcp_options_write(buf, &in), &out));
	assert_int_equal(out.n_sack, 4);
	in.present = TCP_OPT_TS;
	assert_int_equal(tcp_options_write(buf, &in), 40);
	assert_true(tcp_options_parse(buf, 40, &out));
	assert_int_equal(out.n_sack, 3);
	assert_int_equal(out.sack[2].start, 20);
}

/* The bytes end at a page that must not be touched, at every length. */
static void never_reads_beyond_the_end(void **state)
{
	static const uint8_t all[] = {2, 4, 5, 0xb4, 1, 3, 3,  7, 4, 2, 8, 10, 0, 0, 0, 7,   0,
				      0, 0, 9, 1,    1, 5, 10, 0, 0, 0, 1, 0,  0, 0, 2, 253, 8};
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct tcp_options o;

	(void)state;
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, (size_t)page, PROT_NONE), 0);
	for (unsigned from = 0; from < sizeof(all); from++)
		for (unsigned n = 0; n <= sizeof(all) - from; n++) {
			uint8_t *p = map + page - n;

			memcpy(p, all + from, n);
			tcp_options_parse(p, n, &o);
			assert_true(o.n_sack <= TCP_SACK_MAX);
		}
	munmap(map, (size_t)page * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_of_a_syn),
		cmocka_unit_test(order_and_alignment_do_not_matter),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(end_ends),
		cmocka_unit_test(unknown_kinds_are_skipped),
		cmocka_unit_test(length_zero_or_one_stops),
		cmocka_unit_test(length_beyond_the_end_stops),
		cmocka_unit_test(known_kind_of_wrong_length_is_absent),
		cmocka_unit_test(window_scale_over_14_counts_as_14),
		cmocka_unit_test(sack_blocks_are_read),
		cmocka_unit_test(sack_of_odd_length_is_absent),
		cmocka_unit_test(written_is_read_back),
		cmocka_unit_test(four_blocks_fit_alone_three_beside_timestamps),
		cmocka_unit_test(never_reads_beyond_the_end),
	};

	return cmocka_run_group_tests_name("tcp options", tests, NULL, NULL);
}
