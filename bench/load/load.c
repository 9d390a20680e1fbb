/* load.c - see load.h. */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include <net/net.h>
#include <net/port.h>

#define MEMIF_LOOP     "net_memif-loop"
#define MEMIF_CLIENT   "role=client"
#define MEMIF_WAIT_S   10
#define LINK_US        500000 /* from the start of a port to its link's coming up */
#define LINK_STEP_US   50000
#define MEMIF_CLOSE_US 50000 /* the driver's own thread notices that the other end is gone */
#define FAREWELL_MS    1000  /* for the backend's connections to close */
#define LINGER_MS      20    /* for the peer to read the last frames */
#define MIB            (1024ull * 1024)

/* ---- devices ---- */

static void add_device(struct dataplane_config *cfg, const struct options *o, const char *device)
{
	struct iface_config *iface = &cfg->ifaces[cfg->n_ifaces++];

	snprintf(iface->name, sizeof(iface->name), "load%u", cfg->n_ifaces - 1);
	snprintf(iface->device, sizeof(iface->device), "%s", device);
	iface->mtu = (uint16_t)o->mtu;
}

/* The two ends of a memif within the process; the abstract socket leaves no file behind. */
static void add_memif_pair(struct dataplane_config *cfg, const struct options *o)
{
	static const char *const roles[] = {"server", "client"};
	char device[128];

	for (unsigned i = 0; i < RTE_DIM(roles); i++) {
		snprintf(device, sizeof(device),
			 "net_memif%u,role=%s,id=0,socket=weir-load-%d,socket-abstract=yes", i,
			 roles[i], (int)getpid());
		add_device(cfg, o, device);
	}
}

static bool link_comes_up(uint16_t port)
{
	for (unsigned us = 0; us < LINK_US; us += LINK_STEP_US) {
		struct rte_eth_link link = {0};

		rte_eth_link_get_nowait(port, &link);
		if (link.link_status)
			return true;
		usleep(LINK_STEP_US);
	}
	return false;
}

/* A memif client needs its server, and connects only when it is started; whoever starts both
 * need not care which comes first. */
static bool open_memif_client(struct load *l, const struct dataplane_config *cfg,
			      struct rte_mempool **pool, const volatile int *stop, char *err,
			      size_t err_len)
{
	uint64_t end = rte_rdtsc() + MEMIF_WAIT_S * rte_get_tsc_hz();

	while (rte_rdtsc() < end && !*stop) {
		l->ports = net_ports_open(cfg, pool, err, err_len);
		if (l->ports && link_comes_up(l->ports->ports[0].id)) {
			err[0] = '\0'; /* of the tries before */
			return true;
		}
		net_ports_close(l->ports);
		l->ports = NULL;
		usleep(LINK_STEP_US);
	}
	snprintf(err, err_len, "no memif server connects to %s (waited %u s)", l->o.device,
		 MEMIF_WAIT_S);
	return false;
}

static bool open_ports(struct load *l, const struct dataplane_config *cfg,
		       struct rte_mempool **pool, const volatile int *stop, char *err,
		       size_t err_len)
{
	if (strncmp(l->o.device, "net_memif,", 10) == 0 && strstr(l->o.device, MEMIF_CLIENT))
		return open_memif_client(l, cfg, pool, stop, err, err_len);
	l->ports = net_ports_open(cfg, pool, err, err_len);
	return l->ports != NULL;
}

static bool open_wires(struct load *l, const volatile int *stop, char *err, size_t err_len)
{
	struct dataplane_config cfg = {.n_workers = 1, .memory = l->o.memory_mib * MIB};
	struct rte_mempool *pool;

	if (strcmp(l->o.device, MEMIF_LOOP) == 0)
		add_memif_pair(&cfg, &l->o);
	else
		add_device(&cfg, &l->o, l->o.device);
	if (!open_ports(l, &cfg, &pool, stop, err, err_len))
		return false;
	l->n_wires = l->ports->n_ports;
	for (unsigned i = 0; i < l->n_wires; i++)
		wire_init(&l->wires[i], l->ports->ports[i].id, pool,
			  l->o.has_mac ? &l->o.mac : NULL);
	l->client_wire = &l->wires[0];
	l->backend_wire = &l->wires[l->n_wires - 1];
	return true;
}

