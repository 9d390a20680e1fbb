/* cc_cubic.c - CUBIC (RFC 9438) in integers: bytes and milliseconds. */
#include <tcp/cc.h>

#include <rte_common.h>

#include <tcp/hystart.h>

/* beta_cubic = 0.7, C = 0.4; alpha of the Reno-friendly estimate is 3 (1-b) / (1+b). */
#define BETA_NUM    7u
#define BETA_DEN    10u
#define ALPHA_MILLI 529u
#define DT_MAX_MS   1000000

static void start(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	(void)ctx;
	tcp_hystart_begin(c, &f->cubic.hystart);
}

static uint32_t cube_root(uint64_t x)
{
	uint64_t y = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t t = y | 1ull << bit;

		if (t * t * t <= x)
			y = t;
	}
	return (uint32_t)y;
}

/* Congestion avoidance begins (section 4.2): K = cbrt((w_max - cwnd) / C) seconds, windows in
 * segments. */
static void open_epoch(const struct tcp_ctx *ctx, const struct tcp_conn *c, struct tcp_cubic *q)
{
	q->epoch_ms = ctx->now_ms | 1; /* 0 means none */
	q->k_ms = 0;
	q->w_est = c->cwnd;
	q->est_rest = 0;
	if (q->w_max <= c->cwnd)
		q->w_max = c->cwnd;
	else
		q->k_ms = cube_root((uint64_t)(q->w_max - c->cwnd) / c->mss * 2500000000ull);
}

static int64_t cubic_window(const struct tcp_ctx *ctx, const struct tcp_conn *c,
			    const struct tcp_cubic *q)
{
	int64_t t = (int32_t)(ctx->now_ms - q->epoch_ms) + (int64_t)c->srtt_us / 1000;
	int64_t dt = t - (int64_t)q->k_ms;

	dt = RTE_MAX(RTE_MIN(dt, DT_MAX_MS), -DT_MAX_MS);
	return (int64_t)q->w_max + dt * dt * dt / 1000000 * c->mss * 4 / 10000;
}

/* Section 4.3: what Reno would have by now; one segment a round trip once it has regained what
 * was lost. */
static int64_t reno_window(const struct tcp_conn *c, struct tcp_cubic *q, uint32_t acked)
{
	uint64_t alpha = q->w_est < q->w_prior ? ALPHA_MILLI : 1000;
	uint64_t per = (uint64_t)c->cwnd * 1000, gain = alpha * acked * c->mss + q->est_rest;

	q->w_est = (uint32_t)RTE_MIN(q->w_est + gain / per, (uint64_t)TCP_CWND_MAX);
	q->est_rest = gain % per;
	return q->w_est;
}

static void acked(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		  const struct tcp_delivered *d)
{
	struct tcp_cubic *q = &f->cubic;
	int64_t target;

	if (c->cwnd < c->ssthresh) {
		tcp_hystart_acked(c, &q->hystart, d);
		return;
	}
	if (!q->epoch_ms)
		open_epoch(ctx, c, q);
	target = RTE_MAX(cubic_window(ctx, c, q), reno_window(c, q, d->bytes));
	target = RTE_MIN(target, (int64_t)c->cwnd + c->cwnd / 2);
	if (target > c->cwnd)
		c->cwnd += (uint32_t)((uint64_t)(target - c->cwnd) * d->bytes / c->cwnd);
	/* Where Reno is ahead its window is the window, not a target. */
	c->cwnd = RTE_MAX(c->cwnd, q->w_est);
	c->cwnd = RTE_MIN(c->cwnd, TCP_CWND_MAX);
}

static void reduce(struct tcp_conn *c, struct tcp_flight *f)
{
	struct tcp_cubic *q = &f->cubic;
	uint32_t used = tcp_cc_used(c);

	q->before_w_max = q->w_max;
	q->before_w_prior = q->w_prior;
	q->w_prior = used;
	/* Section 4.7, fast convergence: a smaller maximum than last time means somebody else
	 * came. */
	if (used < q->w_max)
		q->w_max = (uint32_t)((uint64_t)used * (BETA_DEN + BETA_NUM) / (2ull * BETA_DEN));
	else
		q->w_max = used;
	q->epoch_ms = 0;
	c->ssthresh = RTE_MAX((uint32_t)((uint64_t)used * BETA_NUM / BETA_DEN), 2u * c->mss);
}

/* Section 4.9.2; the epoch begins anew where it was. */
static void undo(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)c;
	f->cubic.w_max = f->cubic.before_w_max;
	f->cubic.w_prior = f->cubic.before_w_prior;
	f->cubic.epoch_ms = 0;
}

/* Section 5.8: the time of the pause must not count as growth. */
static void restart(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)c;
	f->cubic.epoch_ms = 0;
}

const struct tcp_cc tcp_cc_cubic = {
	.start = start,
	.acked = acked,
	.reduce = reduce,
	.undo = undo,
	.restart = restart,
};
