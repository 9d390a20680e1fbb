/* canned.c - see canned.h. Owns nothing. */
#include "canned.h"

#include <assert.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "bench.h"

#define MSS        1460
#define WSCALE     7
#define KIND_TS    8
#define TS_BYTES   12 /* with two NOPs in front */
#define TS_HEADER  RTE_BE32(0x0101080a)
#define TCP_HEADER ((uint32_t)sizeof(struct rte_tcp_hdr))

static unsigned put_timestamps(const struct canned_end *e, uint32_t now_ms, uint8_t *at)
{
	const rte_be32_t w[3] = {TS_HEADER, rte_cpu_to_be_32(now_ms),
				 rte_cpu_to_be_32(e->ts_recent)};

	static_assert(sizeof(w) == TS_BYTES, "the usual layout");
	memcpy(at, w, sizeof(w));
	return sizeof(w);
}

/* MSS, SACK, timestamps, window scaling. */
static unsigned put_syn_options(const struct canned_end *e, uint32_t now_ms, uint8_t *at)
{
	const uint8_t first[] = {2, 4, MSS >> 8, MSS & 255, 4, 2, 1, 1};
	const uint8_t last[] = {1, 3, 3, WSCALE};
	unsigned n = sizeof(first);

	memcpy(at, first, sizeof(first));
	n += put_timestamps(e, now_ms, at + n);
	memcpy(at + n, last, sizeof(last));
	return n + (unsigned)sizeof(last);
}

uint16_t canned_write(struct canned_end *e, uint32_t now_ms, uint8_t flags, const char *data,
		      uint16_t len, void *to)
{
	struct rte_tcp_hdr *tcp = to;
	uint8_t *options = (uint8_t *)(tcp + 1);
	unsigned n = flags & RTE_TCP_SYN_FLAG ? put_syn_options(e, now_ms, options)
					      : put_timestamps(e, now_ms, options);

	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(e->port),
		.dst_port = rte_cpu_to_be_16(e->peer_port),
		.sent_seq = rte_cpu_to_be_32(e->snd_nxt),
		.recv_ack = rte_cpu_to_be_32(e->rcv_nxt),
		.data_off = (uint8_t)((TCP_HEADER + n) << 2),
		.tcp_flags = flags,
		.rx_win = RTE_BE16(UINT16_MAX),
	};
	if (len)
		memcpy(options + n, data, len);
	e->snd_nxt += len + !!(flags & RTE_TCP_SYN_FLAG);
	return (uint16_t)(TCP_HEADER + n + len);
}

/* A SYN's timestamps lie among its other options. */
static void read_syn_timestamp(struct canned_end *e, const uint8_t *options, unsigned n)
{
	for (unsigned i = 0; i + 10 <= n; i += options[i] == 1 ? 1 : options[i + 1]) {
		rte_be32_t v;

		if (options[i] != KIND_TS)
			continue;
		memcpy(&v, &options[i + 2], sizeof(v));
		e->ts_recent = rte_be_to_cpu_32(v);
		return;
	}
}

static void read_timestamp(struct canned_end *e, const uint8_t *options, unsigned n)
{
	rte_be32_t w[2];

	if (n != TS_BYTES)
		return;
	memcpy(w, options, sizeof(w));
	if (w[0] == TS_HEADER)
		e->ts_recent = rte_be_to_cpu_32(w[1]);
}

struct canned_segment canned_read(struct canned_end *e, const void *from, uint32_t n)
{
	const struct rte_tcp_hdr *tcp = from;
	const uint8_t *options = (const uint8_t *)(tcp + 1);
	uint32_t header = (tcp->data_off >> 4) * 4u;
	struct canned_segment s = {tcp->tcp_flags, (const char *)from + header,
				   (uint16_t)(n - header)};

	bench_require(!(s.flags & (RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG)), "connections stay open");
	if (s.flags & RTE_TCP_SYN_FLAG) {
		e->rcv_nxt = rte_be_to_cpu_32(tcp->sent_seq) + 1;
		read_syn_timestamp(e, options, header - TCP_HEADER);
		return s;
	}
	read_timestamp(e, options, header - TCP_HEADER);
	bench_require(!s.len || rte_be_to_cpu_32(tcp->sent_seq) == e->rcv_nxt, "segments in order");
	e->rcv_nxt += s.len;
	return s;
}
