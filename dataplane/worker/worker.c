/* worker.c - puts one worker's layers together: who calls whom is all in here. */
#include <worker/worker.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_cycles.h>

/* Upstream connections and those still closing, beside each client's. */
#define CONNS_PER_CLIENT 2
#define CONNS_SPARE      4096
#define ORPHANS_PART     4u /* of all: connections that nobody has any more */

#define IPV6_HEADERS 60 /* with TCP's */

/* ---- TCP downward and upward ---- */

static void tcp_output(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		       struct rte_mbuf *m)
{
	struct worker *w = owner;

	net_tx_tcp(w->net, &t->local, &t->remote, m, conn ? tcp_conn_path(conn) : NULL);
}

static bool tcp_busy(void *owner)
{
	struct worker *w = owner;

	return net_tx_busy(w->net);
}

static bool tcp_admit(void *owner, const struct tcp_tuple *t, uint64_t *cookie)
{
	struct worker *w = owner;

	return proxy_admit(w->proxy, &t->local, cookie);
}

static bool tcp_unclaimed(void *owner, struct rte_mbuf *m)
{
	struct worker *w = owner;

	return net_punt_tcp(w->net, m);
}

static void tcp_accepted(void *owner, struct bytestream *s)
{
	struct worker *w = owner;

	proxy_accept(w->proxy, s);
}

static bool tcp_steer(void *owner, const struct tcp_tuple *t)
{
	struct worker *w = owner;

	return net_steers_here(w->net, &t->local, &t->remote);
}

static uint16_t tcp_mtu(void *owner, const struct tcp_tuple *t)
{
	struct worker *w = owner;
	struct ip_addr src;
	uint16_t mtu;

	return net_route(w->net, &t->remote.ip, &src, &mtu) ? mtu : 0;
}

static void tcp_timer_fired(void *arg, struct wheel_timer *t)
{
	struct worker *w = arg;

	tcp_timer(w->tcp, t);
}

/* ---- IP upward ---- */

static void net_icmp_error(void *owner, const struct net_addr *local, const struct net_addr *remote,
			   uint32_t seq, bool hard, uint16_t mtu)
{
	struct worker *w = owner;
	struct tcp_tuple t = {.local = *local, .remote = *remote};

	tcp_take_icmp_error(w->tcp, &t, seq, hard, mtu);
}

static void net_unreachable(void *owner, const struct net_addr *local,
			    const struct net_addr *remote)
{
	struct worker *w = owner;
	struct tcp_tuple t = {.local = *local, .remote = *remote};

	tcp_unreachable(w->tcp, &t);
}

/* A connection outlives the VIP it was opened to: its requests are still answered. */
static bool net_captures(void *owner, const struct net_addr *local, const struct net_addr *remote)
{
	struct worker *w = owner;
	struct tcp_tuple t = {.local = *local, .remote = *remote};

	return proxy_captures(w->proxy, &local->ip, local->port) || tcp_knows(w->tcp, &t);
}

static bool net_mail(void *owner)
{
	const struct worker *w = owner;

	return proxy_has_mail(w->proxy);
}

static const struct net_ops net_ops = {
	.mail = net_mail,
	.icmp_error = net_icmp_error,
	.unreachable = net_unreachable,
	.captures = net_captures,
};

/* ---- making a worker ---- */

static uint64_t random_u64(void)
{
	uint64_t v;

	while (getrandom(&v, sizeof(v), 0) != sizeof(v))
		;
	return v;
}

static struct tcp_config tcp_config(const struct tcp_settings *s)
{
	struct tcp_config cfg = tcp_config_default();

	cfg.cc = s->congestion;
	cfg.ecn = s->ecn;
	cfg.cookies = s->cookies;
	cfg.max_half_open = s->half_open;
	cfg.max_time_wait = s->time_waits;
	cfg.time_wait_us = s->time_wait_us;
	cfg.keepalive_us = s->keepalive_us;
	cfg.zero_window_us = s->zero_window_us;
	cfg.rcv_buf = (uint32_t)s->rcv_buf;
	cfg.snd_limit = (uint32_t)s->snd_buf;
	return cfg;
}

