/* cookie.c - owns the layout of a cookie: bit 31 is the generation's parity, bits 28 to 30 index
 * the MSS, the rest is the hash. The hash covers the peer's number and every bit that the peer
 * could change, so that a cookie says nothing but what we put into it. The generation is hashed
 * too, which makes its key a new one each minute. */
#include <tcp/cookie.h>

#include <rte_common.h>

#include <tcp/isn.h>

#define PARITY_SHIFT 31
#define MSS_SHIFT    28
#define HASH_MASK    ((1u << MSS_SHIFT) - 1)

/* In the timestamp's lowest bits. */
#define TS_BITS       6
#define TS_MASK       ((1u << TS_BITS) - 1)
#define TS_WSCALE     0xfu /* NO_WSCALE: not offered */
#define TS_SACK       0x10u
#define NO_WSCALE     0xfu
#define NO_TIMESTAMPS 0x80u /* hashed only: whether there were any */

/* What is common on the Internet, and the ends of what is possible. */
static const uint16_t mss_table[8] = {64, 536, 1220, 1360, 1400, 1440, 1460, 8940};

static uint32_t mss_index(const struct tcp_options *o)
{
	uint32_t i = RTE_DIM(mss_table) - 1;

	if (!(o->present & TCP_OPT_MSS))
		return 1;
	while (i && mss_table[i] > o->mss)
		i--;
	return i;
}

static uint32_t option_bits(const struct tcp_options *o)
{
	uint32_t bits = o->present & TCP_OPT_WSCALE ? o->wscale : NO_WSCALE;

	if (!(o->present & TCP_OPT_TS))
		return NO_TIMESTAMPS;
	return bits | (o->present & TCP_OPT_SACK_OK ? TS_SACK : 0);
}

static uint32_t generation(const struct tcp_ctx *ctx)
{
	return (uint32_t)(ctx->now_us / TCP_COOKIE_GENERATION_US);
}

/* irs: the number of the peer's SYN. */
static uint32_t seal(const struct tcp_ctx *ctx, const struct tcp_tuple *t, uint32_t irs,
		     uint32_t gen, uint32_t mss, uint32_t bits)
{
	uint64_t w[6] = {t->local.ip.q[0],
			 t->local.ip.q[1],
			 t->remote.ip.q[0],
			 t->remote.ip.q[1],
			 (uint64_t)irs << 32 | (uint32_t)t->local.port << 16 | t->remote.port,
			 (uint64_t)gen << 32 | mss << 8 | bits};
	uint32_t hash = (uint32_t)siphash24(&ctx->cookie_key, w, RTE_DIM(w)) & HASH_MASK;

	return (gen & 1) << PARITY_SHIFT | mss << MSS_SHIFT | hash;
}

/* The latest time that ends in bits: the clock must not seem to go back afterwards. */
static uint32_t timestamp(const struct tcp_ctx *ctx, const struct tcp_tuple *t, uint32_t bits)
{
	uint32_t now = ctx->now_ms + tcp_isn_ts_offset(ctx, t);
	uint32_t ts = (now & ~TS_MASK) | bits;

	return ts - now <= TS_MASK && ts != now ? ts - (TS_MASK + 1) : ts;
}

uint32_t tcp_cookie_make(struct tcp_ctx *ctx, const struct tcp_segment *s,
			 struct tcp_options *reply)
{
	uint32_t bits = option_bits(&s->opt), gen = generation(ctx);

	*reply = (struct tcp_options){.present = TCP_OPT_MSS,
				      .mss = tcp_conn_local_mss(ctx, &s->tuple)};
	if (s->opt.present & TCP_OPT_TS) {
		reply->present |=
			TCP_OPT_TS | (s->opt.present & (TCP_OPT_WSCALE | TCP_OPT_SACK_OK));
		reply->wscale = ctx->rcv_wscale;
		reply->ts_val = timestamp(ctx, &s->tuple, bits);
		reply->ts_ecr = s->opt.ts_val;
	}
	ctx->cookie_generation = gen;
	ctx->cookies = true;
	return seal(ctx, &s->tuple, s->seq, gen, mss_index(&s->opt), bits);
}

static void restore(const struct tcp_segment *s, uint32_t mss, uint32_t bits, struct tcp_options *o)
{
	*o = (struct tcp_options){.present = TCP_OPT_MSS, .mss = mss_table[mss]};
	if (bits == NO_TIMESTAMPS)
		return;
	o->present |= TCP_OPT_TS;
	o->ts_val = s->opt.ts_val;
	if ((bits & TS_WSCALE) != NO_WSCALE) {
		o->present |= TCP_OPT_WSCALE;
		o->wscale = bits & TS_WSCALE;
	}
	if (bits & TS_SACK)
		o->present |= TCP_OPT_SACK_OK;
}

bool tcp_cookie_expected(const struct tcp_ctx *ctx)
{
	return ctx->cookies && generation(ctx) - ctx->cookie_generation <= 1;
}

bool tcp_cookie_check(const struct tcp_ctx *ctx, const struct tcp_segment *s, uint32_t irs,
		      struct tcp_options *offered)
{
	uint32_t cookie = s->ack - 1, gen = generation(ctx);
	uint32_t mss = cookie >> MSS_SHIFT & 7, bits = NO_TIMESTAMPS;

	if (s->opt.present & TCP_OPT_TS)
		bits = s->opt.ts_ecr & TS_MASK;
	if ((gen & 1) != cookie >> PARITY_SHIFT)
		gen--;
	if (seal(ctx, &s->tuple, irs, gen, mss, bits) != cookie)
		return false;
	restore(s, mss, bits, offered);
	return true;
}
