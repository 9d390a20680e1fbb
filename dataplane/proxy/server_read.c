/* server_read.c - reads requests from clients, one at a time, and hands them to streams. */
#include <proxy/server_conn.h>

#include <errno.h>

#include <proxy/account.h>
#include <proxy/overload.h>
#include <proxy/downstream.h>
#include <proxy/reply.h>
#include <proxy/stream.h>
#include <tcp/tcp.h>

/* Request content handed on at a time. */
#define READ_MAX (64u * 1024)

/* A step of reading: STEP_AGAIN when there may be more to do. What a step calls may end the
 * exchange and even the connection, which is why every step looks at the state anew. */
enum step { STEP_AGAIN, STEP_WAIT };

/* The client's address and the one it came to. */
static const struct tcp_tuple *tuple_of(const struct h1_server *c)
{
	return unlikely(c->known) ? &server_known(c)->tuple : tcp_stream_tuple(c->bs);
}

/* Of the proxy that said so; NULL: nobody did. */
static const struct net_addr *direct_peer(const struct h1_server *c)
{
	bool announced = unlikely(c->known) && server_known(c)->announced;

	return announced ? &tcp_stream_tuple(c->bs)->remote : NULL;
}

static void answer(struct h1_server *c, uint16_t status, enum response_flag flag)
{
	c->keep_alive = false;
	c->px->extra.n = 0;
	if (flag == RESPONSE_FLAG_UO)
		http_extra_add(&c->px->extra, SLICE("x-envoy-overloaded"), SLICE("true"));
	reply_send(c->px, &c->end, status, SLICE(""));
}

void server_refuse(struct h1_server *c, uint16_t status, enum response_flag flag,
		   const char *details)
{
	struct proxy *px = c->px;

	counter_inc(px->env.counters,
		    flag == RESPONSE_FLAG_DPE ? CTR_HTTP_PARSE_ERRORS : CTR_HTTP_LOCAL_REPLIES);
	c->minor = 1;
	c->method = HTTP_METHOD_OTHER;
	answer(c, status, flag);
	account_refused(px, tuple_of(c), direct_peer(c), status, flag, details);
	server_close(c, false);
}

static enum step refuse(struct h1_server *c, uint16_t status, const char *details)
{
	server_refuse(c, status, RESPONSE_FLAG_DPE, details);
	return STEP_WAIT;
}

static enum step overload(struct h1_server *c)
{
	server_refuse(c, 503, RESPONSE_FLAG_UO, "overload");
	return STEP_WAIT;
}

/* ---- head ---- */

/* Moves the head's bytes out of the receive queue without invalidating the parse. */
static bool keep_head(struct h1_server *c, uint32_t used, struct mbq *head)
{
	struct mbq *rx = &c->bs->rx;
	struct rte_mbuf *copy;

	mbq_init(head);
	while (used && used >= rx->head->data_len) {
		used -= rx->head->data_len;
		mbq_push(head, mbq_pop(rx));
	}
	if (used == 0)
		return true;
	/* What follows the head stays where it is: a body can then be sent in place. */
	copy = rte_pktmbuf_alloc(c->px->env.pool);
	if (!copy || rte_pktmbuf_tailroom(copy) < used) {
		rte_pktmbuf_free(copy);
		mbq_free(head);
		return false;
	}
	memcpy(rte_pktmbuf_append(copy, (uint16_t)used), rte_pktmbuf_mtod(rx->head, char *), used);
	mbq_push(head, copy);
	mbq_trim(rx, used);
	return true;
}

/* The listener may have gone with the configuration its connection was accepted under; then
 * another one may have come to its address. */
static const struct listener *find_listener(struct h1_server *c)
{
	const struct listener *l = snapshot_listener(c->px->snap, c->listener_id);

	if (l && l->gen == c->listener_gen)
		return l;
	l = proxy_listener(c->px, &tcp_stream_tuple(c->bs)->local);
	if (l) {
		c->listener_id = l->id;
		c->listener_gen = l->gen;
	}
	return l;
}

static enum step begin(struct h1_server *c, struct http_head *h, uint32_t used)
{
	const struct listener *l = find_listener(c);
	struct proxy *px = c->px;
	struct mbq head;

