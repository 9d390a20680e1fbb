/* wire.c - the network layer on a real device, for tests/unit/net/wire.sh: answers echo
 * requests, and reflects every TCP packet while holding a reference to it, as TCP's send
 * queue does. When it ends it says whether what it held was left alone. With a second
 * interface, what arrives on the first is sent on to TARGET by the second, from the same
 * mbufs.
 *
 * usage: wire SECONDS WORKERS DEVICE ADDRESS PREFIX_LENGTH
 *             [DEVICE ADDRESS PREFIX_LENGTH TARGET] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <net/context.h>
#include <net/pkt.h>

#include "../../eal.h"

#define HELD     512
#define CHECK_US 1000000

struct held {
	struct rte_mbuf *m;
	uint64_t sum, at_us;
	uint16_t off, len;
};

struct worker {
	struct net *net;
	struct counters counters;
	struct held held[HELD]; /* a ring: at most HELD unacknowledged */
	unsigned head, tail;
	uint64_t reflected, damaged, still_shared, sleeps;
	int wake_fd;
	uint64_t end_us;
	bool relays;
	struct ip_addr target, target_src;
};

static uint64_t now_us(void)
{
	return rte_rdtsc() / (rte_get_tsc_hz() / 1000000);
}

static void on_icmp(void *owner, const struct net_addr *l, const struct net_addr *r, uint32_t seq,
		    bool hard, uint16_t mtu)
{
	(void)owner, (void)l, (void)r;
	printf("icmp error seq=%u hard=%d mtu=%u\n", seq, hard, mtu);
}

static void on_unreachable(void *owner, const struct net_addr *l, const struct net_addr *r)
{
	(void)owner, (void)l, (void)r;
	printf("unreachable\n");
}

static bool captures(void *owner, const struct net_addr *local, const struct net_addr *remote)
{
	(void)owner, (void)remote;
	return local->port == 7777;
}

static const struct net_ops ops = {
	.icmp_error = on_icmp, .unreachable = on_unreachable, .captures = captures};

static uint64_t bytes_sum(const struct held *h)
{
	return cksum_add(0, (const char *)h->m->buf_addr + h->off, h->len);
}

static void release_oldest(struct worker *w)
{
	struct held *h = &w->held[w->tail++ % HELD];

	w->damaged += bytes_sum(h) != h->sum;
	w->still_shared += rte_mbuf_refcnt_read(h->m) > 1;
	rte_pktmbuf_free(h->m);
}

static void reflect(struct worker *w, struct rte_mbuf *m, uint64_t now)
{
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	struct net_addr src = {pkt_priv(m)->dst, rte_be_to_cpu_16(tcp->dst_port)};
	struct net_addr dst = {pkt_priv(m)->src, rte_be_to_cpu_16(tcp->src_port)};
	uint16_t hdr = (uint16_t)((tcp->data_off >> 4) * 4);
	struct held *h;

	if (w->head - w->tail == HELD)
		release_oldest(w);
	if (!net_steers_here(w->net, &src, &dst))
		printf("worker got a packet of another\n");
	if (w->relays && pkt_priv(m)->port == 0) {
		src.ip = w->target_src;
		dst.ip = w->target;
	}
	tcp->src_port = rte_cpu_to_be_16(src.port);
	tcp->dst_port = rte_cpu_to_be_16(dst.port);
	h = &w->held[w->head++ % HELD];
	*h = (struct held){.m = m, .at_us = now, .off = m->data_off, .len = m->data_len};
	h->off = (uint16_t)(h->off + hdr);
	h->len = (uint16_t)(h->len - hdr);
	h->sum = bytes_sum(h);
	rte_mbuf_refcnt_update(m, 1);
	m->l4_len = hdr;
	w->reflected++;
	net_tx_tcp(w->net, &src, &dst, m, NULL);
}

static int run(void *arg)
{
	struct worker *w = arg;
	uint64_t now, last = 0;

	while ((now = now_us()) < w->end_us) {
		struct rte_mbuf *pkts[64];
		bool work = false;
		unsigned n = net_rx(w->net, now, pkts, 64, &work);

		for (unsigned i = 0; i < n; i++)
			reflect(w, pkts[i], now);
		net_timers(w->net, now);
		net_flush(w->net);
		while (w->tail != w->head && now - w->held[w->tail % HELD].at_us > CHECK_US)
			release_oldest(w);
		if (work)
			last = now;
		if (now - last > 200) {
			w->sleeps++;
			net_wait(w->net, w->wake_fd, 100000);
		}
	}
	while (w->tail != w->head)
		release_oldest(w);
	return 0;
}

