/* h2_client.c - the HTTP/2 codec towards upstreams: what a stream's user says and is told.
 *
 * The user's calls change the session at once and are written at the end of the pass. A head is
 * handed on while the session reads; all else afterwards, from the connection's list of requests
 * that are ready, content of many frames at once. */
#include <upstream/h2_conn.h>

#include <http/h2_head.h>
#include <upstream/limit.h>
#include <upstream/pool.h>

/* Of a request's content that waits for the server's windows. */
#define SEND_MAX (64u * 1024)

static struct h2_request *of_end(struct exchange_end *e)
{
	return (struct h2_request *)((char *)e - offsetof(struct h2_request, uc.end));
}

static struct h2_request *of_stream(struct h2_stream *st)
{
	return (struct h2_request *)((char *)st - offsetof(struct h2_request, stream));
}

static const struct upstream_user *user_of(const struct h2_request *r)
{
	return upstream_env(r->uc.up)->user_ops;
}

static void set_ready(struct h2_request *r)
{
	if (!r->ready) {
		r->ready = true;
		r->next_ready = r->conn->ready;
		r->conn->ready = r;
	}
	h2_conn_touch(r->conn);
}

void h2_client_lose(struct h2_request *r, enum upstream_failure why)
{
	if (r->lost)
		return;
	r->lost = true;
	r->why = (uint8_t)why;
	set_ready(r);
}

/* ---- sending ---- */

static bool send_head(struct exchange_end *e, const struct http_head *h,
		      const struct http_extra *extra)
{
	struct h2_request *r = of_end(e);
	struct h2_fields f;

	/* Extended CONNECT (RFC 8441) is not spoken, and without it there is no upgrade. */
	if (r->uc.upgrade) {
		h2_client_lose(r, UPSTREAM_NO_UPGRADE);
		return true;
	}
	h2_write_request(&f, h, extra);
	h2_conn_touch(r->conn);
	return h2_stream_open(&r->stream, &r->conn->session, f.nv, f.n, !http_has_no_body(h));
}

static bool send_data(struct exchange_end *e, struct mbq *data)
{
	struct h2_request *r = of_end(e);

	h2_stream_send(&r->stream, data);
	h2_conn_touch(r->conn);
	return true;
}

static bool send_end(struct exchange_end *e)
{
	struct h2_request *r = of_end(e);

	r->uc.request_done = true;
	h2_stream_end(&r->stream);
	h2_conn_touch(r->conn);
	return true;
}

static bool can_send(struct exchange_end *e)
{
	struct h2_request *r = of_end(e);

	r->blocked = r->stream.tx.bytes >= SEND_MAX;
	return !r->blocked;
}

static void on_sent(struct h2_stream *st)
{
	struct h2_request *r = of_stream(st);

	if (r->blocked && st->tx.bytes <= SEND_MAX / 2)
		set_ready(r);
}

/* ---- receiving ---- */

static void take_response(struct h2_request *r, const struct http_head *h)
{
	if (h->status >= 200) {
		r->uc.state = UC_BODY;
		user_of(r)->response(r->uc.user, h);
	} else if (user_of(r)->can_take(r->uc.user)) {
		/* A client that does not read does without: there may be any number of them. */
		user_of(r)->interim(r->uc.user, h);
	}
}

/* Trailers are not passed on, as in HTTP/1.1. */
static void on_head(struct h2_stream *st, const struct h2_block *b)
{
	struct h2_request *r = of_stream(st);
	const struct upstream_env *env = upstream_env(r->uc.up);

	if (r->lost || r->uc.state != UC_HEAD)
		return;
	if (!h2_read_response(env->head, b, &env->limits, r->uc.method, st->rx_end)) {
		h2_client_lose(r, UPSTREAM_PROTOCOL);
		return;
	}
	r->uc.entered = true;
	take_response(r, env->head);
	r->uc.entered = false;
	if (r->uc.dead)
		h2_client_free(r);
}

static void on_data(struct h2_stream *st)
{
	set_ready(of_stream(st));
}

