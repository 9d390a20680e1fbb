/* cc_bbr.c - a controller in the manner of BBR: it keeps a model of the path, the bandwidth it
 * delivers and its shortest round trip, and sends at that bandwidth with little more under way
 * than that round trip holds (draft-cardwell-iccrg-bbr-congestion-control).
 *
 * Losses do not change the model: after one, what arrives is replaced for a round, and a startup
 * that loses much has found the buffer full. */
#include <tcp/cc.h>

#include <rte_common.h>

#include <tcp/seq.h>

enum mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

/* Gains in 1/256. */
#define UNIT         256u
#define GAIN_HIGH    739u /* 2/ln 2: the bandwidth doubles in a round */
#define GAIN_DRAIN   88u
#define GAIN_CWND    512u
#define RATE_PERCENT 99u /* of the bandwidth: queues must drain */
#define CYCLES       8u
#define FULL_ROUNDS  3u
#define HALF_ROUNDS  5u /* bandwidth is the maximum of the last 5 to 10 rounds */
#define MIN_RTT_MS   10000u
#define PROBE_RTT_MS 200u
#define SEGMENTS_MIN 4u
#define LOSS_PERCENT 15u   /* of a round in startup: the buffer is full */
#define QUANTUM_US   1000u /* two ticks of output may be under way more */

static const uint16_t cycle_gain[CYCLES] = {320, 192, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT};

static uint64_t bandwidth(const struct tcp_bbr *b)
{
	return RTE_MAX(b->bw[0], b->bw[1]);
}

static uint32_t pace_gain(const struct tcp_bbr *b)
{
	switch (b->mode) {
	case STARTUP:
		return GAIN_HIGH;
	case DRAIN:
		return GAIN_DRAIN;
	case PROBE_BW:
		return cycle_gain[b->cycle];
	}
	return UNIT;
}

/* Bytes that are under way for so long, times gain. */
static uint32_t holds(const struct tcp_conn *c, const struct tcp_bbr *b, uint32_t us, uint32_t gain)
{
	uint64_t bdp = bandwidth(b) * us / 1000000 * gain / UNIT;

	return (uint32_t)RTE_MIN(RTE_MAX(bdp, (uint64_t)SEGMENTS_MIN * c->mss),
				 (uint64_t)TCP_CWND_MAX);
}

static uint32_t window(const struct tcp_conn *c, const struct tcp_bbr *b, uint32_t gain)
{
	return holds(c, b, b->min_rtt_us, gain);
}

/* The most that may be under way. Where others keep a queue, twice what the empty path holds would
 * be less than a share of what the full one does, and shrink with it: half of the present round
 * trip counts at least. Alone that changes nothing, for pacing keeps the queue short. */
static uint32_t limit(const struct tcp_conn *c, const struct tcp_bbr *b)
{
	if (b->mode == STARTUP || b->mode == DRAIN)
		return window(c, b, GAIN_HIGH);
	return holds(c, b, RTE_MAX(b->min_rtt_us, c->srtt_us / 2), GAIN_CWND);
}

static void pace(struct tcp_conn *c, struct tcp_flight *f)
{
	const struct tcp_bbr *b = &f->bbr;
	uint64_t rate = bandwidth(b) * pace_gain(b) / UNIT * RATE_PERCENT / 100;
	/* What the smallest window carries: a model that is wrong must not hold back more. */
	uint64_t least = (uint64_t)SEGMENTS_MIN * c->mss * 1000000 / RTE_MAX(c->srtt_us, 1000u);

	if (!bandwidth(b)) /* before the first sample, by what the handshake took */
		rate = (uint64_t)c->cwnd * 1000000 / RTE_MAX(c->srtt_us, 1000u) * GAIN_HIGH / UNIT;
	/* Until the pipe is full the rate only rises: a sample may be small for many reasons. */
	if (b->full_rounds >= FULL_ROUNDS || rate > f->pace_rate)
		f->pace_rate = RTE_MAX(rate, least);
}

static void start(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	(void)ctx;
	c->flags |= TCP_F_PACED;
	pace(c, f);
}

