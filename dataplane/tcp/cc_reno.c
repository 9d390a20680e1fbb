/* cc_reno.c - the classic (RFC 5681), counting bytes (RFC 3465). Its slow start ends with a loss,
 * whatever the delay. */
#include <tcp/cc.h>

#include <rte_common.h>

static void start(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	(void)ctx;
	(void)c;
	(void)f;
}

static void acked(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		  const struct tcp_delivered *d)
{
	/* A round trip brings whole segments; half a window need not consist of them. */
	uint32_t window = c->cwnd - c->cwnd % c->mss;

	(void)ctx;
	if (c->cwnd < c->ssthresh) {
		c->cwnd = RTE_MIN(c->cwnd + d->bytes, TCP_CWND_MAX);
		return;
	}
	/* What was counted towards a larger window is worth a segment of this one, not two. */
	f->reno.acked = RTE_MIN(f->reno.acked, window) + d->bytes;
	if (f->reno.acked < window)
		return;
	f->reno.acked -= window;
	c->cwnd = RTE_MIN(c->cwnd + c->mss, TCP_CWND_MAX);
}

/* What arrived since the last growth goes on counting: windows of a few segments lose one of them
 * before it is complete nearly every time. */
static void reduce(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)f;
	c->ssthresh = RTE_MAX(tcp_cc_used(c) / 2, 2u * c->mss);
}

static void nothing(struct tcp_conn *c, struct tcp_flight *f)
{
	(void)c;
	(void)f;
}

const struct tcp_cc tcp_cc_reno = {
	.start = start,
	.acked = acked,
	.reduce = reduce,
	.undo = nothing,
	.restart = nothing,
};
