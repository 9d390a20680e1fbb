/* test_addr.c - addresses as they are given out, one after the other, spread over a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/addr_set.h>
#include <weir/listener.h>

#define N    16384u
#define SIZE (2 * N)

/* The longest run of taken places that a table with linear probing gets, half full. */
static unsigned longest_run(const uint32_t *hashes)
{
	static uint8_t taken[SIZE];
	unsigned longest = 0, run = 0;

	memset(taken, 0, sizeof(taken));
	for (unsigned i = 0; i < N; i++) {
		uint32_t at = hashes[i] % SIZE;

		while (taken[at])
			at = (at + 1) % SIZE;
		taken[at] = 1;
	}
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		run = taken[i % SIZE] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static struct ip_addr number_v4(unsigned i)
{
	return ip_addr_v4(htonl(0x0a600000 + i));
}

static struct ip_addr every_256th_v4(unsigned i)
{
	return ip_addr_v4(htonl(0x0a000000 + i * 256));
}

static struct ip_addr number_v6(unsigned i)
{
	struct ip_addr a;
	char text[64];

	snprintf(text, sizeof(text), "2001:2::%x:%x", i >> 16, i & 0xffff);
	assert_true(ip_addr_parse(text, &a));
	return a;
}

static struct ip_addr net_v6(unsigned i)
{
	struct ip_addr a;
	char text[64];

	snprintf(text, sizeof(text), "2001:2:0:%x::1", i);
	assert_true(ip_addr_parse(text, &a));
	return a;
}

static void addresses_in_a_row_are_spread(void **state)
{
	/* Each in a form that a weaker mixing has put into one run. */
	struct ip_addr (*const rows[])(unsigned) = {number_v4, every_256th_v4, number_v6, net_v6};
	static uint32_t set[N], listener[N], port[N];

	(void)state;
	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (unsigned i = 0; i < N; i++) {
			struct ip_addr a = rows[r](i);

			set[i] = addr_set_hash(&a);
			listener[i] = listener_hash(&a, 80);
			a = rows[r](7);
			port[i] = listener_hash(&a, (uint16_t)i);
		}
		assert_in_range(longest_run(set), 1, 100);
		assert_in_range(longest_run(listener), 1, 100);
		assert_in_range(longest_run(port), 1, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_in_a_row_are_spread)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