static void count_round(struct tcp_flight *f, const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;

	b->round_start = d->sampled && seq_geq(d->delivered, b->round_end);
	if (!b->round_start)
		return;
	b->round_end = f->delivered;
	b->rounds++;
	b->conserve = false;
}

/* The slower of sending and of acknowledging: compressed ACKs do not look like bandwidth. */
static uint64_t sample(const struct tcp_ctx *ctx, const struct tcp_flight *f,
		       const struct tcp_delivered *d)
{
	uint32_t sent_us = d->sample_us - d->first_sent_us;
	uint32_t acked_us = (uint32_t)ctx->now_us - d->delivered_us;
	uint32_t took_us = RTE_MAX(sent_us, acked_us);

	if (!d->sampled || !took_us || took_us < f->bbr.min_rtt_us)
		return 0;
	return (uint64_t)(f->delivered - d->delivered) * 1000000 / took_us;
}

static void learn_bandwidth(const struct tcp_ctx *ctx, const struct tcp_conn *c,
			    struct tcp_flight *f, const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;
	uint64_t bw = sample(ctx, f, d);

	/* While it looks for the shortest round trip it is slow on purpose. */
	if (b->mode == PROBE_RTT) {
		b->bw_round = b->rounds;
		return;
	}
	/* Nor is it the path that is slow where there was little to send, or after a timeout. */
	if ((f->app_limited || c->recovery == TCP_LOSS) && bw < bandwidth(b))
		return;
	if (b->rounds - b->bw_round >= HALF_ROUNDS) {
		b->bw_round = b->rounds;
		b->bw[1] = b->bw[0];
		b->bw[0] = bw;
	}
	b->bw[0] = RTE_MAX(b->bw[0], bw);
}

static void fill_pipe(struct tcp_flight *f)
{
	struct tcp_bbr *b = &f->bbr;

	if (b->full_rounds >= FULL_ROUNDS || !b->round_start || f->app_limited)
		return;
	if (bandwidth(b) >= b->full_bw + b->full_bw / 4) {
		b->full_bw = bandwidth(b);
		b->full_rounds = 0;
	} else {
		b->full_rounds++;
	}
}

/* A round in which so much was lost had its buffer full. */
static void watch_losses(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;

	b->lost_round += d->lost;
	if (!b->round_start)
		return;
	if (b->mode == STARTUP && b->lost_round > c->cwnd / 100 * LOSS_PERCENT &&
	    b->lost_round > 8u * c->mss)
		b->full_rounds = FULL_ROUNDS;
	b->lost_round = 0;
}

static void enter_probe_bw(struct tcp_ctx *ctx, struct tcp_bbr *b)
{
	b->mode = PROBE_BW;
	/* Anywhere but in the drain: flows that began together must not look together. */
	b->cycle = (uint8_t)((ctx->now_us / 7 % (CYCLES - 1) + 2) % CYCLES);
	b->cycle_us = (uint32_t)ctx->now_us;
}

/* A gain above one lasts until its window is under way, one below until it has drained. */
static void turn_cycle(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		       const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;
	uint32_t gain = cycle_gain[b->cycle], flight = tcp_conn_in_flight(c);
	bool over = (uint32_t)ctx->now_us - b->cycle_us > b->min_rtt_us;

	if (gain > UNIT)
		over = over && (d->lost || flight >= window(c, b, gain));
	else if (gain < UNIT)
		over = over || flight <= window(c, b, UNIT);
	if (!over)
		return;
	b->cycle = (uint8_t)((b->cycle + 1) % CYCLES);
	b->cycle_us = (uint32_t)ctx->now_us;
}

