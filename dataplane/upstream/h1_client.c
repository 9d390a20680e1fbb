/* h1_client.c - the HTTP/1.1 codec towards upstreams: writes requests, reads responses.
 *
 * Strict in what it takes: a response that breaks RFC 9112 ends the connection, and bytes
 * behind a complete response are never taken for the next one's. */
#include <upstream/conn.h>

#include <errno.h>

static struct upstream_conn *conn_of(struct exchange_end *e)
{
	return (struct upstream_conn *)((char *)e - offsetof(struct upstream_conn, end));
}

/* ---- sending ---- */

static void write_fields(struct h1_writer *w, const struct http_head *h,
			 const struct http_extra *extra)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (!h->fields[i].hop && h->fields[i].id != HTTP_FIELD_HOST)
			h1_write_field(w, h->fields[i].name, h->fields[i].value);
	for (unsigned i = 0; i < extra->n; i++)
		h1_write_field(w, extra->fields[i].name, extra->fields[i].value);
}

static bool send_head(struct exchange_end *e, const struct http_head *h,
		      const struct http_extra *extra)
{
	struct upstream_conn *uc = conn_of(e);
	const struct upstream_env *env = upstream_env(uc->up);
	struct h1_writer w;
	struct mbq out;

	mbq_init(&out);
	h1_write_begin(&w, env->pool);
	h1_write(&w, h->method);
	h1_write(&w, SLICE(" "));
	h1_write(&w, h->path);
	h1_write(&w, SLICE(" HTTP/1.1\r\nhost: "));
	h1_write(&w, h->authority);
	h1_write(&w, SLICE("\r\n"));
	write_fields(&w, h, extra);
	if (h->framing == HTTP_BODY_CHUNKED) {
		h1_write(&w, SLICE("transfer-encoding: chunked\r\n"));
		uc->chunked_request = true;
	} else if (h->framing == HTTP_BODY_LENGTH) {
		h1_write(&w, SLICE("content-length: "));
		h1_write_uint(&w, h->length);
		h1_write(&w, SLICE("\r\n"));
	}
	if (uc->upgrade)
		h1_write(&w, SLICE("connection: upgrade\r\nupgrade: websocket\r\n"));
	h1_write(&w, SLICE("\r\n"));
	if (!h1_write_end(&w, &out))
		return false;
	bytestream_write(uc->bs, &out);
	return true;
}

static bool send_data(struct exchange_end *e, struct mbq *data)
{
	struct upstream_conn *uc = conn_of(e);

	if (data->bytes == 0)
		return true;
	if (uc->chunked_request && !h1_chunk_encode(data, upstream_env(uc->up)->pool)) {
		mbq_free(data);
		return false;
	}
	bytestream_write(uc->bs, data);
	return true;
}

static bool send_end(struct exchange_end *e)
{
	struct upstream_conn *uc = conn_of(e);
	struct mbq last;

	uc->request_done = true;
	if (!uc->chunked_request)
		return true;
	mbq_init(&last);
	if (!h1_append_bytes(&last, SLICE("0\r\n\r\n"), upstream_env(uc->up)->pool))
		return false;
	bytestream_write(uc->bs, &last);
	return true;
}

static bool can_send(struct exchange_end *e)
{
	struct upstream_conn *uc = conn_of(e);

	if (uc->bs->tx_queued < uc->bs->tx_limit)
		return true;
	uc->bs->tx_blocked = true;
	return false;
}

static void reset(struct exchange_end *e)
{
	upstream_discard(conn_of(e), true);
}

/* ---- receiving ---- */

/* A step of reading: STEP_AGAIN when there may be more to do. The callbacks may end the
 * exchange: the connection is then dead, idle, or even in use by the next request, which is
 * why every step looks at the state anew. */
enum step { STEP_AGAIN, STEP_WAIT };

static enum step fail(struct upstream_conn *uc, enum upstream_failure why)
{
	upstream_fail(uc, why);
	return STEP_WAIT;
}

/* Nothing follows what is in rx. */
static bool ended(const struct upstream_conn *uc)
{
	return uc->bs->eof || uc->bs->error != BS_OK;
}

static void eat(struct upstream_conn *uc, uint32_t n)
{
	mbq_trim(&uc->bs->rx, n);
	bytestream_consumed(uc->bs, n);
}

