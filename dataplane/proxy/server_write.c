/* server_write.c - writes responses to clients: heads, framing, what becomes of the connection. */
#include <proxy/server_conn.h>

#include <http/status.h>

static void write_connection(struct h1_server *c, struct h1_writer *w, const struct http_head *h)
{
	if (h->status == 101)
		h1_write(w, SLICE("connection: upgrade\r\nupgrade: websocket\r\n"));
	else if (!c->keep_alive)
		h1_write(w, SLICE("connection: close\r\n"));
	else if (c->minor == 0)
		h1_write(w, SLICE("connection: keep-alive\r\n"));
}

/* Decides how the client will know where the response ends (RFC 9112 6). */
static void write_framing(struct h1_server *c, struct h1_writer *w, const struct http_head *h)
{
	bool endless = h->framing == HTTP_BODY_CHUNKED || h->framing == HTTP_BODY_CLOSE;

	c->chunked = endless && c->minor == 1;
	c->until_close = endless && c->minor == 0;
	if (c->until_close)
		c->keep_alive = false;
	if (c->chunked) {
		h1_write(w, SLICE("transfer-encoding: chunked\r\n"));
	} else if (h->framing == HTTP_BODY_LENGTH || (h->has_length && h->status != 204)) {
		h1_write(w, SLICE("content-length: "));
		h1_write_uint(w, h->length);
		h1_write(w, SLICE("\r\n"));
	}
}

static void write_status_line(struct h1_writer *w, const struct http_head *h)
{
	struct slice reason = h->reason.n ? h->reason : http_reason(h->status);

	h1_write(w, SLICE("HTTP/1.1 "));
	h1_write_uint(w, h->status);
	h1_write(w, SLICE(" "));
	h1_write(w, reason);
	h1_write(w, SLICE("\r\n"));
}

static void write_fields(struct h1_writer *w, const struct http_head *h,
			 const struct http_extra *extra)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (!h->fields[i].hop)
			h1_write_field(w, h->fields[i].name, h->fields[i].value);
	for (unsigned i = 0; i < extra->n; i++)
		h1_write_field(w, extra->fields[i].name, extra->fields[i].value);
}

/* A final answer to a request that is still arriving: the rest is read if it is short. A client
 * that was never told to go on may send it or not (RFC 9110 10.1.1), which leaves nobody sure
 * where its next request begins. */
static void judge_rest(struct h1_server *c)
{
	c->answered = true;
	if (c->px->draining)
		c->keep_alive = false;
	if (c->state == SERVER_BODY && (c->awaits_continue || c->body.framing != HTTP_BODY_LENGTH ||
					c->body.left > SERVER_DRAIN_MAX))
		c->keep_alive = false;
}

static bool send_head(struct exchange_end *e, const struct http_head *h,
		      const struct http_extra *extra)
{
	struct h1_server *c = server_of(e);
	bool interim = h->status < 200 && h->status != 101;
	struct h1_writer w;
	struct mbq out;

	if (interim)
		c->awaits_continue &= h->status != 100;
	else
		judge_rest(c);
	h1_write_begin(&w, c->px->env.pool);
	write_status_line(&w, h);
	write_fields(&w, h, extra);
	if (!interim && h->status != 101)
		write_framing(c, &w, h);
	if (!interim)
		write_connection(c, &w, h);
	h1_write(&w, SLICE("\r\n"));
	mbq_init(&out);
	if (!h1_write_end(&w, &out))
		return false;
	bytestream_write(c->bs, &out);
	return true;
}

static bool send_data(struct exchange_end *e, struct mbq *data)
{
	struct h1_server *c = server_of(e);

	if (data->bytes == 0)
		return true;
	if (c->method == HTTP_HEAD) {
		mbq_free(data);
		return true;
	}
	if (c->chunked && !h1_chunk_encode(data, c->px->env.pool)) {
		mbq_free(data);
		return false;
	}
	bytestream_write(c->bs, data);
	return true;
}

static bool send_end(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);
	struct mbq last;

	if (!c->chunked || c->method == HTTP_HEAD)
		return true;
	mbq_init(&last);
	if (!h1_append_bytes(&last, SLICE("0\r\n\r\n"), c->px->env.pool))
		return false;
	bytestream_write(c->bs, &last);
	return true;
}

static bool can_send(struct exchange_end *e)
{
	struct h1_server *c = server_of(e);

	if (c->bs->tx_queued < c->bs->tx_limit)
		return true;
	c->bs->tx_blocked = true;
	return false;
}

static void reset(struct exchange_end *e)
{
	server_close(server_of(e), true);
}

const struct exchange_ops server_ops = {
	.send_head = send_head,
	.send_data = send_data,
	.send_end = send_end,
	.can_send = can_send,
	.resume = server_resume,
	.reset = reset,
};
