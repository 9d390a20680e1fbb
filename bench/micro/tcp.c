/* tcp.c - cycles per segment of one TCP whose peers are canned: what arrives is made before the
 * clock runs, what is sent is taken to the peers after it has stopped.
 *
 * An operation is one segment in or out, in passes of a burst from as many connections: input,
 * events, output. ping_pong is a segment with data in, its bytes written back from where they
 * lie, and the segment out that carries both the answer and the acknowledgement: what a request
 * costs on one of the gateway's two sides. */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <base/wheel.h>
#include <tcp/tcp.h>

#include "bench.h"
#include "canned.h"

#define BURST        32u
#define HOT          64u
#define COLD         1000000u
#define MBUFS        16383u
#define SMALL        64u
#define FULL         1448u
#define SENT_MAX     (64 * BURST) /* delayed acknowledgements of many passes fall due in one */
#define PASS_US      64u
#define SETTLE_US    100000u /* delayed acknowledgements have gone out */
#define OUR_IP       0xc6120002u
#define OUR_PORT     80
#define PEER_IP      0xc6128001u
#define PORTS_PER_IP 50000u
#define FIRST_PORT   10000u

/* What the TCP sent and to whom. */
struct sent {
	struct net_addr to;
	struct rte_mbuf *m;
};

struct side {
	struct tcp_ctx *tcp;
	struct wheel wheel;
	struct counters counters;
	struct tcp_ops ops;
	struct rte_mempool *pool;
	uint64_t now_us;
	uint32_t n, connected;
	struct canned_end *peers;
	struct bytestream **streams; /* by peer */
	uint32_t *order;
	uint64_t turn;
	bool echo;        /* what arrives is written back */
	bool ack_at_once; /* peers acknowledge before they are quiet for long */
	unsigned len;
	uint32_t burst[BURST]; /* the peers of this run */
	struct rte_mbuf *in[BURST];
	struct mbq out[BURST];
	unsigned n_sent;
	struct sent sent[SENT_MAX];
};

static const char payload[FULL];

/* ---- below and above the TCP ---- */

static void output(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		   struct rte_mbuf *m)
{
	struct side *s = owner;

	(void)conn;
	bench_require(s->n_sent < RTE_DIM(s->sent), "room for what is sent");
	s->sent[s->n_sent++] = (struct sent){t->remote, m};
}

static bool admit(void *owner, const struct tcp_tuple *t, uint64_t *cookie)
{
	(void)owner;
	(void)t;
	*cookie = 0;
	return true;
}

static uint16_t mtu(void *owner, const struct tcp_tuple *t)
{
	(void)owner;
	(void)t;
	return 1500;
}

static void fire(void *arg, struct wheel_timer *t)
{
	struct side *s = arg;

	tcp_timer(s->tcp, t);
}

static void notify(struct bytestream *bs, uint32_t events)
{
	struct side *s = bs->user;
	uint32_t n = bs->rx.bytes;
	struct mbq q;

	if (!(events & BS_READABLE))
		return;
	mbq_init(&q);
	mbq_append(&q, &bs->rx);
	bytestream_consumed(bs, n);
	if (s->echo)
		bytestream_write(bs, &q);
	else
		mbq_free(&q);
}

static uint32_t peer_index(const struct net_addr *a)
{
	return (rte_be_to_cpu_32(ip_addr_to_v4(&a->ip)) - PEER_IP) * PORTS_PER_IP + a->port -
	       FIRST_PORT;
}

static void accepted(void *owner, struct bytestream *bs)
{
	struct side *s = owner;

	bs->user = s;
	bs->notify = notify;
	s->streams[peer_index(&tcp_stream_tuple(bs)->remote)] = bs;
	s->connected++;
}

/* ---- the peers' side ---- */

static struct rte_mbuf *alloc(struct side *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->pool);

	bench_require(m != NULL, "packets");
	return m;
}

static struct rte_mbuf *segment(struct side *s, uint32_t peer, uint8_t flags, unsigned len)
{
	struct canned_end *e = &s->peers[peer];
	struct rte_mbuf *m = alloc(s);
	uint16_t n = canned_write(e, (uint32_t)(s->now_us / 1000), flags, payload, (uint16_t)len,
				  rte_pktmbuf_mtod(m, void *));