/* A 1xx before the response. 101 turns the connection into a tunnel, if asked for. */
static enum step take_interim(struct upstream_conn *uc, const struct http_head *h, uint32_t used)
{
	const struct upstream_user *ops = upstream_env(uc->up)->user_ops;

	if (h->status == 101) {
		if (!uc->upgrade || !h->upgrade_websocket)
			return fail(uc, UPSTREAM_PROTOCOL);
		ops->upgraded(uc->user, h, used);
		return STEP_WAIT;
	}
	/* There may be any number of them: a client that does not read holds them up. */
	if (!ops->can_take(uc->user))
		return STEP_WAIT;
	ops->interim(uc->user, h);
	if (uc->dead)
		return STEP_WAIT;
	eat(uc, used);
	return STEP_AGAIN;
}

static enum step read_head(struct upstream_conn *uc)
{
	const struct upstream_env *env = upstream_env(uc->up);
	struct http_head *h = env->head;
	int used = h1_read_response(h, &uc->bs->rx, &uc->scanned, env->linear, &env->limits,
				    uc->method);

	if (used == 0)
		return ended(uc) ? fail(uc, UPSTREAM_RESET) : STEP_WAIT;
	if (used < 0)
		return fail(uc, UPSTREAM_PROTOCOL);
	uc->scanned = 0;
	if (h->status < 200)
		return take_interim(uc, h, (uint32_t)used);
	uc->keep = h->keep_alive && h->framing != HTTP_BODY_CLOSE;
	h1_body_init(&uc->body, h);
	uc->state = UC_BODY;
	env->user_ops->response(uc->user, h);
	if (uc->dead)
		return STEP_WAIT;
	eat(uc, (uint32_t)used);
	return STEP_AGAIN;
}

static enum step finish(struct upstream_conn *uc)
{
	uc->state = UC_COMPLETE;
	upstream_env(uc->up)->user_ops->end(uc->user);
	return STEP_WAIT;
}

/* The server closed: the end of a body that runs until then, a failure of any other. */
static enum step body_eof(struct upstream_conn *uc)
{
	if (uc->body.framing == HTTP_BODY_CLOSE && uc->bs->eof)
		return finish(uc);
	return fail(uc, UPSTREAM_RESET);
}

static enum step read_body(struct upstream_conn *uc)
{
	const struct upstream_env *env = upstream_env(uc->up);
	struct mbq data;
	uint32_t used;
	int rc;

	if (uc->body.done)
		return finish(uc);
	if (uc->bs->rx.bytes == 0)
		return ended(uc) ? body_eof(uc) : STEP_WAIT;
	if (!env->user_ops->can_take(uc->user))
		return STEP_WAIT;
	mbq_init(&data);
	rc = h1_body_take(&uc->body, &uc->bs->rx, UPSTREAM_READ_MAX, &data, &used, env->pool);
	bytestream_consumed(uc->bs, used);
	if (data.bytes)
		env->user_ops->data(uc->user, &data);
	if (uc->dead)
		return STEP_WAIT;
	if (rc < 0)
		return fail(uc, rc == -ENOMEM ? UPSTREAM_NO_MEMORY : UPSTREAM_PROTOCOL);
	return STEP_AGAIN;
}

static enum step read_step(struct upstream_conn *uc)
{
	switch (uc->state) {
	case UC_HEAD:
		if (uc->bs->rx.bytes)
			return read_head(uc);
		return ended(uc) ? fail(uc, UPSTREAM_RESET) : STEP_WAIT;
	case UC_BODY:
		return read_body(uc);
	default:
		return STEP_WAIT;
	}
}

void h1_client_run(struct upstream_conn *uc)
{
	while (!uc->dead && read_step(uc) == STEP_AGAIN)
		;
}

/* Whoever entered the connection runs it before leaving. */
static void resume(struct exchange_end *e)
{
	struct upstream_conn *uc = conn_of(e);

	if (uc->entered)
		return;
	upstream_enter(uc);
	h1_client_run(uc);
	upstream_leave(uc);
}

const struct exchange_ops h1_client_ops = {
	.send_head = send_head,
	.send_data = send_data,
	.send_end = send_end,
	.can_send = can_send,
	.resume = resume,
	.reset = reset,
};
