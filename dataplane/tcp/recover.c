/* recover.c - owns what an acknowledgement does: what is known to have arrived, episodes of
 * recovery from their beginning to their end or undoing, and cwnd meanwhile. */
#include <tcp/recover.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/episode.h>
#include <tcp/output.h>
#include <tcp/rack.h>
#include <tcp/sack.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

#define NOBODY_WAITS(c) (!((c)->flags & TCP_F_USER))

/* Does the echo speak of an earlier transmission than the last, though there was time for an
 * answer to that? Then an acknowledgement was lost, and the time until the repetition is none of
 * the path's. */
static bool is_ambiguous(const struct tcp_ctx *ctx, const struct tcp_conn *c,
			 const struct tcp_delivered *d, const struct tcp_options *opt)
{
	uint32_t ago_us = (uint32_t)ctx->now_us - d->again_us;
	uint32_t sent_ts = (uint32_t)((ctx->now_us - ago_us) / 1000) + c->ts_offset;

	return d->again && seq_lt(opt->ts_ecr, sent_ts) && ago_us >= c->min_rtt_us;
}

/* The RTO is made of what the earliest segment took, the peer's waiting included; everything
 * else of what the latest took. After a repetition only timestamps know. */
static void measure(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_delivered *d,
		    const struct tcp_options *opt)
{
	if (d->timed && (!d->again || d->held)) {
		d->rtt_us = RTE_MAX((uint32_t)ctx->now_us - d->sent_us, 1u);
		if (!c->min_rtt_us || d->rtt_us < c->min_rtt_us)
			c->min_rtt_us = d->rtt_us;
		tcp_timer_measure(c, (uint32_t)ctx->now_us - d->first_us);
	} else if ((c->flags & TCP_F_TS) && opt->ts_ecr && d->bytes &&
		   !is_ambiguous(ctx, c, d, opt)) {
		uint32_t ms = ctx->now_ms + c->ts_offset - opt->ts_ecr;

		if (ms < TCP_RTO_MAX_MS)
			tcp_timer_measure(c, RTE_MAX(ms, 1u) * 1000);
	}
}

/* Not for every segment; but a large queue must not run half empty either: what it holds is what
 * a long path has under way. */
static void wake_writer(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t room = RTE_MIN(c->s.tx_limit / 2, TCP_WAKE_ROOM);

	if (!c->s.tx_blocked || c->s.tx_queued + room > c->s.tx_limit)
		return;
	c->s.tx_blocked = false;
	tcp_conn_post(ctx, c, BS_WRITABLE);
}

static void arm(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->snd_una == c->snd_nxt)
		tcp_timer_clear(c, TCP_DUE_RETRANS);
	else
		tcp_timer_retrans(ctx, c);
}

/* snd_una has moved. */
static void forward(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack)
{
	c->snd_una = ack;
	c->s.taken_ms = ctx->now_ms;
	c->backoff = 0;
	if (NOBODY_WAITS(c) && tcp_timer_is_set(c, TCP_DUE_LIFE))
		tcp_timer_set(ctx, c, TCP_DUE_LIFE, TCP_ORPHAN_MS);
	wake_writer(ctx, c);
}

static void grow(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_delivered *d)
{
	struct tcp_flight *f = tcp_flight_get(ctx, c);
	uint32_t room;

	tcp_cc_of(c)->acked(ctx, c, f, d);
	room = tcp_conn_room(ctx, c);
	if (room > c->s.tx_limit)
		c->s.tx_limit = room;
}

/* Bookkeeping of a connection that has a flight. */
static void track(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		  const struct tcp_delivered *d, const struct tcp_options *opt)
{
	if (!d->bytes)
		return;
	f->delivered += d->bytes;
	f->delivered_us = (uint32_t)ctx->now_us;
	if (d->sampled)
		f->first_sent_us = d->sample_us;
	tcp_rack_arrived(ctx, c, f, d, opt);
}

/* After the controller has seen the sample. The pace follows the round-trip time also where cwnd
 * does not grow: too slow a pace would keep it from growing. */
static void settle(struct tcp_conn *c, struct tcp_flight *f)
{
	if (!tcp_cc_of(c)->model)
		tcp_cc_pace(c, f);
	if (f->app_limited && seq_gt(f->delivered, f->app_limited))
		f->app_limited = 0;
}