bool load_open(struct load *l, const volatile int *stop, char *err, size_t err_len)
{
	if (!open_wires(l, stop, err, err_len))
		return false;
	clock_init(&l->clock);
	pattern_init(&l->pattern);
	if (l->o.backend &&
	    !backend_init(&l->backend, &l->o, &l->pattern, l->backend_wire, &l->clock)) {
		snprintf(err, err_len, "no memory for %u backend connections",
			 l->o.backend_connections);
		return false;
	}
	if (l->o.backend)
		wire_add_range(l->backend_wire, l->o.backend_ip, l->o.backend_addresses);
	if (l->o.client &&
	    !client_init(&l->client, &l->o, &l->pattern, l->client_wire, &l->clock)) {
		snprintf(err, err_len, "%s", l->client.error);
		return false;
	}
	if (l->o.client)
		wire_add_range(l->client_wire, l->o.clients, l->o.client_addresses);
	return true;
}

void load_close(struct load *l)
{
	if (l->n_wires > 1) {
		port_stop(&l->ports->ports[0]);
		usleep(MEMIF_CLOSE_US);
	}
	net_ports_close(l->ports);
}

/* ---- a burst ---- */

/* What is known of each packet of a burst, stage by stage. */
struct burst {
	struct rte_mbuf *pkts[WIRE_BURST];
	struct segment segs[WIRE_BURST];
	struct tcp *to[WIRE_BURST]; /* NULL: dealt with */
	uint32_t key[WIRE_BURST];
};

static inline bool is_for(const struct tcp *t, const struct segment *s)
{
	return rte_be_to_cpu_32(s->dst) - t->place.local < t->place.n_local;
}

/* --loss: the same sequence in every run. */
static bool lost(struct load *l)
{
	l->dice = l->dice * 1664525u + 1013904223u;
	return (l->dice >> 8) % 1000 < l->o.loss;
}

/* Which role a frame is for; NULL when for none. */
static inline struct tcp *classify(struct load *l, struct wire *w, struct rte_mbuf *m,
				   struct segment *s)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	bool verify = (w->verify_turn++ & 7) == 0;

	if (unlikely(m->next || (l->o.loss && lost(l))))
		return NULL;
	switch (frame_read(p, m->data_len, verify, s)) {
	case FRAME_SEGMENT:
		break;
	case FRAME_ARP:
		wire_arp(w, p, m->data_len);
		return NULL;
	case FRAME_CHECKSUM:
		w->checksum_errors++;
		return NULL;
	case FRAME_OTHER:
		return NULL;
	}
	if (l->o.client && w == l->client_wire && is_for(&l->client.tcp, s))
		return &l->client.tcp;
	if (l->o.backend && w == l->backend_wire && is_for(&l->backend.tcp, s))
		return &l->backend.tcp;
	return NULL;
}

static inline void input(struct load *l, struct tcp *t, const struct segment *s, uint32_t conn)
{
	if (likely(conn != FLOWS_NONE))
		tcp_input(t, conn, s);
	else if (t == &l->client.tcp)
		client_stray(&l->client, s);
	else
		tcp_input_stray(t, s);
}

