/* limit.c - owns the allowances of answers nobody is owed. */
#include <tcp/limit.h>

#include <rte_common.h>

#define ANSWER_EVERY_MS       50u /* one connection's, in the long run */
#define CHALLENGE_BURST       5u
#define CHALLENGES_PER_SECOND 1000u  /* of all connections, on average */
#define RESETS_PER_SECOND     10000u /* and at most so many at once */

/* c->answer_ms is when its allowance will be whole again: each answer puts it off. What lies
 * further ahead than answers can have put it is an old value that the clock has lapped. */
static bool allowed(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t burst)
{
	int32_t ahead = (int32_t)(c->answer_ms - ctx->now_ms);

	if (ahead < 0 || ahead > (int32_t)(CHALLENGE_BURST * ANSWER_EVERY_MS)) {
		c->answer_ms = ctx->now_ms;
		ahead = 0;
	}
	if (ahead > (int32_t)((burst - 1) * ANSWER_EVERY_MS))
		return false;
	c->answer_ms += ANSWER_EVERY_MS;
	return true;
}

/* Half to one and a half of the average, anew each second. */
static void refill_challenges(struct tcp_ctx *ctx)
{
	uint64_t second = ctx->now_us / 1000000 + 1;

	if (ctx->challenge_second == (uint32_t)second)
		return;
	ctx->challenge_second = (uint32_t)second;
	ctx->challenges_left =
		CHALLENGES_PER_SECOND / 2 +
		(uint32_t)siphash24(&ctx->port_key, &second, 1) % CHALLENGES_PER_SECOND;
}

bool tcp_limit_challenge(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	refill_challenges(ctx);
	if (!ctx->challenges_left || !allowed(ctx, c, CHALLENGE_BURST)) {
		counter_inc(ctx->counters, CTR_TCP_CHALLENGE_SKIP);
		return false;
	}
	ctx->challenges_left--;
	counter_inc(ctx->counters, CTR_TCP_CHALLENGE_ACK);
	return true;
}

bool tcp_limit_stray(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	return allowed(ctx, c, 1);
}

bool tcp_limit_reset(struct tcp_ctx *ctx)
{
	uint32_t ms = RTE_MIN(ctx->now_ms - ctx->reset_ms, 1000u);

	ctx->resets_left =
		RTE_MIN(ctx->resets_left + ms * (RESETS_PER_SECOND / 1000), RESETS_PER_SECOND);
	ctx->reset_ms = ctx->now_ms;
	if (!ctx->resets_left) {
		counter_inc(ctx->counters, CTR_TCP_RST_SKIP);
		return false;
	}
	ctx->resets_left--;
	return true;
}
