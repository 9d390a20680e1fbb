/* peers.c - see peers.h. Owns the canned ends of all connections and the frames that wait. */
#include "peers.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include <net/cksum.h>

#include "bench.h"

#define PORTS_PER_IP   50000u
#define FIRST_PORT     10000u
#define CONNECTING_MAX 256u /* handshakes at a time: the gateway bounds them, too */
#define MSS            1460
#define WSCALE         7
#define TS_BYTES       12
#define HEADERS                                                                                    \
	(sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))

static const struct rte_ether_addr own_mac = {{2, 0, 0, 0, 0, 1}};

/* One end of a connection; the other is the gateway's. */
struct end {
	uint32_t ip, peer_ip;
	uint16_t port, peer_port;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent;
};

struct payload {
	const char *data;
	uint16_t len;
};

struct peers {
	struct peers_config cfg;
	struct peers_counts counts;
	struct payload request, response;
	struct end *clients;
	struct end *backends; /* by the gateway's port */
	unsigned n_syns, n_connected;
	uint32_t *order; /* of clients' turns */
	uint64_t turn;
	uint16_t answer_len; /* of every response as the gateway relays it; 0: not yet known */
	uint32_t now_ms;
	struct rte_mbuf **waiting; /* a ring of wait_mask + 1, from `first` to `last` */
	uint32_t wait_mask, first, last;
};

struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t options[40];
};

static_assert(offsetof(struct frame, options) == HEADERS, "headers follow each other");

static struct payload payload_of(const char *text)
{
	return (struct payload){text, (uint16_t)strlen(text)};
}

static void queue(struct peers *p, struct rte_mbuf *m)
{
	bench_require(p->last - p->first <= p->wait_mask, "room for waiting frames");
	p->waiting[p->last++ & p->wait_mask] = m;
}

static struct rte_mbuf *alloc(struct peers *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->cfg.pool);

	bench_require(m != NULL, "packets for the peers");
	return m;
}

/* ---- segments ---- */

static unsigned put_timestamps(const struct peers *p, const struct end *e, uint8_t *at)
{
	const rte_be32_t w[3] = {RTE_BE32(0x0101080a), rte_cpu_to_be_32(p->now_ms),
				 rte_cpu_to_be_32(e->ts_recent)};

	memcpy(at, w, sizeof(w));
	return sizeof(w);
}

/* What a SYN offers: MSS, SACK, timestamps, window scaling, as Linux does. */
static unsigned put_syn_options(const struct peers *p, const struct end *e, uint8_t *at)
{
	const uint8_t first[] = {2, 4, MSS >> 8, MSS & 255, 4, 2, 1, 1};
	const uint8_t last[] = {1, 3, 3, WSCALE};
	unsigned n = sizeof(first);

	memcpy(at, first, sizeof(first));
	n += put_timestamps(p, e, at + n);
	memcpy(at + n, last, sizeof(last));
	return n + (unsigned)sizeof(last);
}

static void put_ip(struct frame *f, const struct end *e, uint16_t len)
{
	f->ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(len),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(e->ip),
		.dst_addr = rte_cpu_to_be_32(e->peer_ip),
	};
	f->ip.hdr_checksum = cksum_finish(cksum_add(0, &f->ip, sizeof(f->ip)));
}

static uint64_t pseudo_sum(const struct frame *f, uint16_t len)
{
	struct ip_addr src = ip_addr_v4(f->ip.src_addr), dst = ip_addr_v4(f->ip.dst_addr);

	return cksum_pseudo(&src, &dst, IPPROTO_TCP, len);
}

static void send_segment(struct peers *p, struct end *e, uint8_t flags, struct payload data)
{
	struct rte_mbuf *m = alloc(p);
	struct frame *f = rte_pktmbuf_mtod(m, struct frame *);
	unsigned n_opt, len;

	n_opt = flags & RTE_TCP_SYN_FLAG ? put_syn_options(p, e, f->options)
					 : put_timestamps(p, e, f->options);
	len = (unsigned)sizeof(f->tcp) + n_opt + data.len;
	f->eth = (struct rte_ether_hdr){*p->cfg.gateway, own_mac, RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	put_ip(f, e, (uint16_t)(sizeof(f->ip) + len));
	f->tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(e->port),
		.dst_port = rte_cpu_to_be_16(e->peer_port),
		.sent_seq = rte_cpu_to_be_32(e->snd_nxt),
		.recv_ack = rte_cpu_to_be_32(e->rcv_nxt),
		.data_off = (uint8_t)((sizeof(f->tcp) + n_opt) << 2),
		.tcp_flags = flags,
		.rx_win = RTE_BE16(UINT16_MAX),
	};
	if (data.len)
		memcpy(f->options + n_opt, data.data, data.len);
	f->tcp.cksum = cksum_finish(cksum_add(pseudo_sum(f, (uint16_t)len), &f->tcp, len));
	rte_pktmbuf_append(m, (uint16_t)(sizeof(f->eth) + sizeof(f->ip) + len));
	e->snd_nxt += data.len + !!(flags & RTE_TCP_SYN_FLAG);
	queue(p, m);
}

