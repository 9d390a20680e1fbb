/* test_bond.c - bonds of net_null devices: made, taken apart, refused; and what is said when
 * another member carries the traffic. */
#include "box.h"

#include <unistd.h>

#include <net/bond.h>

#define NEVER_MS 60000u /* net_null's link is looked at, not told */

static void configure(struct dataplane_config *cfg, enum bond_mode mode, uint32_t interval_ms)
{
	struct iface_config *i = &cfg->ifaces[0];

	box_configure(cfg, 1);
	snprintf(i->device, sizeof(i->device), "bond of net_null0");
	i->bond = (struct bond_config){.mode = mode,
				       .hash = BOND_LAYER34,
				       .link_interval_ms = interval_ms,
				       .n_members = 2,
				       .members = {"net_null0", "net_null1"}};
	i->addrs[i->n_addrs++] = (struct ip_prefix){ip("2001:2::2"), 64};
	i->dad_transmits = 1;
}

static uint64_t said(const struct box *b, enum counter_id id)
{
	return counter_read(&b->counters[0], id);
}

static void turn(struct box *b, uint64_t us)
{
	b->now_us += us;
	net_timers(b->net[0], b->now_us);
	net_flush(b->net[0]);
}

/* The driver looks by a thread of its own. */
static void wait_for_a_member(struct box *b)
{
	for (unsigned i = 0; i < 5000 && bond_is_down(b->net[0], 0); i++) {
		usleep(1000);
		turn(b, 10000);
	}
	assert_false(bond_is_down(b->net[0], 0));
}

static void a_bond_is_one_port(void **state)
{
	static const enum bond_mode modes[] = {BOND_ACTIVE_BACKUP, BOND_BALANCE};
	struct dataplane_config cfg;

	(void)state;
	for (unsigned i = 0; i < 2 * RTE_DIM(modes); i++) {
		struct rte_ether_addr mac;
		struct port *port;
		struct box *b;

		configure(&cfg, modes[i / 2], NEVER_MS);
		b = box_open_as(&cfg);
		port = &b->ports->ports[0];
		assert_int_equal(rte_eth_dev_count_avail(), 3);
		assert_int_equal(port->n_members, 2);
		assert_true(port->vdev);
		rte_eth_macaddr_get(port->members[0], &mac);
		assert_true(rte_is_same_ether_addr(&mac, &port->mac));
		box_close(b);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
	}
}

static void nothing_is_asked_while_nobody_hears(void **state)
{
	struct dataplane_config cfg;
	struct box *b;

	(void)state;
	configure(&cfg, BOND_ACTIVE_BACKUP, NEVER_MS);
	b = box_open_as(&cfg);
	for (unsigned i = 0; i < 500; i++)
		turn(b, 10000);
	assert_true(bond_is_down(b->net[0], 0));
	assert_int_equal(said(b, CTR_NET_ND_OUT), 0);
	assert_int_equal(said(b, CTR_NET_BOND_CHANGES), 0);
	box_close(b);
}

static void who_carries_is_announced(void **state)
{
	struct dataplane_config cfg;
	uint64_t arp, nd, mld;
	struct box *b;

	(void)state;
	configure(&cfg, BOND_ACTIVE_BACKUP, 1);
	b = box_open_as(&cfg);
	wait_for_a_member(b);
	assert_int_equal(said(b, CTR_NET_BOND_CHANGES), 1);
	for (unsigned i = 0; i < 20; i++)
		turn(b, 1000000);
	arp = said(b, CTR_NET_ARP_OUT);
	nd = said(b, CTR_NET_ND_OUT);
	mld = said(b, CTR_NET_MLD_OUT);
	turn(b, 60000000);
	assert_int_equal(said(b, CTR_NET_ARP_OUT), arp);
	/* As if it had been another one until now. */
	b->net[0]->bond_active[0] = b->ports->ports[0].members[1];
	for (unsigned i = 0; i < 20; i++)
		turn(b, 1000000);
	assert_int_equal(said(b, CTR_NET_BOND_CHANGES), 2);
	assert_int_equal(said(b, CTR_NET_ARP_OUT), arp + ANNOUNCEMENTS);
	assert_true(said(b, CTR_NET_ND_OUT) > nd);
	assert_true(said(b, CTR_NET_MLD_OUT) > mld);
	box_close(b);
}

static unsigned members_up(const struct box *b)
{
	return bond_member_up(b->ports, 0, 0) | (unsigned)bond_member_up(b->ports, 0, 1) << 1;
}

static void wait_for_members(struct box *b, unsigned want)
{
	for (unsigned i = 0; i < 5000 && members_up(b) != want; i++) {
		usleep(1000);
		turn(b, 10000);
	}
	assert_int_equal(members_up(b), want);
}

/* Each for itself, also the one that waits for its turn. A net_null that is stopped has its
 * link down. */
static void who_can_carry_is_known(void **state)
{
	static const enum bond_mode modes[] = {BOND_ACTIVE_BACKUP, BOND_BALANCE};
	struct dataplane_config cfg;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(modes); i++) {
		const uint16_t *members;
		struct box *b;

		configure(&cfg, modes[i], 1);
		b = box_open_as(&cfg);
		members = b->ports->ports[0].members;
		assert_int_equal(members_up(b), 0);
		wait_for_members(b, 3);
		assert_int_equal(rte_eth_dev_stop(members[0]), 0);
		wait_for_members(b, 2);
		assert_int_equal(rte_eth_dev_stop(members[1]), 0);
		wait_for_members(b, 0);
		assert_true(bond_is_down(b->net[0], 0));
		assert_int_equal(rte_eth_dev_start(members[0]), 0);
		wait_for_members(b, 1);
		box_close(b);
	}
}

static void expect_refusal(const char *a, const char *b, const char *part)
{
	struct dataplane_config cfg;
	struct rte_mempool *pool;
	char err[512] = "";

	configure(&cfg, BOND_BALANCE, 10);
	cfg.ifaces[0].bond.members[0] = a;
	cfg.ifaces[0].bond.members[1] = b;
	assert_null(net_ports_open(&cfg, &pool, err, sizeof(err)));
	assert_non_null(strstr(err, "interface ext"));
	assert_non_null(strstr(err, part));
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void who_cannot_be_a_member_is_said(void **state)
{
	(void)state;
	expect_refusal("net_null0", "net_nonsense", "net_nonsense");
	expect_refusal("net_null0", "net_ring", "net_ring cannot be a member of a bond");
	expect_refusal("net_af_packet,iface=nowhere9", "net_null0", "nowhere9");
	box_free_rings();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bond_is_one_port),
		cmocka_unit_test(nothing_is_asked_while_nobody_hears),
		cmocka_unit_test(who_carries_is_announced),
		cmocka_unit_test(who_can_carry_is_known),
		cmocka_unit_test(who_cannot_be_a_member_is_said),
	};

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