	if (overload_refuses(px)) {
		counter_inc(px->env.counters, CTR_HTTP_SHED_REQUESTS);
		return overload(c);
	}
	if (h->minor == 0 && !px->env.http->accept_http10)
		return refuse(c, 426, "low_version");
	c->minor = h->minor;
	c->method = h->method_id;
	/* Nobody is to go on asking where nothing is served any more. */
	c->keep_alive = l && h->keep_alive && h->method_id != HTTP_CONNECT;
	c->awaits_continue = h->expect_continue;
	c->scanned = 0;
	c->request_us = (uint32_t)px->now_us;
	h1_body_init(&c->body, h);
	c->state = c->body.done ? SERVER_DONE : SERVER_BODY;
	server_set_deadline(c, px->env.http->stream_idle_timeout_us);
	if (!keep_head(c, used, &head))
		return overload(c);
	bytestream_consumed(c->bs, used);
	if (!stream_begin(px, &c->end, tuple_of(c), direct_peer(c), l, h, &head)) {
		mbq_free(&head);
		return overload(c);
	}
	return STEP_AGAIN;
}

static enum step read_head(struct h1_server *c)
{
	struct proxy *px = c->px;
	int used;

	if (c->bs->rx.bytes == 0) {
		if (c->bs->eof || px->draining)
			server_close(c, false);
		return STEP_WAIT;
	}
	if (!c->end.ops->can_send(&c->end)) /* a client that pipelines and does not read */
		return STEP_WAIT;
	if (!c->head_timed) {
		c->head_timed = true;
		server_set_deadline(c, px->env.http->header_timeout_us);
	}
	used = proxy_read_request(px, &c->bs->rx, &c->scanned, &px->linear);
	if (used > 0)
		return begin(c, &px->req, (uint32_t)used);
	if (used < 0)
		return refuse(c, h1_error_status(used), h1_error_name(used));
	if (c->bs->eof)
		server_close(c, false);
	return STEP_WAIT;
}

/* ---- body ---- */

/* The body cannot be read on. A client that has not had its answer gets one. */
static enum step body_broken(struct h1_server *c, int error)
{
	bool ours = error == -ENOMEM;
	enum response_flag flag = ours ? RESPONSE_FLAG_UO : RESPONSE_FLAG_DPE;
	uint16_t status = ours ? 503 : h1_error_status(error);
	struct stream *s = c->stream;

	c->stream = NULL;
	stream_abandon(s, flag, status, ours ? "overload" : h1_error_name(error));
	counter_inc(c->px->env.counters, ours ? CTR_HTTP_LOCAL_REPLIES : CTR_HTTP_PARSE_ERRORS);
	if (c->answered) {
		server_close(c, true);
		return STEP_WAIT;
	}
	answer(c, status, flag);
	server_close(c, false);
	return STEP_WAIT;
}

/* The client ended its side before its request was complete (RFC 9112 8). */
static enum step body_short(struct h1_server *c)
{
	struct stream *s = c->stream;

	c->stream = NULL;
	stream_abandon(s, RESPONSE_FLAG_DC, 0, "downstream_remote_disconnect");
	server_close(c, true);
	return STEP_WAIT;
}

static enum step read_body(struct h1_server *c)
{
	struct proxy *px = c->px;
	struct mbq data;
	uint32_t used;
	int rc;

	if (!stream_can_take_request(c->stream))
		return STEP_WAIT;
	if (c->bs->rx.bytes == 0)
		return c->bs->eof ? body_short(c) : STEP_WAIT;
	c->awaits_continue = false;
	mbq_init(&data);
	rc = h1_body_take(&c->body, &c->bs->rx, READ_MAX, &data, &used, px->env.pool);
	bytestream_consumed(c->bs, used);
	if (rc < 0) {
		mbq_free(&data);
		return body_broken(c, rc);
	}
	if (data.bytes)
		stream_request_data(c->stream, &data);
	if (c->stream && c->body.done) {
		c->state = SERVER_DONE;
		c->request_us = (uint32_t)px->now_us;
		stream_request_end(c->stream);
	}
	return STEP_AGAIN;
}

static enum step drain_body(struct h1_server *c)
{
	struct mbq data;
	uint32_t used;
	int rc;

	if (c->body.done) {
		server_next_request(c);
		return STEP_AGAIN;
	}
	if (c->bs->rx.bytes == 0) {
		if (c->bs->eof)
			server_close(c, false);
		return STEP_WAIT;
	}
	mbq_init(&data);
	rc = h1_body_take(&c->body, &c->bs->rx, READ_MAX, &data, &used, c->px->env.pool);
	mbq_free(&data);
	bytestream_consumed(c->bs, used);
	if (rc < 0)
		server_close(c, false);
	return STEP_AGAIN;
}

static enum step step(struct h1_server *c)
{
	switch ((enum server_state)c->state) {
	case SERVER_HEAD:
		return read_head(c);
	case SERVER_BODY:
		return read_body(c);
	case SERVER_DONE:
		return STEP_WAIT;
	case SERVER_DRAIN:
		return drain_body(c);
	}
	return STEP_WAIT;
}

void server_run(struct h1_server *c)
{
	while (!c->dead && step(c) == STEP_AGAIN)
		;
}