static void send_data(struct peers *p, struct end *e, struct payload data)
{
	send_segment(p, e, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, data);
}

static void connect_next(struct peers *p)
{
	while (p->n_syns < p->cfg.n_clients && p->n_syns - p->n_connected < CONNECTING_MAX)
		send_segment(p, &p->clients[p->n_syns++], RTE_TCP_SYN_FLAG, (struct payload){0});
}

/* ---- what arrives ---- */

static void answer_arp(struct peers *p, const struct rte_mbuf *m)
{
	const struct rte_arp_hdr *in =
		rte_pktmbuf_mtod_offset(m, struct rte_arp_hdr *, sizeof(struct rte_ether_hdr));
	const struct rte_arp_ipv4 *asked = &in->arp_data;
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *out;
	struct rte_mbuf *r;

	if (in->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) || asked->arp_tip == asked->arp_sip)
		return;
	r = alloc(p);
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(r, sizeof(*eth) + sizeof(*out));
	out = (struct rte_arp_hdr *)(eth + 1);
	*eth = (struct rte_ether_hdr){*p->cfg.gateway, own_mac, RTE_BE16(RTE_ETHER_TYPE_ARP)};
	*out = *in;
	out->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	out->arp_data = (struct rte_arp_ipv4){.arp_sha = own_mac,
					      .arp_sip = asked->arp_tip,
					      .arp_tha = asked->arp_sha,
					      .arp_tip = asked->arp_sip};
	queue(p, r);
}

/* Copies of chained packets are not worth their code: the bytes are gathered when there are
 * several segments, and read in place when not. */
static const struct frame *gather(const struct rte_mbuf *m, char *room)
{
	return rte_pktmbuf_read(m, 0, m->pkt_len, room);
}

static void take_timestamp(struct end *e, const struct frame *f, unsigned n_opt)
{
	rte_be32_t w[2];

	if (n_opt != TS_BYTES)
		return;
	memcpy(w, f->options, sizeof(w));
	if (w[0] == RTE_BE32(0x0101080a))
		e->ts_recent = rte_be_to_cpu_32(w[1]);
}

/* A SYN's timestamps come after its MSS and whatever else: option by option. */
static void take_syn_timestamp(struct end *e, const struct frame *f, unsigned n_opt)
{
	for (unsigned i = 0; i + 10 <= n_opt; i += f->options[i] == 1 ? 1 : f->options[i + 1]) {
		rte_be32_t v;

		if (f->options[i] != 8)
			continue;
		memcpy(&v, &f->options[i + 2], sizeof(v));
		e->ts_recent = rte_be_to_cpu_32(v);
		return;
	}
}

/* A client that has to wait for its next turn acknowledges what it got; one that goes on does so
 * with its request. */
static struct end *next_client(struct peers *p, struct end *e)
{
	if (p->cfg.in_flight == p->cfg.n_clients)
		return e;
	send_segment(p, e, RTE_TCP_ACK_FLAG, (struct payload){0});
	return &p->clients[p->order[p->turn++ % p->cfg.n_clients]];
}

/* A response, relayed: all of them must look alike. */
static void take_response(struct peers *p, struct end *e, const char *data, uint16_t len)
{
	static const char good[] = "HTTP/1.1 200 OK\r\n";

	if (!p->answer_len)
		p->answer_len = len;
	if (len != p->answer_len || memcmp(data, good, sizeof(good) - 1) != 0)
		p->counts.wrong++;
	p->counts.responses++;
	send_data(p, next_client(p, e), p->request);
}

static void take_request(struct peers *p, struct end *e, const char *data, uint16_t len)
{
	if (len < 4 || memcmp(data, p->request.data, 4) != 0)
		p->counts.wrong++;
	send_data(p, e, p->response);
}

static struct end *client_end(struct peers *p, const struct frame *f)
{
	uint32_t ip = rte_be_to_cpu_32(f->ip.dst_addr), port = rte_be_to_cpu_16(f->tcp.dst_port);
	uint64_t i = (uint64_t)(ip - p->cfg.client_ip) * PORTS_PER_IP + (port - FIRST_PORT);

	bench_require(i < p->cfg.n_clients, "the gateway answers a client that exists");
	return &p->clients[i];
}

/* The gateway opened a connection. */
static void take_syn(struct peers *p, struct end *e, const struct frame *f, unsigned n_opt)
{
	*e = (struct end){
		.ip = rte_be_to_cpu_32(f->ip.dst_addr),
		.peer_ip = rte_be_to_cpu_32(f->ip.src_addr),
		.port = rte_be_to_cpu_16(f->tcp.dst_port),
		.peer_port = rte_be_to_cpu_16(f->tcp.src_port),
		.snd_nxt = 0x10000000,
		.rcv_nxt = rte_be_to_cpu_32(f->tcp.sent_seq) + 1,
	};
	take_syn_timestamp(e, f, n_opt);
	send_segment(p, e, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, (struct payload){0});
}

