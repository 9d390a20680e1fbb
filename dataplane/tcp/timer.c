/* timer.c - what happens when the peer is silent: retransmission, probes, the end. */
#include <tcp/timer.h>

#include <rte_common.h>

#include <tcp/mtu.h>
#include <tcp/output.h>
#include <tcp/rack.h>
#include <tcp/recover.h>

#define SYN_ACK_TRIES        5
#define SYN_TRIES            6
#define PROBE_BACKOFF_MAX    12
#define CLOCK_GRANULARITY_US 1000u /* of timestamps: G of RFC 6298 */

/* A timer that is too early by up to a tick is left alone. */
static void arm(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t at_ms)
{
	int32_t wait_ms = (int32_t)(at_ms - ctx->now_ms);
	uint64_t at_us = ctx->now_us + (wait_ms > 0 ? (uint64_t)wait_ms * 1000 : 0);

	if (!wheel_fires_by(&c->timer, at_us))
		wheel_arm(ctx->wheel, &c->timer, at_us);
}

void tcp_timer_set(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_deadline which, uint32_t ms)
{
	c->due_ms[which] = ctx->now_ms + ms;
	c->due |= (uint8_t)(1u << which);
	arm(ctx, c, c->due_ms[which]);
}

uint32_t tcp_timer_rto_ms(const struct tcp_conn *c)
{
	uint64_t us = TCP_RTO_INITIAL_MS * 1000ull;

	if (c->srtt_us)
		us = c->srtt_us + RTE_MAX(4ull * c->rttvar_us, CLOCK_GRANULARITY_US);
	us = RTE_MAX(us, TCP_RTO_MIN_MS * 1000u) << c->backoff;
	return (uint32_t)RTE_MIN(us / 1000, TCP_RTO_MAX_MS);
}

void tcp_timer_retrans(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t rto_ms = tcp_timer_rto_ms(c), probe_ms = tcp_rack_probe_ms(c, rto_ms);

	c->retrans_kind = probe_ms ? TCP_RETRANS_PROBE : TCP_RETRANS_RTO;
	tcp_timer_set(ctx, c, TCP_DUE_RETRANS, probe_ms ? probe_ms : rto_ms);
}

void tcp_timer_measure(struct tcp_conn *c, uint32_t rtt_us)
{
	uint32_t delta;

	rtt_us = RTE_MIN(RTE_MAX(rtt_us, 1u), TCP_RTO_MAX_MS * 1000u);
	if (!c->srtt_us) {
		c->srtt_us = rtt_us;
		c->rttvar_us = rtt_us / 2;
		return;
	}
	delta = rtt_us > c->srtt_us ? rtt_us - c->srtt_us : c->srtt_us - rtt_us;
	c->rttvar_us = (uint32_t)((3ull * c->rttvar_us + delta) / 4);
	c->srtt_us = RTE_MAX((uint32_t)((7ull * c->srtt_us + rtt_us) / 8), 1u);
}

static bool silent_too_long(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	return c->backoff && ctx->now_ms - c->since_ms >= TCP_SILENCE_MS;
}

static void give_up(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	counter_inc(ctx->counters, CTR_TCP_TIMEOUT);
	tcp_conn_close(ctx, c, BS_TIMEOUT);
}

/* It answers, and takes nothing: memory held for nothing (RFC 6429 lets us end it). sent_ms may
 * be older than the closed window, so many probes must have been answered as well. */
static bool takes_nothing(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	return ctx->cfg.zero_window_us && !c->snd_wnd && c->backoff >= PROBE_BACKOFF_MAX &&
	       ctx->now_ms - c->sent_ms >= ctx->cfg.zero_window_us / 1000;
}

/* Nothing is under way and the window is too small for what waits. */
static void persist(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (silent_too_long(ctx, c) || takes_nothing(ctx, c)) {
		tcp_output_reset(ctx, c);
		give_up(ctx, c);
		return;
	}
	if (!c->backoff)
		c->since_ms = ctx->now_ms;
	if (c->backoff < PROBE_BACKOFF_MAX)
		c->backoff++;
	tcp_conn_mark(ctx, c, c->snd_wnd ? TCP_F_FORCE_DUE : TCP_F_PROBE_DUE);
	if (!c->snd_wnd)
		counter_inc(ctx->counters, CTR_TCP_ZERO_WINDOW_PROBE);
	tcp_timer_set(ctx, c, TCP_DUE_RETRANS, tcp_timer_rto_ms(c));
}