static void on_lost(struct h2_stream *st, enum h2_loss why)
{
	static const uint8_t failures[] = {
		[H2_RESET] = UPSTREAM_CANCELLED,         [H2_REFUSED] = UPSTREAM_REFUSED,
		[H2_UNPROCESSED] = UPSTREAM_UNPROCESSED, [H2_MALFORMED] = UPSTREAM_PROTOCOL,
		[H2_NO_MEMORY] = UPSTREAM_NO_MEMORY,
	};

	h2_client_lose(of_stream(st), failures[why]);
}

static void on_pong(struct h2_session *s)
{
	struct h2_conn *c = (struct h2_conn *)((char *)s - offsetof(struct h2_conn, session));

	if (c->pinged)
		c->ping_at_us = *upstream_env(c->uc->up)->now_us + c->ping_interval_us;
	c->pinged = false;
	h2_conn_touch(c);
}

const struct h2_events h2_client_events = {
	.head = on_head,
	.data = on_data,
	.sent = on_sent,
	.lost = on_lost,
	.pong = on_pong,
};

/* ---- what the user is told ---- */

void h2_client_fail(struct h2_request *r, enum upstream_failure why)
{
	struct upstream *u = r->uc.up;
	void *user = r->uc.user;

	if (why < UPSTREAM_OVERFLOW || why == UPSTREAM_CANCELLED || why == UPSTREAM_REFUSED)
		upstream_count_failure(u, why, r->uc.state == UC_CONNECTING);
	h2_conn_detach(r);
	h2_client_free(r);
	upstream_env(u)->user_ops->failed(user, why);
}

static void deliver(struct h2_request *r)
{
	struct mbq data;

	mbq_init(&data);
	while (r->stream.rx.head && data.bytes < UPSTREAM_READ_MAX)
		mbq_push(&data, mbq_pop(&r->stream.rx));
	h2_stream_consumed(&r->stream, data.bytes);
	h2_conn_touch(r->conn);
	user_of(r)->data(r->uc.user, &data);
}

/* One thing after the other, as long as the user still listens. */
static void tell(struct h2_request *r)
{
	const struct upstream_user *ops = user_of(r);

	if (r->blocked && !r->lost && r->stream.tx.bytes <= SEND_MAX / 2) {
		r->blocked = false;
		ops->writable(r->uc.user);
	}
	while (!r->uc.dead && !r->lost && r->stream.rx.bytes && ops->can_take(r->uc.user))
		deliver(r);
	if (r->uc.dead)
		return;
	if (r->lost) {
		h2_client_fail(r, r->why);
	} else if (r->uc.state == UC_BODY && r->stream.rx_end && !r->stream.rx.bytes) {
		r->uc.state = UC_COMPLETE;
		ops->end(r->uc.user);
	}
}

void h2_client_run(struct h2_conn *c)
{
	struct h2_request *r;

	while ((r = c->ready)) {
		c->ready = r->next_ready;
		r->ready = false;
		r->uc.entered = true;
		if (!r->uc.dead)
			tell(r);
		r->uc.entered = false;
		if (r->uc.dead)
			h2_client_free(r);
	}
}

void h2_client_begin(struct h2_request *r)
{
	bool counted = r->uc.seat != NULL;

	r->uc.state = UC_HEAD;
	if (counted)
		limit_connected(&r->uc);
	r->uc.seat = NULL;
	if (counted && !limit_begin_request(r->uc.claim))
		h2_client_lose(r, UPSTREAM_OVERFLOW);
	else
		user_of(r)->ready(r->uc.user);
}

void h2_client_free(struct h2_request *r)
{
	if (!r->uc.entered && !r->ready)
		h2_mem_put(&r->uc.up->h2_mem, r);
}

void h2_client_leave(struct upstream_conn *uc)
{
	struct h2_request *r = of_end(&uc->end);

	h2_conn_detach(r);
	h2_client_free(r);
}

static void reset(struct exchange_end *e)
{
	h2_client_leave(&of_end(e)->uc);
}

static void resume(struct exchange_end *e)
{
	struct h2_request *r = of_end(e);

	if (r->stream.rx.bytes || r->stream.rx_end)
		set_ready(r);
}

const struct exchange_ops h2_client_ops = {
	.send_head = send_head,
	.send_data = send_data,
	.send_end = send_end,
	.can_send = can_send,
	.resume = resume,
	.reset = reset,
};