static void report(const struct worker *w, unsigned i)
{
	printf("worker %u: reflected=%lu damaged=%lu still_shared=%lu sleeps=%lu", i, w->reflected,
	       w->damaged, w->still_shared, w->sleeps);
#define X(id, name, help)                                                                          \
	if (w->counters.v[CTR_##id])                                                               \
		printf(" %s=%lu", #id, w->counters.v[CTR_##id]);
	NET_COUNTERS(X)
#undef X
	printf("\n");
}

static void report_device(unsigned i, uint16_t id)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(id, &stats) == 0)
		printf("device %u: missed=%lu rx_errors=%lu tx_errors=%lu\n", i, stats.imissed,
		       stats.ierrors, stats.oerrors);
}

static void configure(struct iface_config *i, const char *name, char **argv)
{
	snprintf(i->name, sizeof(i->name), "%s", name);
	snprintf(i->device, sizeof(i->device), "%s", argv[0]);
	i->mtu = 1500;
	i->n_addrs = 1;
	ip_addr_parse(argv[1], &i->addrs[0].ip);
	i->addrs[0].len = (uint8_t)(96 + atoi(argv[2]));
}

static bool start_eal(unsigned n_workers)
{
	char lcores[32];

	/* Workers share the cores: lcore ids are not CPU numbers. */
	snprintf(lcores, sizeof(lcores), "(0-%u)@(0-1)", n_workers);
	return test_eal_init_on(lcores, "wire", "256");
}

static void prepare(struct worker *w, struct net_ports *ports, unsigned i, int argc, char **argv)
{
	w->wake_fd = eventfd(0, EFD_NONBLOCK);
	net_set_wake_fd(ports, i, w->wake_fd);
	w->net = net_create(ports, i, &ops, w, &w->counters);
	w->end_us = now_us() + (uint64_t)atoi(argv[1]) * 1000000;
	w->relays = argc == 10;
	if (w->relays) {
		ip_addr_parse(argv[7], &w->target_src);
		ip_addr_parse(argv[9], &w->target);
	}
}

int main(int argc, char **argv)
{
	static struct worker workers[8];
	static struct dataplane_config cfg;
	struct rte_mempool *pool;
	struct net_ports *ports;
	unsigned lcore, i = 0;
	char err[512];

	if (argc != 6 && argc != 10)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	cfg.n_workers = (unsigned)atoi(argv[2]);
	cfg.n_ifaces = argc == 10 ? 2 : 1;
	cfg.memory = 128 << 20;
	configure(&cfg.ifaces[0], "first", argv + 3);
	if (argc == 10)
		configure(&cfg.ifaces[1], "second", argv + 6);
	if (!start_eal(cfg.n_workers))
		return 1;
	ports = net_ports_open(&cfg, &pool, err, sizeof(err));
	if (!ports) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	for (i = 0; i < cfg.n_workers; i++)
		prepare(&workers[i], ports, i, argc, argv);
	printf("ready: rxq=%u txq=%u wake=%u chains=%d cksum=%d pool=%u\n", ports->ports[0].n_rxq,
	       ports->ports[0].n_txq, ports->ports[0].wake[0], ports->ports[0].tx_chains,
	       ports->ports[0].tx_cksum, pool->size);
	i = 0;
	RTE_LCORE_FOREACH_WORKER (lcore)
		rte_eal_remote_launch(run, &workers[i++], lcore);
	rte_eal_mp_wait_lcore();
	for (i = 0; i < cfg.n_workers; i++)
		report(&workers[i], i);
	printf("mbufs in use: %u\n", rte_mempool_in_use_count(pool));
	for (i = 0; i < cfg.n_ifaces; i++)
		report_device(i, ports->ports[i].id);
	for (i = 0; i < cfg.n_workers; i++)
		net_destroy(workers[i].net);
	net_ports_close(ports);
	return 0;
}
