/* server.c - the life of client connections: opened, served, closed, timed. */
#include <proxy/server_conn.h>

#include <proxy/admission.h>
#include <proxy/downstream.h>
#include <proxy/stream.h>
#include <tcp/tcp.h>

/* The rest of a request nobody wants is read for no longer than this. */
#define DRAIN_US (2 * 1000000ull)
/* A client that ends its side this soon after its request wants the answer; one that does
 * so later has given up. */
#define HALF_CLOSE_US (100 * 1000ull)

/* While memory is short: a client has nothing to ask, or does not get on with asking. */
#define IDLE_SURELY_US (100 * 1000ull)
#define HEAD_SLOW_US   (1000 * 1000ull)

/* ---- life ---- */

/* Stores a new deadline; the wheel is touched only when it must fire earlier than it would. */
void server_set_deadline(struct h1_server *c, uint64_t after_us)
{
	c->deadline_us = after_us ? c->px->now_us + after_us : UINT64_MAX;
	if (c->deadline_us != UINT64_MAX && !wheel_fires_by(&c->timer, c->deadline_us))
		wheel_arm(&c->px->wheel, &c->timer, c->deadline_us);
}

/* Takes the connection off the worker's list and frees it, now or when it is left. */
static void forget(struct h1_server *c)
{
	struct proxy *px = c->px;

	wheel_cancel(&px->wheel, &c->timer);
	if (c->prev)
		c->prev->next = c->next;
	else
		px->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	px->n_conns--;
	admission_leave(px, &c->count);
	if (unlikely(c->known))
		downstream_put(server_known(c));
	c->bs = NULL;
	c->dead = true;
	if (!c->entered)
		slab_put(&px->servers, c);
}

void server_close(struct h1_server *c, bool abort)
{
	struct bytestream *bs = c->bs;

	bs->user = NULL;
	forget(c);
	if (abort)
		bytestream_abort(bs);
	else
		bytestream_release(bs);
}

static void enter(struct h1_server *c)
{
	c->entered = true;
}

static void leave(struct h1_server *c)
{
	c->entered = false;
	if (c->dead)
		slab_put(&c->px->servers, c);
}

void server_resume(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);

	if (c->entered)
		return;
	enter(c);
	server_run(c);
	leave(c);
}

/* ---- the exchange's end ---- */

void server_next_request(struct h1_server *c)
{
	c->state = SERVER_HEAD;
	c->scanned = 0;
	c->answered = false;
	c->head_timed = false;
	server_set_deadline(c, c->px->env.http->idle_timeout_us);
}

void server_attach(struct exchange_end *e, struct stream *s)
{
	server_of(e)->stream = s;
}

void server_stream_done(struct exchange_end *e, bool whole)
{
	struct h1_server *c = server_of(e);

	c->stream = NULL;
	if (!whole) {
		/* Chunked and counted bodies are visibly short when the connection ends; one
		 * that ends with the connection needs a reset to look cut. */
		server_close(c, c->until_close || !c->answered);
		return;
	}
	if (!c->keep_alive || c->px->draining) {
		server_close(c, false);
		return;
	}
	if (c->state == SERVER_BODY) {
		c->state = SERVER_DRAIN;
		server_set_deadline(c, DRAIN_US);
	} else {
		server_next_request(c);
	}
	server_resume(e);
}

struct bytestream *server_detach(struct exchange_end *e, struct conn_count **count)
{
	struct h1_server *c = server_of(e);
	struct bytestream *bs = c->bs;

	c->stream = NULL;
	admission_pass_on(c->px, &c->count, count);
	forget(c);
	return bs;
}

/* ---- events of the stream ---- */

/* The client is gone: nobody wants what the stream may still do. */
static void lose(struct h1_server *c, bool abort)
{
	struct stream *s = c->stream;

	c->stream = NULL;
	if (s)
		stream_abandon(s, RESPONSE_FLAG_DC, 0, "downstream_remote_disconnect");
	server_close(c, abort);
}

/* Asked when the client's end comes: one that waits for an answer may end its side right behind
 * the request, and one that reads the answer at any time. */
static bool gave_up(const struct h1_server *c)
{
	return c->state == SERVER_DONE && !c->answered && c->bs->rx.bytes == 0 &&
	       (uint32_t)c->px->now_us - c->request_us >= HALF_CLOSE_US;
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct h1_server *c = bs->user;

	enter(c);
	if (events & BS_CLOSED)
		lose(c, true);
	else if ((events & BS_EOF) && gave_up(c))
		lose(c, false);
	else if ((events & BS_WRITABLE) && c->stream)
		stream_writable(c->stream);
	server_run(c);
	leave(c);
}

/* d may be NULL. */
static void know(struct h1_server *c, struct downstream *d)
{
	c->known = d ? slab_number(&c->px->downstreams, d) + 1 : 0;
}