static void handshake_again(struct tcp_ctx *ctx, struct tcp_conn *c, unsigned tries)
{
	if (c->backoff >= tries) {
		give_up(ctx, c);
		return;
	}
	c->backoff++;
	counter_inc(ctx->counters, CTR_TCP_RETRANS_SEGS);
	tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
}

static void timeout(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->state == TCP_SYN_SENT) {
		handshake_again(ctx, c, SYN_TRIES);
	} else if (c->state == TCP_SYN_RECEIVED) {
		handshake_again(ctx, c, SYN_ACK_TRIES);
	} else if (c->flags & TCP_F_PERSIST) {
		persist(ctx, c);
	} else if (silent_too_long(ctx, c)) {
		give_up(ctx, c);
	} else {
		if (!c->backoff)
			c->since_ms = ctx->now_ms;
		tcp_mtu_timeout(ctx, c);
		tcp_recover_timeout(ctx, c);
	}
}

static void retransmit(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	enum tcp_retrans_kind kind = c->retrans_kind;

	c->retrans_kind = TCP_RETRANS_RTO;
	if (kind == TCP_RETRANS_PROBE)
		tcp_recover_probe(ctx, c);
	else if (kind == TCP_RETRANS_REORDER)
		tcp_recover_reorder(ctx, c);
	else
		timeout(ctx, c);
}

static void go_on(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	tcp_conn_mark(ctx, c, 0);
}

static void acknowledge(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	counter_inc(ctx->counters, CTR_TCP_DELAYED_ACK);
	tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
}

/* Between probes; a node that asks more often than that does not wait longer for an answer. */
static uint32_t probe_every_ms(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	if (c->flags & TCP_F_KEEPALIVE)
		return c->keepalive.interval_s * 1000u;
	return RTE_MIN(tcp_timer_keepalive_ms(ctx, c), TCP_KEEPALIVE_INTERVAL_S * 1000);
}

static unsigned probes_max(const struct tcp_conn *c)
{
	return c->flags & TCP_F_KEEPALIVE ? c->keepalive.probes : TCP_KEEPALIVE_PROBES;
}

static void keepalive(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->state == TCP_TIME_WAIT)
		return;
	/* Unanswered data is the retransmission timer's business. */
	if (c->snd_una == c->snd_nxt) {
		if (c->probes >= probes_max(c)) {
			give_up(ctx, c);
			return;
		}
		c->probes++;
		counter_inc(ctx->counters, CTR_TCP_KEEPALIVE);
		tcp_conn_mark(ctx, c, TCP_F_PROBE_DUE);
	}
	tcp_timer_set(ctx, c, TCP_DUE_KEEPALIVE, probe_every_ms(ctx, c));
}

/* The next probe may be due sooner than another unanswered one would have been. */
void tcp_timer_answered(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	c->probes = 0;
	if (tcp_timer_is_set(c, TCP_DUE_KEEPALIVE))
		arm(ctx, c, c->due_ms[TCP_DUE_KEEPALIVE]);
}

static void expire(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->state == TCP_SYN_SENT) {
		tcp_conn_close(ctx, c, BS_TIMEOUT);
	} else {
		/* FIN-WAIT-2 and TIME-WAIT end in silence; who is still sending is told. */
		if (c->state != TCP_TIME_WAIT && c->state != TCP_FIN_WAIT_2)
			tcp_output_reset(ctx, c);
		tcp_conn_close(ctx, c, BS_OK);
	}
}

static void (*const on_deadline[TCP_DEADLINES])(struct tcp_ctx *ctx, struct tcp_conn *c) = {
	[TCP_DUE_RETRANS] = retransmit,  [TCP_DUE_ACK] = acknowledge,
	[TCP_DUE_KEEPALIVE] = keepalive, [TCP_DUE_PACE] = go_on,
	[TCP_DUE_LIFE] = expire,
};

void tcp_timer(struct tcp_ctx *ctx, struct wheel_timer *t)
{
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);

	for (unsigned i = 0; i < TCP_DEADLINES; i++) {
		if (!(c->due >> i & 1) || (int32_t)(ctx->now_ms - c->due_ms[i]) < 0)
			continue;
		tcp_timer_clear(c, i);
		on_deadline[i](ctx, c);
		if (c->state == TCP_CLOSED)
			return;
	}
	for (unsigned i = 0; i < TCP_DEADLINES; i++)
		if (c->due >> i & 1)
			arm(ctx, c, c->due_ms[i]);
}