	rte_pktmbuf_append(m, n);
	pkt_priv(m)->src = ip_addr_v4(rte_cpu_to_be_32(e->ip));
	pkt_priv(m)->dst = ip_addr_v4(rte_cpu_to_be_32(e->peer_ip));
	pkt_priv(m)->ecn = 0;
	return m;
}

static void give(struct side *s, struct rte_mbuf *m)
{
	tcp_take_segments(s->tcp, &m, 1);
}

/* The peers take what was sent. Returns how many segments had data. */
static unsigned deliver(struct side *s)
{
	unsigned n = s->n_sent, with_data = 0;
	char room[RTE_MBUF_DEFAULT_BUF_SIZE];

	s->n_sent = 0;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = s->sent[i].m;
		uint32_t peer = peer_index(&s->sent[i].to);
		struct canned_segment got = canned_read(
			&s->peers[peer], rte_pktmbuf_read(m, 0, m->pkt_len, room), m->pkt_len);

		rte_pktmbuf_free(m);
		with_data += got.len > 0;
		if (got.flags & RTE_TCP_SYN_FLAG || (got.len && s->ack_at_once))
			give(s, segment(s, peer, RTE_TCP_ACK_FLAG, 0));
	}
	return with_data;
}

static void later(struct side *s)
{
	s->now_us += PASS_US;
	tcp_set_now(s->tcp, s->now_us);
	wheel_turn(&s->wheel, s->now_us);
	tcp_flush(s->tcp);
}

/* ---- making one ---- */

static void connect_peers(struct side *s)
{
	for (uint32_t i = 0; i < s->n;) {
		later(s);
		for (uint32_t k = 0; k < BURST && i < s->n; k++, i++)
			give(s, segment(s, i, RTE_TCP_SYN_FLAG, 0));
		tcp_flush(s->tcp);
		deliver(s);
		while (tcp_next_event(s->tcp))
			;
		tcp_flush(s->tcp);
		deliver(s);
	}
	bench_require(s->connected == s->n, "every peer connects");
}

static struct side *open_side(struct rte_mempool *pool, uint32_t n)
{
	struct tcp_config cfg = tcp_config_default();
	struct side *s = calloc(1, sizeof(*s));

	bench_require(s != NULL, "memory");
	s->pool = pool;
	s->n = n;
	s->now_us = 1000000;
	s->peers = calloc(n, sizeof(*s->peers));
	s->streams = calloc(n, sizeof(struct bytestream *));
	bench_require(s->peers && s->streams, "memory for peers");
	s->order = bench_shuffled(n);
	s->ops = (struct tcp_ops){.output = output,
				  .admit = admit,
				  .accepted = accepted,
				  .mtu = mtu,
				  .scattered_output = true};
	for (uint32_t i = 0; i < n; i++)
		s->peers[i] = (struct canned_end){.ip = PEER_IP + i / PORTS_PER_IP,
						  .peer_ip = OUR_IP,
						  .port = (uint16_t)(FIRST_PORT + i % PORTS_PER_IP),
						  .peer_port = OUR_PORT,
						  .snd_nxt = (uint32_t)bench_random()};
	cfg.max_conns = n + 1000;
	wheel_init(&s->wheel, s->now_us, fire, s);
	s->tcp = tcp_create(&cfg, &s->ops, s, &s->wheel, pool, &s->counters);
	bench_require(s->tcp != NULL, "memory for a TCP");
	tcp_set_now(s->tcp, s->now_us);
	connect_peers(s);
	return s;
}

static void close_side(struct side *s)
{
	deliver(s);
	tcp_destroy(s->tcp);
	free(s->peers);
	free(s->streams);
	free(s->order);
	free(s);
}

/* ---- what is measured ---- */

/* Time goes on, and the peers of the next run are chosen. */
static void next_burst(struct side *s)
{
	later(s);
	deliver(s);
	for (unsigned i = 0; i < BURST; i++)
		s->burst[i] = s->order[s->turn++ % s->n];
}

static void prepare_data_in(void *arg, unsigned n)
{
	struct side *s = arg;

	next_burst(s);
	for (unsigned i = 0; i < n; i++)
		s->in[i] = segment(s, s->burst[i], RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, s->len);
}

