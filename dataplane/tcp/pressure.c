/* pressure.c - owns what happens when packet buffers get scarce.
 *
 * Windows follow what is left (dynamic thresholds, Choudhury and Hahne 1998): the more slow
 * readers there are, the less each of them may hold, and a reserve stays free. But a promised
 * window is not taken back, so that promises made in better times may eat into the reserve. Then,
 * in this order: new connections are not taken, and who holds more than its share gets no more,
 * in spite of the promise; HTTP closes idle connections and then refuses requests
 * (proxy/overload.h); what arrived out of order is forgotten, and who takes nothing is reset; who
 * holds most is reset. Below the last part of the reserve all data is dropped as it arrives,
 * because without buffers for acknowledgements nothing would ever be freed again. */
#include <rte_common.h>

#include <tcp/ctx.h>
#include <tcp/output.h>
#include <tcp/reasm.h>

#define RESERVE_PART  8u  /* of all buffers: kept for control segments and for whoever is fast */
#define LAST_PART     32u /* of all buffers: no more data */
#define CONN_PART     64u /* of what is above the reserve: one connection's, each way */
#define SEGMENT_BYTES 1448u

#define STALLED_AFTER_MS 1000u /* scarce for so long: stalled connections go */
#define LARGEST_AFTER_MS                                                                           \
	5000u /* ... the largest go; without any buffers after STALLED_AFTER_MS                    \
	       */
#define SHED_EVERY_MS 100u
#define SCAN          8192u /* connections looked at each time, round robin */
#define VICTIMS       16u   /* at most, each time */
#define HOLDS_MIN     2u    /* buffers: less is not worth a connection */

struct victims {
	unsigned n;
	struct tcp_conn *conn[VICTIMS]; /* by what they hold, most first */
	uint32_t holds[VICTIMS];
};

/* Buffers, estimated: the send queue's pieces are not counted anywhere. */
static uint32_t holds(const struct tcp_conn *c)
{
	return c->s.rx.n + c->n_ooo + c->s.tx_queued / RTE_MAX(c->mss, 256u);
}

/* Its peer takes nothing of what waits for it. */
static bool is_stalled(const struct tcp_conn *c)
{
	return c->s.tx_queued && (c->backoff || (c->flags & TCP_F_PERSIST));
}

static void consider(struct victims *v, struct tcp_conn *c)
{
	uint32_t n = holds(c);
	unsigned at = v->n;

	if (n < HOLDS_MIN || (v->n == VICTIMS && n <= v->holds[VICTIMS - 1]))
		return;
	if (v->n == VICTIMS)
		at--;
	else
		v->n++;
	for (; at > 0 && v->holds[at - 1] < n; at--) {
		v->holds[at] = v->holds[at - 1];
		v->conn[at] = v->conn[at - 1];
	}
	v->holds[at] = n;
	v->conn[at] = c;
}

/* A receiver may forget what it has only selectively acknowledged (RFC 2018 section 8). */
static uint32_t forget_reordered(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t n = c->n_ooo;

	if (n)
		counter_add(ctx->counters, CTR_TCP_OOO_FORGOTTEN, n);
	tcp_reasm_free(c);
	return n;
}

/* Looks at the next connections in turn. Returns how many buffers that alone has freed. */
static uint32_t find_victims(struct tcp_ctx *ctx, bool stalled_only, struct victims *v)
{
	struct tcp_conn *conns = (struct tcp_conn *)ctx->conns.base;
	uint32_t n = RTE_MIN(ctx->conns.fresh, SCAN), freed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct tcp_conn *c;

		if (ctx->shed_at >= ctx->conns.fresh)
			ctx->shed_at = 0;
		c = &conns[ctx->shed_at++];
		if (c->state == TCP_CLOSED)
			continue;
		freed += forget_reordered(ctx, c);
		if (!stalled_only || is_stalled(c))
			consider(v, c);
	}
	return freed;
}

/* Frees about `want` buffers, if as many are held. */
static void shed(struct tcp_ctx *ctx, bool stalled_only, uint32_t want)
{
	struct victims v = {0};
	uint32_t freed = find_victims(ctx, stalled_only, &v);

	for (unsigned i = 0; i < v.n && freed < want; i++) {
		struct tcp_conn *c = v.conn[i];

		freed += v.holds[i];
		counter_inc(ctx->counters,
			    stalled_only ? CTR_TCP_SHED_STALLED : CTR_TCP_SHED_LARGEST);
		if (tcp_conn_is_synchronized(c))
			tcp_output_reset(ctx, c);
		tcp_conn_close(ctx, c, BS_NO_MEMORY);
	}
}

static void change(struct tcp_ctx *ctx, enum tcp_pressure to)
{
	if (ctx->pressure == TCP_EASE)
		ctx->scarce_ms = ctx->now_ms;
	if (to == TCP_STARVED)
		ctx->starved_ms = ctx->now_ms;
	counter_add(ctx->counters, CTR_TCP_PRESSURE, (int64_t)to - ctx->pressure);
	ctx->pressure = (uint8_t)to;
}

static __rte_noinline void endure(struct tcp_ctx *ctx, enum tcp_pressure now, uint32_t want)
{
	uint32_t lasts;

	if (now != ctx->pressure)
		change(ctx, now);
	lasts = ctx->now_ms - ctx->scarce_ms;
	if (now == TCP_EASE || lasts < STALLED_AFTER_MS ||
	    ctx->now_ms - ctx->shed_ms < SHED_EVERY_MS)
		return;
	ctx->shed_ms = ctx->now_ms;
	shed(ctx,
	     lasts < LARGEST_AFTER_MS &&
		     (now != TCP_STARVED || ctx->now_ms - ctx->starved_ms < STALLED_AFTER_MS),
	     want);
}

/* Ease returns only with a quarter of the reserve to spare, so that it lasts. */
static enum tcp_pressure pressure(const struct tcp_ctx *ctx, uint32_t left, uint32_t total)
{
	uint32_t reserve = total / RESERVE_PART;

	if (left < total / LAST_PART)
		return TCP_STARVED;
	if (left > reserve + (ctx->pressure == TCP_EASE ? 0 : reserve / 4))
		return TCP_EASE;
	return TCP_TIGHT;
}

void tcp_set_memory(struct tcp_ctx *ctx, uint32_t left, uint32_t total)
{
	enum tcp_pressure now = pressure(ctx, left, total);
	uint32_t reserve = total / RESERVE_PART;

	if (unlikely(now != TCP_EASE || ctx->pressure != TCP_EASE))
		endure(ctx, now, reserve + reserve / 2 - RTE_MIN(left, reserve + reserve / 2));
	left = left > reserve ? left - reserve : 0;
	tcp_set_limit(ctx, (uint64_t)left * SEGMENT_BYTES / CONN_PART);
	ctx->hold_max = now == TCP_EASE ? UINT32_MAX : now == TCP_TIGHT ? ctx->rcv_limit + 1 : 0;
}

uint32_t tcp_scarce_ms(const struct tcp_ctx *ctx)
{
	return ctx->pressure == TCP_EASE ? 0 : ctx->now_ms - ctx->scarce_ms + 1;
}