struct upstream_conn **server_kept(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);

	if (!c->known)
		know(c, downstream_get(c->px, tcp_stream_tuple(c->bs)));
	return c->known ? &server_known(c)->kept : NULL;
}

static void refuse(struct bytestream *bs, struct downstream *d)
{
	if (d)
		downstream_put(d);
	bytestream_abort(bs);
}

bool server_accept(struct proxy *px, struct bytestream *bs, struct downstream *d)
{
	uint64_t cookie = tcp_stream_cookie(bs);
	struct conn_count *count;
	struct h1_server *c;

	if (!admission_enter(px, (uint32_t)cookie, (uint32_t)(cookie >> 32), &count)) {
		refuse(bs, d);
		return false;
	}
	c = slab_get(&px->servers);
	if (!c) {
		counter_inc(px->env.counters, CTR_CONNS_OVER_WORKER);
		admission_leave(px, &count);
		refuse(bs, d);
		return false;
	}
	c->count = count;
	c->end.ops = &server_ops;
	c->px = px;
	know(c, d);
	c->bs = bs;
	bs->user = c;
	bs->notify = on_event;
	c->listener_id = (uint32_t)cookie;
	c->listener_gen = (uint32_t)(cookie >> 32);
	c->next = px->conns;
	if (px->conns)
		px->conns->prev = c;
	px->conns = c;
	px->n_conns++;
	/* A handshake that was under way when the drain began: the next turn closes it. */
	server_set_deadline(c, px->draining ? 1 : px->env.http->idle_timeout_us);
	return true;
}

uint32_t server_count_at(struct proxy *px, const struct listener *l)
{
	uint32_t n = 0;

	for (struct h1_server *c = px->conns; c; c = c->next) {
		if (c->count || c->listener_id != l->id || c->listener_gen != l->gen)
			continue;
		c->count = l->count;
		n++;
	}
	return n;
}

/* ---- time ---- */

/* When the connection is due, as things stand. */
static uint64_t due(const struct h1_server *c)
{
	uint64_t idle = c->px->env.http->stream_idle_timeout_us;
	uint64_t taken_us;

	if (!c->stream)
		return c->deadline_us;
	if (!idle)
		return UINT64_MAX;
	taken_us = bytestream_taken_us(c->bs, c->px->now_us);
	return RTE_MAX(stream_active_us(c->stream), taken_us) + idle;
}

static void expire(struct h1_server *c)
{
	if (c->stream) {
		c->keep_alive = false;
		stream_idle(c->stream);
	} else if (c->state == SERVER_HEAD && c->head_timed) {
		server_refuse(c, 408, RESPONSE_FLAG_DPE, "request_header_timeout");
	} else {
		server_close(c, false);
	}
}

size_t server_size(void)
{
	return sizeof(struct h1_server);
}

void server_timer(struct proxy *px, struct wheel_timer *t)
{
	struct h1_server *c = (struct h1_server *)((char *)t - offsetof(struct h1_server, timer));
	uint64_t at = due(c);

	if (at > px->now_us) {
		if (at != UINT64_MAX)
			wheel_arm(&px->wheel, &c->timer, at);
		return;
	}
	enter(c);
	expire(c);
	server_run(c);
	leave(c);
}

/* How long ago the deadline was set, where there is one. */
static uint64_t age_us(const struct h1_server *c, uint64_t timeout_us)
{
	return timeout_us ? c->px->now_us + timeout_us - c->deadline_us : UINT64_MAX;
}

/* A client whose request is under way is given the time that packets need. */
static bool is_idle(const struct h1_server *c)
{
	const struct http_config *http = c->px->env.http;

	if (c->state != SERVER_HEAD || c->stream)
		return false;
	return c->head_timed ? age_us(c, http->header_timeout_us) >= HEAD_SLOW_US
			     : age_us(c, http->idle_timeout_us) >= IDLE_SURELY_US;
}

uint32_t server_shed_idle(struct proxy *px, uint32_t look, uint32_t max)
{
	uint32_t n = RTE_MIN(px->servers.fresh, look), closed = 0;

	for (uint32_t i = 0; i < n && closed < max; i++) {
		struct h1_server *c;

		if (px->shed_next >= px->servers.fresh)
			px->shed_next = 0;
		c = (struct h1_server *)(px->servers.base + px->servers.size * px->shed_next++);
		/* A free one has none. */
		if (!c->bs || !is_idle(c))
			continue;
		server_close(c, c->head_timed);
		closed++;
	}
	return closed;
}

void server_drain(struct proxy *px)
{
	struct h1_server *c, *next;

	for (c = px->conns; c; c = next) {
		next = c->next;
		if (c->state == SERVER_HEAD && c->bs->rx.bytes == 0)
			server_close(c, false);
	}
}