static void write_all(struct side *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bytestream_write(s->streams[s->burst[i]], &s->out[i]);
	tcp_flush(s->tcp);
}

static void make_data(struct side *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = alloc(s);

		rte_pktmbuf_append(m, (uint16_t)s->len);
		mbq_init(&s->out[i]);
		mbq_push(&s->out[i], m);
	}
}

/* What the peers got in the last run is acknowledged before they are written to again. */
static void prepare_data_out(void *arg, unsigned n)
{
	struct side *s = arg;

	next_burst(s);
	make_data(s, n);
}

static void prepare_acks_in(void *arg, unsigned n)
{
	struct side *s = arg;

	next_burst(s);
	make_data(s, n);
	write_all(s, n);
	bench_require(deliver(s) == n, "the peers get what was written");
	for (unsigned i = 0; i < n; i++)
		s->in[i] = segment(s, s->burst[i], RTE_TCP_ACK_FLAG, 0);
}

/* A worker's pass without its network and its timers. */
static void take_burst(void *arg, unsigned n)
{
	struct side *s = arg;

	tcp_take_segments(s->tcp, s->in, n);
	while (tcp_next_event(s->tcp))
		;
	tcp_flush(s->tcp);
}

static void write_burst(void *arg, unsigned n)
{
	write_all(arg, n);
}

struct variant {
	const char *name;
	void (*prepare)(void *, unsigned);
	void (*run)(void *, unsigned);
	unsigned len;
	bool echo, ack_at_once;
};

/* Every other connection is one segment ahead: of the segments of a run, half are the second
 * that is to be acknowledged. */
static void stagger(struct side *s)
{
	for (uint32_t i = 0; i < s->n && i < HOT; i += 2)
		give(s, segment(s, s->order[i], RTE_TCP_ACK_FLAG, s->len));
	while (tcp_next_event(s->tcp))
		;
	tcp_flush(s->tcp);
}

static void measure(struct side *s, const struct variant *v)
{
	bool answers = v->echo || v->run == write_burst;

	s->len = v->len;
	s->echo = false;
	for (unsigned i = 0; i < SETTLE_US / PASS_US; i++) {
		later(s);
		deliver(s);
	}
	stagger(s);
	s->echo = v->echo;
	s->ack_at_once = v->ack_at_once;
	bench_measure(&(struct bench_case){
		.name = v->name, .prepare = v->prepare, .run = v->run, .arg = s, .batch = BURST});
	bench_require(deliver(s) == (answers ? BURST : 0), "as many segments as there should be");
	later(s);
	deliver(s);
}

static const struct variant hot[] = {
	{"ack_in", prepare_acks_in, take_burst, SMALL, false, false},
	{"data_in_64B", prepare_data_in, take_burst, SMALL, false, false},
	{"data_in_1448B", prepare_data_in, take_burst, FULL, false, false},
	{"data_out_64B", prepare_data_out, write_burst, SMALL, false, true},
	{"data_out_1448B", prepare_data_out, write_burst, FULL, false, true},
	{"ping_pong_64B", prepare_data_in, take_burst, SMALL, true, false},
	{"ping_pong_1448B", prepare_data_in, take_burst, FULL, true, false},
};

static const struct variant cold[] = {
	{"data_in_64B_cold", prepare_data_in, take_burst, SMALL, false, false},
	{"data_out_64B_cold", prepare_data_out, write_burst, SMALL, false, true},
	{"ping_pong_64B_cold", prepare_data_in, take_burst, SMALL, true, true},
};

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	struct side *s;

	bench_init(argc, argv, "tcp", "tcp", 96);
	pool = bench_create_pool(MBUFS);
	s = open_side(pool, HOT);
	for (size_t i = 0; i < RTE_DIM(hot); i++)
		measure(s, &hot[i]);
	close_side(s);
	s = open_side(pool, bench_is_smoke() ? 1000 : COLD);
	for (size_t i = 0; i < RTE_DIM(cold); i++)
		measure(s, &cold[i]);
	close_side(s);
	bench_require(rte_mempool_in_use_count(pool) == 0, "every packet is back");
	rte_mempool_free(pool);
	return bench_exit();
}
