/* server.c - the life of client connections: opened, served, closed, timed. */
#include <proxy/server_conn.h>

#include <proxy/downstream.h>
#include <proxy/stream.h>
#include <tcp/tcp.h>

/* The rest of a request nobody wants is read for no longer than this. */
#define DRAIN_US (2 * 1000000ull)
/* A client that ends its side this soon after its request wants the answer; one that does
 * so later has given up. */
#define HALF_CLOSE_US (100 * 1000ull)

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
	if (unlikely(c->known))
		downstream_put(c->known);
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

struct bytestream *server_detach(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);
	struct bytestream *bs = c->bs;

	c->stream = NULL;
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
	       c->px->now_us - c->request_us >= HALF_CLOSE_US;
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

struct upstream_conn **server_kept(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);

	if (!c->known)
		c->known = downstream_get(c->px, tcp_stream_tuple(c->bs));
	return c->known ? &c->known->kept : NULL;
}

bool server_accept(struct proxy *px, struct bytestream *bs, struct downstream *d)
{
	struct h1_server *c = slab_get(&px->servers);
	uint64_t cookie = tcp_stream_cookie(bs);

	if (!c) {
		if (d)
			downstream_put(d);
		bytestream_abort(bs);
		return false;
	}
	c->known = d;
	c->end.ops = &server_ops;
	c->px = px;
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

/* ---- time ---- */

/* When the connection is due, as things stand. */
static uint64_t due(const struct h1_server *c)
{
	uint64_t idle = c->px->env.http->stream_idle_timeout_us;

	if (!c->stream)
		return c->deadline_us;
	return idle ? c->stream->active_us + idle : UINT64_MAX;
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

void server_drain(struct proxy *px)
{
	struct h1_server *c, *next;

	for (c = px->conns; c; c = next) {
		next = c->next;
		if (c->state == SERVER_HEAD && c->bs->rx.bytes == 0)
			server_close(c, false);
	}
}
