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
#include "canned.h"

#define PORTS_PER_IP   50000u
#define FIRST_PORT     10000u
#define CONNECTING_MAX 256u /* handshakes at a time: the gateway bounds them, too */

static const struct rte_ether_addr own_mac = {{2, 0, 0, 0, 0, 1}};

struct payload {
	const char *data;
	uint16_t len;
};

struct peers {
	struct peers_config cfg;
	struct peers_counts counts;
	struct payload request, response;
	struct canned_end *clients;
	struct canned_end *backends; /* by the gateway's port */
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
	struct rte_tcp_hdr tcp; /* and what follows */
};

static_assert(offsetof(struct frame, tcp) == 34, "headers follow each other");

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

static void put_ip(struct frame *f, const struct canned_end *e, uint16_t len)
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

static void send_segment(struct peers *p, struct canned_end *e, uint8_t flags, struct payload data)
{
	struct rte_mbuf *m = alloc(p);
	struct frame *f = rte_pktmbuf_mtod(m, struct frame *);
	uint16_t len = canned_write(e, p->now_ms, flags, data.data, data.len, &f->tcp);

	f->eth = (struct rte_ether_hdr){*p->cfg.gateway, own_mac, RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	put_ip(f, e, (uint16_t)(sizeof(f->ip) + len));
	f->tcp.cksum = cksum_finish(cksum_add(
		cksum_pseudo_v4(f->ip.src_addr, f->ip.dst_addr, IPPROTO_TCP, len), &f->tcp, len));
	rte_pktmbuf_append(m, (uint16_t)(sizeof(f->eth) + sizeof(f->ip) + len));
	queue(p, m);
}

static void send_data(struct peers *p, struct canned_end *e, struct payload data)
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

/* A client that has to wait for its next turn acknowledges what it got; one that goes on does so
 * with its request. */
static struct canned_end *next_client(struct peers *p, struct canned_end *e)
{
	if (p->cfg.in_flight == p->cfg.n_clients)
		return e;
	send_segment(p, e, RTE_TCP_ACK_FLAG, (struct payload){0});
	return &p->clients[p->order[p->turn++ % p->cfg.n_clients]];
}

/* A response, relayed: all of them must look alike. */
static void take_response(struct peers *p, struct canned_end *e, const struct canned_segment *s)
{
	static const char good[] = "HTTP/1.1 200 OK\r\n";

	if (!p->answer_len)
		p->answer_len = s->len;
	if (s->len != p->answer_len || memcmp(s->data, good, sizeof(good) - 1) != 0)
		p->counts.wrong++;
	p->counts.responses++;
	send_data(p, next_client(p, e), p->request);
}

static void take_request(struct peers *p, struct canned_end *e, const struct canned_segment *s)
{
	if (s->len < 4 || memcmp(s->data, p->request.data, 4) != 0)
		p->counts.wrong++;
	send_data(p, e, p->response);
}

static struct canned_end *client_end(struct peers *p, const struct frame *f)
{
	uint32_t ip = rte_be_to_cpu_32(f->ip.dst_addr), port = rte_be_to_cpu_16(f->tcp.dst_port);
	uint64_t i = (uint64_t)(ip - p->cfg.client_ip) * PORTS_PER_IP + (port - FIRST_PORT);

	bench_require(i < p->cfg.n_clients, "the gateway answers a client that exists");
	return &p->clients[i];
}

/* The gateway opens a connection. */
static struct canned_end *backend_end(struct peers *p, const struct frame *f)
{
	struct canned_end *e = &p->backends[rte_be_to_cpu_16(f->tcp.src_port)];

	if (f->tcp.tcp_flags & RTE_TCP_SYN_FLAG)
		*e = (struct canned_end){
			.ip = rte_be_to_cpu_32(f->ip.dst_addr),
			.peer_ip = rte_be_to_cpu_32(f->ip.src_addr),
			.port = rte_be_to_cpu_16(f->tcp.dst_port),
			.peer_port = rte_be_to_cpu_16(f->tcp.src_port),
			.snd_nxt = (uint32_t)bench_random(),
		};
	return e;
}

static void take_tcp(struct peers *p, const struct frame *f)
{
	bool to_backend = f->tcp.dst_port == rte_cpu_to_be_16(p->cfg.backend_port);
	struct canned_end *e = to_backend ? backend_end(p, f) : client_end(p, f);
	struct canned_segment s = canned_read(
		e, &f->tcp, rte_be_to_cpu_16(f->ip.total_length) - (uint32_t)sizeof(f->ip));

	if (s.flags & RTE_TCP_SYN_FLAG) {
		p->n_connected += !to_backend;
		send_segment(p, e, RTE_TCP_ACK_FLAG | (to_backend ? RTE_TCP_SYN_FLAG : 0),
			     (struct payload){0});
	} else if (!s.len) {
		p->counts.acks++;
	} else if (to_backend) {
		take_request(p, e, &s);
	} else {
		take_response(p, e, &s);
	}
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
		p->clients[i] =
			(struct canned_end){.ip = cfg->client_ip + i / PORTS_PER_IP,
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
