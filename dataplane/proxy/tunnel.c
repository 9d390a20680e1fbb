/* tunnel.c - owns an upgraded connection: what joins its two ends is relay.c's. */
#include <proxy/tunnel.h>

#include <proxy/admission.h>
#include <proxy/server.h>

static void finish(struct stream *s, bool abort)
{
	s->bytes_received += s->tunnel->bytes[RELAY_CLIENT];
	s->bytes_sent += s->tunnel->bytes[RELAY_SERVER];
	relay_close(s->tunnel, abort);
	slab_put(&s->px->relays, s->tunnel);
	s->tunnel = NULL;
	s->px->n_tunnels--;
	admission_leave(s->px, &s->count);
	stream_finish(s, true);
}

static void settle(struct stream *s, enum relay_verdict v)
{
	if (v == RELAY_GOES_ON)
		return;
	s->flags |= relay_flag(v);
	finish(s, v != RELAY_ENDED);
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct stream *s = bs->user;

	settle(s, relay_event(s->tunnel, bs, events, s->px->now_us));
}

/* When it may have been idle for too long. */
static void arm(struct stream *s)
{
	uint64_t idle = s->px->env.http->stream_idle_timeout_us;

	if (idle)
		wheel_arm(&s->px->wheel, &s->timer,
			  relay_active_us(s->tunnel, s->px->now_us) + idle);
}

void tunnel_timer(struct stream *s)
{
	uint64_t active_us = relay_active_us(s->tunnel, s->px->now_us);

	if (active_us + s->px->env.http->stream_idle_timeout_us > s->px->now_us) {
		arm(s);
		return;
	}
	s->flags |= RESPONSE_FLAG_SI;
	s->details = "stream_idle_timeout";
	finish(s, true);
}

static void take(struct stream *s, struct bytestream *bs)
{
	bs->user = s;
	bs->notify = on_event;
}

void tunnel_start(struct stream *s, uint32_t used)
{
	struct bytestream *up = upstream_detach(s->up, &s->claim),
			  *down = server_detach(s->down, &s->count);
	enum relay_verdict v;

	s->up = NULL;
	s->down = NULL;
	s->px->n_tunnels++;
	mbq_trim(&up->rx, used);
	bytestream_consumed(up, used);
	take(s, down);
	take(s, up);
	s->tunnel = slab_get(&s->px->relays); /* there are as many as streams */
	v = relay_begin(s->tunnel, down, up, s->px->now_us);
	wheel_cancel(&s->px->wheel, &s->timer);
	arm(s);
	settle(s, v);
}