static bool make_tcp(struct worker *w, const struct tcp_settings *settings, uint32_t conns,
		     struct rte_mempool *pool)
{
	struct tcp_config cfg = tcp_config(settings);
	uint64_t secret[2] = {random_u64(), random_u64()};

	static_assert(sizeof(secret) == sizeof(cfg.secret), "one key");
	memcpy(cfg.secret, secret, sizeof(secret));
	cfg.max_conns = conns * CONNS_PER_CLIENT + CONNS_SPARE + cfg.max_half_open;
	cfg.max_orphans = cfg.max_conns / ORPHANS_PART;
	/* An IPv4 backend's full segment is 20 bytes too long for an IPv6 client. */
	if (net_ipv6_mtu(w->net))
		cfg.connect_mss = (uint16_t)(net_ipv6_mtu(w->net) - IPV6_HEADERS);
	w->tcp_ops = (struct tcp_ops){
		.output = tcp_output,
		.busy = tcp_busy,
		.admit = tcp_admit,
		.unclaimed = net_punts(w->net) ? tcp_unclaimed : NULL,
		.accepted = tcp_accepted,
		.mtu = tcp_mtu,
		.scattered_output = net_scattered_tx(w->net),
	};
	w->tcp = tcp_create(&cfg, &w->tcp_ops, w, &w->tcp_wheel, pool, &w->counters);
	return w->tcp != NULL;
}

static bool make_proxy(struct worker *w, const struct dataplane_config *cfg, uint32_t conns,
		       struct rte_mempool *pool)
{
	struct proxy_env env = {
		.worker = w->index,
		.n_workers = cfg->n_workers,
		.http = &cfg->http,
		.tcp = w->tcp,
		.net = w->net,
		.pool = pool,
		.counters = &w->counters,
		.log = cfg->access_log ? w->log : NULL,
		.stats = w->stats,
		.max_conns = conns,
		.open = cfg->max_downstream ? w->downstream : NULL,
		.max_open = cfg->max_downstream,
		.seed = random_u64(),
		.steer = tcp_steer,
		.mailboxes = w->mailboxes,
	};

	w->proxy = proxy_create(&env);
	return w->proxy != NULL;
}

bool worker_init(struct worker *w, const struct dataplane_config *cfg, struct net_ports *ports,
		 struct rte_mempool *pool, char *err, size_t err_len)
{
	uint32_t conns = cfg->max_connections / cfg->n_workers + 1;

	w->pool = pool;
	w->adaptive = cfg->idle == IDLE_ADAPTIVE;
	if (w->tsc_start == 0)
		w->tsc_start = rte_rdtsc();
	if (w->us_per_tsc == 0)
		w->us_per_tsc = (uint64_t)(((unsigned __int128)1000000 << 32) / rte_get_tsc_hz());
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->stats = calloc(1, sizeof(*w->stats));
	w->log = aligned_alloc(64, sizeof(*w->log));
	if (w->wake_fd < 0 || !w->stats || !w->log)
		goto no_memory;
	w->log->head = w->log->tail = 0;
	wheel_init(&w->tcp_wheel, 1000000, tcp_timer_fired, w);
	w->net = net_create(ports, w->index, &net_ops, w, &w->counters);
	if (!w->net || !make_tcp(w, &cfg->tcp, conns, pool) || !make_proxy(w, cfg, conns, pool))
		goto no_memory;
	net_set_wake_fd(ports, w->index, w->wake_fd);
	return true;
no_memory:
	snprintf(err, err_len,
		 "no memory for worker %u with %u connections: lower dataplane.connections",
		 w->index, conns);
	return false;
}

void worker_fini(struct worker *w)
{
	proxy_destroy(w->proxy);
	if (w->tcp)
		tcp_destroy(w->tcp);
	if (w->net)
		net_destroy(w->net);
	free(w->stats);
	free(w->log);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
}