static __rte_noinline void acked_flight(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack,
					const struct tcp_options *opt)
{
	struct tcp_flight *f = tcp_flight_get(ctx, c);
	struct tcp_delivered d = {.fack = f->fack};

	tcp_sendq_ack(c, ack, &d);
	forward(ctx, c, ack);
	measure(ctx, c, &d, opt);
	track(ctx, c, f, &d, opt);
	if (f->tlp)
		tcp_episode_probe_answered(ctx, c, f, true, 0);
	if (tcp_cc_of(c)->model || (c->flags & TCP_F_CWND_FULL))
		grow(ctx, c, &d);
	settle(c, f);
}

/* Of a connection that only exchanges small messages: nothing but the clock. */
static void acked_plain(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack)
{
	struct tcp_sendq_span span = tcp_sendq_ack_plain(c, ack);
	uint32_t rtt_us = RTE_MAX((uint32_t)ctx->now_us - span.last_us, 1u);

	forward(ctx, c, ack);
	if (!span.bytes)
		return;
	if (!c->min_rtt_us || rtt_us < c->min_rtt_us)
		c->min_rtt_us = rtt_us;
	tcp_timer_measure(c, (uint32_t)ctx->now_us - span.first_us);
}

void tcp_recover_acked(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack,
		       const struct tcp_options *opt)
{
	c->dupacks = 0;
	if (c->flight || c->lost || (c->flags & TCP_F_CWND_FULL))
		acked_flight(ctx, c, ack, opt);
	else
		acked_plain(ctx, c, ack);
	arm(ctx, c);
	if (c->sq_unsent || (c->flags & TCP_F_FIN_QUEUED))
		tcp_conn_mark(ctx, c, 0);
}

/* --- the slow path --- */

/* Without SACK a duplicate says that one more segment left the network, not which. */
static void count_duplicate(struct tcp_conn *c, struct tcp_delivered *d)
{
	uint32_t flight = c->snd_nxt - c->snd_una, before = c->sacked;

	if (c->recovery == TCP_LOSS)
		return;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	c->sacked = RTE_MIN(c->sacked + c->mss, flight > c->lost ? flight - c->lost : 0);
	d->bytes += RTE_MAX(c->sacked, before) - before;
}

/* The duplicates had been counted as delivered already. */
static void recount(struct tcp_conn *c, struct tcp_delivered *d)
{
	uint32_t known = RTE_MIN(c->sacked, d->bytes);

	if (c->recovery == TCP_OPEN || c->recovery == TCP_REDUCING)
		known = c->sacked;
	c->sacked -= known;
	d->bytes -= RTE_MIN(known, d->bytes);
	c->dupacks = 0;
}

static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *s, bool same_window)
{
	return s->ack == c->snd_una && c->snd_nxt != c->snd_una && !s->len &&
	       !(s->flags & (TCP_SYN | TCP_FIN)) && same_window;
}

/* What s says about what arrived. Returns the bytes reported as received twice. */
static uint32_t read_report(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s,
			    bool same_window, struct tcp_delivered *d)
{
	uint32_t una = c->snd_una, twice = 0;
	bool advances = seq_gt(s->ack, una), sack = c->flags & TCP_F_SACK;

	d->fack = c->flight ? c->flight->fack : una;
	if (advances) {
		tcp_sendq_ack(c, s->ack, d);
		forward(ctx, c, s->ack);
	}
	if (sack && s->opt.n_sack)
		twice = tcp_sack_take(ctx, c, &s->opt, una, d);
	else if (!sack && advances)
		recount(c, d);
	else if (!sack && is_duplicate(c, s, same_window))
		count_duplicate(c, d);
	measure(ctx, c, d, &s->opt);
	return twice;
}

/* Returns after how many ms more may be lost. */
static uint32_t find_losses(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
			    struct tcp_delivered *d)
{
	uint32_t wait_ms = 0;

