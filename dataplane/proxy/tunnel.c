/* tunnel.c - relays both ways with backpressure; a half closes when its source does. */
#include <proxy/tunnel.h>

#include <proxy/admission.h>
#include <proxy/server.h>

static struct bytestream *other(struct stream *s, const struct bytestream *bs)
{
	return bs == s->tunnel_down ? s->tunnel_up : s->tunnel_down;
}

static void finish(struct stream *s, bool abort)
{
	struct bytestream *ends[] = {s->tunnel_down, s->tunnel_up};

	for (unsigned i = 0; i < 2; i++) {
		ends[i]->user = NULL;
		if (abort)
			bytestream_abort(ends[i]);
		else
			bytestream_release(ends[i]);
	}
	s->px->n_tunnels--;
	admission_leave(s->px, &s->count);
	stream_finish(s, true);
}

/* Moves what has arrived on `from` to the other side, as far as that has room. */
static void relay(struct stream *s, struct bytestream *from)
{
	struct bytestream *to = other(s, from);
	uint32_t n = from->rx.bytes;
	struct mbq q;

	if (n) {
		if (to->tx_queued >= to->tx_limit) {
			to->tx_blocked = true;
			return;
		}
		mbq_init(&q);
		mbq_append(&q, &from->rx);
		if (from == s->tunnel_down)
			s->bytes_received += n;
		else
			s->bytes_sent += n;
		s->active_us = s->px->now_us;
		bytestream_write(to, &q);
		bytestream_consumed(from, n);
	}
	if (from->eof && !(s->tunnel_shut & (from == s->tunnel_down ? 1 : 2))) {
		s->tunnel_shut |= from == s->tunnel_down ? 1 : 2;
		bytestream_shutdown(to);
	}
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct stream *s = bs->user;

	if (events & BS_CLOSED) {
		s->flags |= bs == s->tunnel_down ? RESPONSE_FLAG_DC : RESPONSE_FLAG_UC;
		finish(s, true);
		return;
	}
	if (events & BS_WRITABLE)
		relay(s, other(s, bs));
	relay(s, bs);
	if (s->tunnel_shut == 3)
		finish(s, false);
}

/* Of both sides, in either direction. */
static uint64_t last_active_us(const struct stream *s)
{
	uint64_t down_us = bytestream_taken_us(s->tunnel_down, s->px->now_us);
	uint64_t up_us = bytestream_taken_us(s->tunnel_up, s->px->now_us);

	return RTE_MAX(s->active_us, RTE_MAX(down_us, up_us));
}

/* When it may have been idle for too long. */
static void arm(struct stream *s)
{
	uint64_t idle = s->px->env.http->stream_idle_timeout_us;

	if (idle)
		wheel_arm(&s->px->wheel, &s->timer, last_active_us(s) + idle);
}

void tunnel_timer(struct stream *s)
{
	if (last_active_us(s) + s->px->env.http->stream_idle_timeout_us > s->px->now_us) {
		arm(s);
		return;
	}
	s->flags |= RESPONSE_FLAG_SI;
	s->details = "stream_idle_timeout";
	finish(s, true);
}

static void join(struct stream *s, struct bytestream *bs)
{
	bs->user = s;
	bs->notify = on_event;
}

void tunnel_start(struct stream *s, uint32_t used)
{
	struct bytestream *up = upstream_detach(s->up, &s->claim),
			  *down = server_detach(s->down, &s->count);

	s->up = NULL;
	s->down = NULL;
	s->tunnel_down = down;
	s->tunnel_up = up;
	s->px->n_tunnels++;
	mbq_trim(&up->rx, used);
	bytestream_consumed(up, used);
	join(s, down);
	join(s, up);
	wheel_cancel(&s->px->wheel, &s->timer);
	s->active_us = s->px->now_us;
	arm(s);
	/* What this pass has brought already is not notified again. */
	relay(s, down);
	relay(s, up);
	if (down->error || up->error)
		finish(s, true);
	else if (s->tunnel_shut == 3)
		finish(s, false);
}
