/* flight.c - owns the records of connections that fill their window or lose something. */
#include <tcp/flight.h>

#include <tcp/cc.h>
#include <tcp/seq.h>

#define LONG_AGO_US (1u << 30)

struct tcp_flight *tcp_flight_get(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct tcp_flight *f = c->flight;
	uint32_t now_us = (uint32_t)ctx->now_us;

	if (likely(f != NULL))
		return f;
	f = slab_get(&ctx->flights);
	assert(f); /* there are as many as connections */
	f->rack_us = now_us - LONG_AGO_US;
	f->rack_end = f->fack = f->dsack_round = c->snd_una;
	f->reo_mult = 1;
	f->delivered_us = f->first_sent_us = now_us;
	f->pace_ns = ctx->now_us * 1000;
	c->flight = f;
	tcp_cc_of(c)->start(ctx, c, f);
	return f;
}

void tcp_flight_put(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (!c->flight)
		return;
	slab_put(&ctx->flights, c->flight);
	c->flight = NULL;
	c->flags &= ~(TCP_F_PACED | TCP_F_DSACK_DUE | TCP_F_TLP_DUE | TCP_F_DOUBT);
}

static bool later(bool known, uint32_t us, uint32_t end, uint32_t than_us, uint32_t than_end)
{
	return !known || seq_gt(us, than_us) || (us == than_us && seq_gt(end, than_end));
}

void tcp_flight_arrived(const struct pkt_priv *p, struct tcp_delivered *d, bool held)
{
	uint32_t end = p->seq + p->len;

	d->bytes += p->len;
	if (p->transmits > 1) {
		if (later(d->again, p->sent_us, end, d->again_us, d->again_end)) {
			d->again_us = p->sent_us;
			d->again_end = end;
		}
		d->again = true;
	} else {
		if (!d->original || seq_lt(end, d->original_end))
			d->original_end = end;
		if (!d->original || seq_lt(p->sent_us, d->first_us))
			d->first_us = p->sent_us;
		d->original = true;
		d->held |= held;
		if (later(d->timed, p->sent_us, end, d->sent_us, d->end)) {
			d->sent_us = p->sent_us;
			d->end = end;
		}
		d->timed = true;
	}
	if (d->sampled && !seq_gt(p->sent_us, d->sample_us))
		return;
	d->sampled = true;
	d->sample_us = p->sent_us;
	d->delivered = p->delivered;
	d->delivered_us = p->delivered_us;
	d->first_sent_us = p->first_sent_us;
}
