/* cc_cubic.c - CUBIC (RFC 9438) in integers: bytes and milliseconds. */
#include <tcp/cc.h>

#include <rte_common.h>

/* beta_cubic = 0.7, C = 0.4; alpha of the Reno-friendly estimate is 3 (1-b) / (1+b). */
#define BETA_NUM    7u
#define BETA_DEN    10u
#define ALPHA_MILLI 529u
#define DT_MAX_MS   1000000

static void init(struct tcp_conn *c)
{
	c->cwnd = tcp_cc_initial_window(c->mss);
	c->ssthresh = TCP_CWND_MAX;
	c->cc_w_max = 0;
	c->cc_epoch_ms = 0;
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

/* K = cbrt((w_max - cwnd) / C) seconds, windows in segments. */
static void open_epoch(const struct tcp_ctx *ctx, struct tcp_conn *c)
{
	c->cc_epoch_ms = ctx->now_ms | 1; /* 0 means none */
	c->cc_k_ms = 0;
	if (c->cc_w_max <= c->cwnd)
		c->cc_w_max = c->cwnd;
	else
		c->cc_k_ms = cube_root((uint64_t)(c->cc_w_max - c->cwnd) / c->mss * 2500000000ull);
}

static int64_t cubic_window(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	int64_t t = (int64_t)(uint32_t)(ctx->now_ms - c->cc_epoch_ms) + c->srtt_us / 1000;
	int64_t dt = t - (int64_t)c->cc_k_ms;

	dt = RTE_MAX(RTE_MIN(dt, DT_MAX_MS), -DT_MAX_MS);
	return (int64_t)c->cc_w_max + dt * dt * dt / 1000000 * c->mss * 4 / 10000;
}

/* What Reno would have by now; one segment a round trip once it has regained what was lost
 * (RFC 9438 section 4.3). */
static int64_t reno_window(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	int64_t rtts_milli = (int64_t)(uint32_t)(ctx->now_ms - c->cc_epoch_ms) * 1000000 /
			     RTE_MAX(c->srtt_us, 1000u);
	int64_t w_max = c->cc_w_max;
	int64_t w = w_max * BETA_NUM / BETA_DEN + rtts_milli * ALPHA_MILLI / 1000 * c->mss / 1000;

	return w <= w_max ? w : w_max + (w - w_max) * 1000 / ALPHA_MILLI;
}

static void grow(const struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t acked)
{
	int64_t target;

	if (c->cwnd < c->ssthresh) {
		c->cwnd = RTE_MIN(c->cwnd + acked, TCP_CWND_MAX);
		return;
	}
	if (!c->cc_epoch_ms)
		open_epoch(ctx, c);
	target = RTE_MAX(cubic_window(ctx, c), reno_window(ctx, c));
	target = RTE_MIN(target, (int64_t)c->cwnd + c->cwnd / 2);
	if (target > c->cwnd)
		c->cwnd += (uint32_t)((uint64_t)(target - c->cwnd) * acked / c->cwnd);
	c->cwnd = RTE_MIN(c->cwnd, TCP_CWND_MAX);
}

static void reduce(struct tcp_conn *c)
{
	uint32_t flight = RTE_MIN(c->snd_nxt - c->snd_una, c->cwnd);

	/* Fast convergence: a smaller maximum than last time means somebody else came. */
	if (flight < c->cc_w_max)
		c->cc_w_max =
			(uint32_t)((uint64_t)flight * (BETA_DEN + BETA_NUM) / (2ull * BETA_DEN));
	else
		c->cc_w_max = flight;
	c->cc_epoch_ms = 0;
	c->ssthresh = RTE_MAX((uint32_t)((uint64_t)flight * BETA_NUM / BETA_DEN), 2u * c->mss);
}

const struct tcp_cc tcp_cc_cubic = {
	.name = "cubic",
	.init = init,
	.grow = grow,
	.reduce = reduce,
};