	if (!(c->flags & TCP_F_SACK))
		tcp_episode_duplicates(c, d);
	else if (c->n_sacked || c->recovery >= TCP_RECOVERY)
		wait_ms = tcp_rack_detect(ctx, c, f, d);
	if (d->lost && c->recovery < TCP_RECOVERY)
		tcp_episode_enter(ctx, c, f, d);
	return wait_ms;
}

/* Between a loss and its repair PRR decides, except for who knows better. What ends an episode has
 * brought something as every acknowledgement: windows of a few segments grow by little else. */
static void set_window(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		       const struct tcp_delivered *d, bool advances)
{
	if (tcp_cc_of(c)->model) {
		if (d->bytes || d->lost)
			grow(ctx, c, d);
	} else if (c->recovery == TCP_RECOVERY || c->recovery == TCP_REDUCING) {
		tcp_episode_window(c, f, d, advances);
	} else if (advances && d->bytes &&
		   (c->recovery == TCP_LOSS || (c->flags & TCP_F_CWND_FULL))) {
		grow(ctx, c, d);
	}
}

static void rearm(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t wait_ms, bool advances)
{
	if (c->snd_una == c->snd_nxt) {
		tcp_timer_clear(c, TCP_DUE_RETRANS);
	} else if (wait_ms) {
		c->retrans_kind = TCP_RETRANS_REORDER;
		tcp_timer_set(ctx, c, TCP_DUE_RETRANS, wait_ms);
	} else if (advances || c->retrans_kind == TCP_RETRANS_REORDER) {
		tcp_timer_retrans(ctx, c);
	}
}

/* RFC 3042: what the first reports of a hole let go, before the next one finds a loss and cwnd
 * comes down. Where they arrive in one pass it has not gone yet; and without it the repetition is
 * the last segment of the flight, so that one lost acknowledgement means a timeout. */
static void transmit_limited(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->recovery != TCP_OPEN || !c->n_sacked || !(c->flags & TCP_F_DIRTY))
		return;
	if (!ctx->ops->busy || !ctx->ops->busy(ctx->owner))
		tcp_output_conn(ctx, c);
}

void tcp_recover_segment(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s,
			 bool same_window)
{
	struct tcp_delivered d = {0};
	bool advances = seq_gt(s->ack, c->snd_una);
	uint32_t twice, wait_ms;
	struct tcp_flight *f;

	transmit_limited(ctx, c);
	twice = read_report(ctx, c, s, same_window, &d);
	tcp_episode_marks(ctx, c, s);
	if (!advances && !d.bytes && !twice && (!c->flight || !c->flight->tlp))
		return;
	f = tcp_flight_get(ctx, c);
	track(ctx, c, f, &d, &s->opt);
	tcp_episode_follow(ctx, c, f, &d, &s->opt, advances, twice);
	if (f->tlp)
		tcp_episode_probe_answered(ctx, c, f, advances || d.bytes, twice);
	wait_ms = find_losses(ctx, c, f, &d);
	set_window(ctx, c, f, &d, advances);
	settle(c, f);
	rearm(ctx, c, wait_ms, advances);
	tcp_conn_mark(ctx, c, 0);
}

/* --- silence --- */

void tcp_recover_timeout(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	counter_inc(ctx->counters, CTR_TCP_RTO);
	tcp_episode_timeout(ctx, c, tcp_flight_get(ctx, c));
	if (c->sq_head != c->sq_unsent)
		tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
	else if (c->flags & TCP_F_FIN_SENT)
		tcp_conn_mark(ctx, c, TCP_F_FIN_DUE);
	tcp_timer_retrans(ctx, c);
}

/* RFC 8985 section 7.3. */
void tcp_recover_probe(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct tcp_flight *f = tcp_flight_get(ctx, c);

	counter_inc(ctx->counters, CTR_TCP_TLP);
	f->tlp = true;
	tcp_conn_mark(ctx, c, TCP_F_TLP_DUE);
	tcp_timer_retrans(ctx, c);
}

void tcp_recover_reorder(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct tcp_flight *f = tcp_flight_get(ctx, c);
	struct tcp_delivered d = {0};
	uint32_t wait_ms = find_losses(ctx, c, f, &d);

	if (d.lost)
		set_window(ctx, c, f, &d, false);
	rearm(ctx, c, wait_ms, true);
	tcp_conn_mark(ctx, c, 0);
}
