/* downstream.c - owns connections between TCP's handshake and the end of their PROXY header. */
#include <proxy/downstream.h>

#include <base/proxy_header.h>
#include <proxy/admission.h>

struct downstream *downstream_get(struct proxy *px, const struct tcp_tuple *t)
{
	struct downstream *d = slab_get(&px->downstreams);

	if (!d)
		return NULL;
	d->px = px;
	d->tuple = *t;
	return d;
}

void downstream_put(struct downstream *d)
{
	upstream_drop_kept(&d->kept);
	slab_put(&d->px->downstreams, d);
}

/* Takes its stream away: it waits no longer. */
static struct bytestream *leave(struct downstream *d)
{
	struct bytestream *bs = d->bs;
	struct proxy *px = d->px;

	wheel_cancel(&px->wheel, &d->timer);
	if (d->prev)
		d->prev->next = d->next;
	else
		px->awaited = d->next;
	if (d->next)
		d->next->prev = d->prev;
	px->n_awaited--;
	admission_leave(px, &d->count);
	d->bs = NULL;
	bs->user = NULL;
	return bs;
}

/* Nobody is told why: what does not speak the protocol would not understand. */
static void refuse(struct downstream *d, enum counter_id why)
{
	struct bytestream *bs = leave(d);

	counter_inc(d->px->env.counters, why);
	downstream_put(d);
	bytestream_release(bs);
}

/* len bytes of rx were the header. */
static void go_on(struct downstream *d, const struct proxy_header *h, uint32_t len)
{
	struct bytestream *bs = leave(d);
	struct proxy *px = d->px;

	mbq_trim(&bs->rx, len);
	bytestream_consumed(bs, len);
	counter_inc(px->env.counters, CTR_PROXY_HEADERS);
	if (h->has_addresses) {
		d->announced = true;
		d->tuple = (struct tcp_tuple){.local = h->destination, .remote = h->source};
	} else {
		downstream_put(d);
		d = NULL;
	}
	/* What this pass has brought already is not notified again. */
	if (proxy_serve(px, bs, d))
		bs->notify(bs, BS_READABLE);
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct downstream *d = bs->user;
	struct proxy_header h;
	int len;

	if (events & BS_CLOSED) {
		refuse(d, CTR_PROXY_HEADERS_CUT);
		return;
	}
	len = proxy_header_read(&bs->rx, &h);
	if (len > 0)
		go_on(d, &h, (uint32_t)len);
	else if (len < 0)
		refuse(d, CTR_PROXY_HEADERS_BAD);
	else if (bs->eof)
		refuse(d, CTR_PROXY_HEADERS_CUT);
}

/* From the handshake on, not from the first byte: a proxy has nothing to wait for. */
static uint64_t patience_us(const struct proxy *px)
{
	const struct http_config *http = px->env.http;

	return http->header_timeout_us ? http->header_timeout_us : http->idle_timeout_us;
}

void downstream_accept(struct proxy *px, struct bytestream *bs)
{
	uint64_t us = px->draining ? 1 : patience_us(px), cookie = tcp_stream_cookie(bs);
	struct conn_count *count;
	struct downstream *d;

	if (!admission_enter(px, (uint32_t)cookie, (uint32_t)(cookie >> 32), &count)) {
		bytestream_abort(bs);
		return;
	}
	d = downstream_get(px, tcp_stream_tuple(bs));
	if (!d) {
		counter_inc(px->env.counters, CTR_CONNS_OVER_WORKER);
		admission_leave(px, &count);
		bytestream_abort(bs);
		return;
	}
	d->count = count;
	d->bs = bs;
	bs->user = d;
	bs->notify = on_event;
	d->next = px->awaited;
	if (px->awaited)
		px->awaited->prev = d;
	px->awaited = d;
	px->n_awaited++;
	if (us)
		wheel_arm(&px->wheel, &d->timer, px->now_us + us);
}

void downstream_timer(struct proxy *px, struct wheel_timer *t)
{
	(void)px;
	refuse((struct downstream *)((char *)t - offsetof(struct downstream, timer)),
	       CTR_PROXY_HEADERS_LATE);
}

void downstream_drain(struct proxy *px)
{
	while (px->awaited) {
		struct downstream *d = px->awaited;
		struct bytestream *bs = leave(d);

		downstream_put(d);
		bytestream_release(bs);
	}
}
