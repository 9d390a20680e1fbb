/* test_flows.c - ports name slots and back, and the hash table against a plain array. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <rte_common.h>

#include <flows.h>

static void ports_name_slots(void **state)
{
	static const uint32_t conns[] = {1, 2, 63, 64, 65, 1000, 60000};
	static const uint32_t addrs[] = {1, 2, 3, 17};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(conns) * RTE_DIM(addrs); i++) {
		uint32_t n = conns[i / RTE_DIM(addrs)], n_addrs = addrs[i % RTE_DIM(addrs)];
		struct port_plan p;

		assert_true(port_plan_init(&p, n, n_addrs, 65536));
		for (uint32_t slot = 0; slot < n; slot++) {
			uint16_t port = port_plan_port(&p, slot, 0);

			for (uint32_t cycle = 0; cycle < RTE_MIN(p.cycles, 100u); cycle++) {
				assert_true(port >= FLOWS_PORT_MIN);
				assert_int_equal(port_plan_slot(&p, port_plan_addr(&p, slot), port),
						 slot);
				port = port_plan_next(&p, slot, port);
			}
		}
	}
}

static void a_slot_comes_back_after_all_its_ports(void **state)
{
	struct port_plan p;
	uint16_t first, port;
	uint32_t n = 0;

	(void)state;
	assert_true(port_plan_init(&p, 64, 1, 65536));
	first = port = port_plan_port(&p, 5, 0);
	do {
		port = port_plan_next(&p, 5, port);
		n++;
	} while (port != first);
	assert_int_equal(n, p.cycles);
	assert_true(n >= 1000);
}

static void a_million_needs_sixteen_addresses(void **state)
{
	struct port_plan p;

	(void)state;
	assert_false(port_plan_init(&p, 1000000, 15, 65536));
	assert_true(port_plan_init(&p, 1000000, 16, 65536));
	for (uint32_t slot = 0; slot < 1000000; slot += 991)
		assert_int_equal(
			port_plan_slot(&p, port_plan_addr(&p, slot), port_plan_port(&p, slot, 0)),
			slot);
}

/* ---- the table ---- */

#define N 500

static uint32_t draw(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static uint32_t hash_of(const struct conn *c)
{
	return flow_hash(c->backend.raddr, c->port, c->addr);
}

static void table_finds_what_is_in_it(void **state)
{
	static struct conn conns[N];
	bool in[N] = {false};
	struct flow_table t;
	uint32_t x = 1;

	(void)state;
	assert_true(flow_table_init(&t, N));
	for (uint32_t i = 0; i < N; i++) {
		conns[i].backend.raddr = 0x0a000000 + i / 7;
		conns[i].port = (uint16_t)(1024 + i % 7);
	}
	for (unsigned step = 0; step < 20000; step++) {
		uint32_t i = draw(&x) % N;

		if (in[i])
			flow_remove(&t, hash_of(&conns[i]), i);
		else
			flow_insert(&t, hash_of(&conns[i]), i);
		in[i] = !in[i];
		i = draw(&x) % N;
		assert_int_equal(flow_find(&t, conns, hash_of(&conns[i]), conns[i].backend.raddr,
					   conns[i].port, conns[i].addr),
				 in[i] ? i : FLOWS_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_name_slots),
		cmocka_unit_test(a_slot_comes_back_after_all_its_ports),
		cmocka_unit_test(a_million_needs_sixteen_addresses),
		cmocka_unit_test(table_finds_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