static void take_syn_ack(struct peers *p, struct end *e, const struct frame *f, unsigned n_opt)
{
	e->rcv_nxt = rte_be_to_cpu_32(f->tcp.sent_seq) + 1;
	take_syn_timestamp(e, f, n_opt);
	p->n_connected++;
	send_segment(p, e, RTE_TCP_ACK_FLAG, (struct payload){0});
}

static void take_tcp(struct peers *p, const struct frame *f)
{
	unsigned n_opt = (f->tcp.data_off >> 4) * 4u - (unsigned)sizeof(f->tcp);
	bool to_backend = f->tcp.dst_port == rte_cpu_to_be_16(p->cfg.backend_port);
	struct end *e =
		to_backend ? &p->backends[rte_be_to_cpu_16(f->tcp.src_port)] : client_end(p, f);
	const char *data = (const char *)f->options + n_opt;
	uint16_t len = (uint16_t)(rte_be_to_cpu_16(f->ip.total_length) - sizeof(f->ip) -
				  sizeof(f->tcp) - n_opt);

	bench_require(!(f->tcp.tcp_flags & (RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG)),
		      "connections stay open");
	if (f->tcp.tcp_flags & RTE_TCP_SYN_FLAG) {
		(to_backend ? take_syn : take_syn_ack)(p, e, f, n_opt);
		return;
	}
	take_timestamp(e, f, n_opt);
	if (!len) {
		p->counts.acks++;
		return;
	}
	bench_require(rte_be_to_cpu_32(f->tcp.sent_seq) == e->rcv_nxt, "segments in order");
	e->rcv_nxt += len;
	(to_backend ? take_request : take_response)(p, e, data, len);
}

static void take(struct peers *p, struct rte_mbuf *m)
{
	char room[RTE_MBUF_DEFAULT_BUF_SIZE];
	const struct frame *f = gather(m, room);

	p->counts.received++;
	if (f->eth.ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		answer_arp(p, m);
	else
		take_tcp(p, f);
	rte_pktmbuf_free(m);
}

/* ---- the outside ---- */

void peers_turn(struct peers *p, uint64_t now_us, unsigned max)
{
	void *m;

	p->now_ms = (uint32_t)(now_us / 1000);
	while (rte_ring_dequeue(p->cfg.wire, &m) == 0)
		take(p, m);
	connect_next(p);
	for (; max && p->first != p->last; max--, p->counts.sent++)
		bench_require(
			rte_ring_enqueue(p->cfg.wire, p->waiting[p->first++ & p->wait_mask]) == 0,
			"room on the wire");
}

bool peers_connected(const struct peers *p)
{
	return p->n_connected == p->cfg.n_clients && p->first == p->last;
}

void peers_start(struct peers *p, uint64_t now_us)
{
	p->now_ms = (uint32_t)(now_us / 1000);
	for (unsigned i = 0; i < p->cfg.in_flight; i++)
		send_data(p, &p->clients[p->order[p->turn++ % p->cfg.n_clients]], p->request);
}

const struct peers_counts *peers_counts(const struct peers *p)
{
	return &p->counts;
}

struct peers *peers_create(const struct peers_config *cfg)
{
	struct peers *p = calloc(1, sizeof(*p));
	uint32_t room = rte_align32pow2(2 * cfg->in_flight + CONNECTING_MAX * 2 + 64);

	bench_require(p != NULL, "memory for the peers");
	p->cfg = *cfg;
	p->request = payload_of(cfg->request);
	p->response = payload_of(cfg->response);
	p->clients = calloc(cfg->n_clients, sizeof(*p->clients));
	p->backends = calloc(UINT16_MAX + 1, sizeof(*p->backends));
	p->waiting = calloc(room, sizeof(struct rte_mbuf *));
	bench_require(p->clients && p->backends && p->waiting, "memory for the peers");
	p->order = bench_shuffled(cfg->n_clients);
	p->wait_mask = room - 1;
	for (uint32_t i = 0; i < cfg->n_clients; i++)
		p->clients[i] = (struct end){.ip = cfg->client_ip + i / PORTS_PER_IP,
					     .peer_ip = cfg->gateway_ip,
					     .port = (uint16_t)(FIRST_PORT + i % PORTS_PER_IP),
					     .peer_port = cfg->gateway_port,
					     .snd_nxt = (uint32_t)bench_random()};
	return p;
}

void peers_destroy(struct peers *p)
{
	while (p->first != p->last)
		rte_pktmbuf_free(p->waiting[p->first++ & p->wait_mask]);
	free(p->clients);
	free(p->backends);
	free(p->waiting);
	free(p->order);
	free(p);
}