static uint32_t receive(struct load *l, struct wire *w)
{
	struct burst b;
	uint16_t n = wire_rx(w, b.pkts);

	if (n == 0)
		return 0;
	clock_read(&l->clock);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b.pkts[i], const uint8_t *));
	for (unsigned i = 0; i < n; i++) {
		b.to[i] = classify(l, w, b.pkts[i], &b.segs[i]);
		if (b.to[i])
			b.key[i] = tcp_lookup_begin(b.to[i], &b.segs[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (b.to[i])
			tcp_lookup_fetch(b.to[i], b.key[i]);
	for (unsigned i = 0; i < n; i++) {
		if (b.to[i])
			input(l, b.to[i], &b.segs[i],
			      tcp_lookup_end(b.to[i], &b.segs[i], b.key[i]));
		wire_recycle(w, b.pkts[i]);
	}
	w->frames_in += n;
	return n;
}

/* ---- the loop ---- */

static uint64_t frames_out(const struct load *l)
{
	return l->wires[0].frames_out + l->wires[1].frames_out;
}

static void pass(struct load *l)
{
	uint64_t sent = frames_out(l), end;
	uint32_t received = 0;

	for (unsigned i = 0; i < l->n_wires; i++)
		received += receive(l, &l->wires[i]);
	if (received == 0)
		clock_read(&l->clock);
	if (l->o.backend) {
		backend_run(&l->backend);
		tcp_timers(&l->backend.tcp);
		tcp_output(&l->backend.tcp);
	}
	if (l->o.client) {
		client_run(&l->client);
		tcp_timers(&l->client.tcp);
		tcp_output(&l->client.tcp);
	}
	for (unsigned i = 0; i < l->n_wires; i++)
		wire_flush(&l->wires[i]);
	end = rte_rdtsc();
	if (received || frames_out(l) != sent)
		l->busy_cycles += end - l->pass_ended;
	l->pass_ended = end;
}

static void read_counts(const struct load *l, struct load_counts *out)
{
	const struct client_counts *c = &l->client.counts;
	const struct tcp_stats *ct = &l->client.tcp.stats, *bt = &l->backend.tcp.stats;

	*out = (struct load_counts){
		.requests = c->requests,
		.responses = c->responses,
		.wrong = c->wrong,
		.connects = c->connects,
		.connect_failures = c->connect_failures,
		.resets = c->resets,
		.timeouts = c->timeouts,
		.bytes_in = ct->bytes_in,
		.bytes_out = ct->bytes_out,
		.retransmits = ct->retransmits + bt->retransmits,
		.busy_cycles = l->busy_cycles,
		.backend_requests = l->backend.counts.requests,
		.backend_wrong = l->backend.counts.wrong,
		.backend_bytes_in = bt->bytes_in,
		.backend_bytes_out = bt->bytes_out,
	};
	memcpy(out->status, c->status, sizeof(out->status));
	for (unsigned i = 0; i < l->n_wires; i++) {
		struct rte_eth_stats s = {0};

		rte_eth_stats_get(l->wires[i].port, &s);
		out->rx_drops += s.imissed + s.ierrors + s.rx_nombuf;
		out->checksum_errors += l->wires[i].checksum_errors;
	}
}

static void say(const char *word)
{
	fprintf(stderr, "%s\n", word);
	fflush(stderr);
}

static void begin_window(struct load *l)
{
	read_counts(l, &l->at_begin);
	l->warmup_wrong = l->at_begin.wrong;
	say("measuring");
	l->began = l->clock.now;
}

static void end_window(struct load *l)
{
	l->ended = l->clock.now;
	l->connections = l->client.tcp.n_open;
	l->backend_connections = l->backend.tcp.n_open;
	if (l->o.client)
		l->unanswered = client_unanswered(&l->client, &l->oldest);
	read_counts(l, &l->at_end);
	l->measured = true;
	say("measured");
}

/* The window of a client is its phase of that name; with --idle-hold it is the hold, and what
 * is counted goes from the first request to the last. */
static void watch_phase(struct load *l, enum client_phase before)
{
	enum client_phase now = l->client.phase;

	if (now == before)
		return;
	if (now == CLIENT_MEASURE || now == CLIENT_HOLD)
		begin_window(l);
	if (before == CLIENT_MEASURE || before == CLIENT_HOLD)
		end_window(l);
	if (before == CLIENT_AGAIN)
		read_counts(l, &l->at_end);
	if (now == CLIENT_HOLD)
		memset(&l->at_begin, 0, sizeof(l->at_begin));
}

static bool run_client(struct load *l, const volatile int *stop, char *err, size_t err_len)
{
	while (l->client.phase < CLIENT_DONE) {
		enum client_phase before = l->client.phase;

		l->client.stopping = *stop;
		pass(l);
		watch_phase(l, before);
	}
	if (l->client.phase == CLIENT_FAILED)
		snprintf(err, err_len, "%s", l->client.error);
	return l->client.phase == CLIENT_DONE;
}

static bool run_backend(struct load *l, const volatile int *stop)
{
	uint64_t end =
		l->o.duration > 0 ? (uint64_t)(l->o.duration * (double)l->clock.hz) : UINT64_MAX;

	l->began = l->clock.now;
	while (!*stop && l->clock.now - l->began < end)
		pass(l);
	end_window(l);
	return true;
}

/* Leaves nothing open at the peer, as far as it plays along. */
static void say_farewell(struct load *l)
{
	struct tcp *t = &l->backend.tcp;
	uint64_t ms = l->clock.hz / 1000, began = l->clock.now;

	for (uint32_t i = 0; l->o.backend && i < t->n_conns; i++)
		if (tcp_is_open(&t->conns[i]))
			tcp_close(t, &t->conns[i]);
	while (l->o.backend && t->n_open && l->clock.now - began < FAREWELL_MS * ms)
		pass(l);
	began = l->clock.now;
	while (l->clock.now - began < LINGER_MS * ms)
		pass(l);
}

bool load_run(struct load *l, const volatile int *stop, char *err, size_t err_len)
{
	bool measured;

	l->pass_ended = rte_rdtsc();
	say("ready");
	measured = l->o.client ? run_client(l, stop, err, err_len) : run_backend(l, stop);
	say_farewell(l);
	return measured;
}