static void learn_rtt(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		      const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;
	bool stale = b->min_rtt_us && ctx->now_ms - b->min_rtt_ms > MIN_RTT_MS;

	if (d->rtt_us && (!b->min_rtt_us || d->rtt_us <= b->min_rtt_us || stale)) {
		b->min_rtt_us = d->rtt_us;
		b->min_rtt_ms = ctx->now_ms;
	}
	if (stale && b->mode != PROBE_RTT) {
		b->mode = PROBE_RTT;
		b->before = RTE_MAX(b->before, c->cwnd);
		b->probe_ms = 0;
	}
	if (b->mode != PROBE_RTT)
		return;
	if (!b->probe_ms && tcp_conn_in_flight(c) <= SEGMENTS_MIN * c->mss)
		b->probe_ms = (ctx->now_ms + PROBE_RTT_MS) | 1;
	if (!b->probe_ms || (int32_t)(ctx->now_ms - b->probe_ms) < 0)
		return;
	b->min_rtt_ms = ctx->now_ms;
	c->cwnd = RTE_MAX(c->cwnd, b->before);
	b->before = 0;
	if (b->full_rounds >= FULL_ROUNDS)
		enter_probe_bw(ctx, b);
	else
		b->mode = STARTUP;
}

static void move(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		 const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;

	if (b->mode == STARTUP && b->full_rounds >= FULL_ROUNDS)
		b->mode = DRAIN;
	if (b->mode == DRAIN && tcp_conn_in_flight(c) <= window(c, b, UNIT))
		enter_probe_bw(ctx, b);
	else if (b->mode == PROBE_BW)
		turn_cycle(ctx, c, f, d);
}

/* What a loss does to the window for a round: the part that was not in use goes, and what arrives
 * is replaced. It stays where nothing is left to send: what has arrived behind a loss fills the
 * send queue until that is repaired. */
static void conserve(struct tcp_conn *c, struct tcp_bbr *b, const struct tcp_delivered *d)
{
	uint32_t used = tcp_conn_in_flight(c) + d->bytes;

	if (b->cut && c->sq_unsent)
		c->cwnd = RTE_MIN(c->cwnd, used);
	b->cut = false;
	c->cwnd = RTE_MAX(c->cwnd, used);
}

static void set_cwnd(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;
	uint64_t target = limit(c, b) + f->pace_rate * QUANTUM_US / 1000000 + 2u * c->mss;

	if (c->recovery != TCP_OPEN)
		c->cwnd -= RTE_MIN(d->lost, c->cwnd);
	if (b->conserve)
		conserve(c, b, d);
	else if (b->full_rounds >= FULL_ROUNDS)
		c->cwnd = (uint32_t)RTE_MIN((uint64_t)c->cwnd + d->bytes, target);
	else if (c->cwnd < target || !bandwidth(b))
		c->cwnd += d->bytes;
	c->cwnd = RTE_MIN(RTE_MAX(c->cwnd, SEGMENTS_MIN * c->mss), TCP_CWND_MAX);
	if (b->mode == PROBE_RTT)
		c->cwnd = RTE_MIN(c->cwnd, SEGMENTS_MIN * c->mss);
}

static void acked(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		  const struct tcp_delivered *d)
{
	struct tcp_bbr *b = &f->bbr;

	count_round(f, d);
	learn_bandwidth(ctx, c, f, d);
	watch_losses(c, f, d);
	fill_pipe(f);
	move(ctx, c, f, d);
	learn_rtt(ctx, c, f, d);
	if (c->recovery == TCP_OPEN && b->before && b->mode != PROBE_RTT) {
		c->cwnd = RTE_MAX(c->cwnd, b->before);
		b->before = 0;
	}
	pace(c, f);
	set_cwnd(c, f, d);
}

/* The model knows the window better than a loss does; for a round what arrives is replaced. */
static void reduce(struct tcp_conn *c, struct tcp_flight *f)
{
	struct tcp_bbr *b = &f->bbr;

	if (b->mode != PROBE_RTT)
		b->before = c->recovery == TCP_OPEN ? c->cwnd : RTE_MAX(b->before, c->cwnd);
	b->conserve = true;
	b->cut = true;
	b->round_end = f->delivered;
	c->ssthresh = c->cwnd;
}

static void undo(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)c;
	f->bbr.conserve = false;
	f->bbr.before = 0;
	f->bbr.full_bw = 0;
	if (f->bbr.mode == STARTUP)
		f->bbr.full_rounds = 0;
}

static void restart(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)c;
	(void)f;
}

const struct tcp_cc tcp_cc_bbr = {
	.model = true,
	.start = start,
	.acked = acked,
	.reduce = reduce,
	.undo = undo,
	.restart = restart,
};
