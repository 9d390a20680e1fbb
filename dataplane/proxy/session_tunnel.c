/* session_tunnel.c - owns what is said to the proxy of a tunnel: the request, which the cluster has
 * in writing, and the answer, of which only the status counts. Behind a CONNECT (RFC 9110 9.3.6)
 * there are the target's bytes; behind a POST they are in two bodies, the request's in chunks. */
#include <proxy/session.h>

#include <stddef.h>

bool session_ask(struct session *x)
{
	const struct tunnel *t = x->cluster->tunnel;
	struct h1_writer w;
	struct mbq out;

	mbq_init(&out);
	h1_write_begin(&w, x->px->env.pool);
	h1_write(&w, slice_of(t->request, t->len));
	if (!h1_write_end(&w, &out))
		return false;
	bytestream_write(x->up, &out);
	return true;
}

static struct session *session_of(struct relay *r)
{
	return (struct session *)((char *)r - offsetof(struct session, relay));
}

static bool encode(struct relay *r, struct mbq *q, bool last)
{
	struct rte_mempool *pool = session_of(r)->px->env.pool;

	if (q->bytes && !h1_chunk_encode(q, pool))
		return false;
	return !last || h1_append_bytes(q, SLICE("0\r\n\r\n"), pool);
}

static bool decode(struct relay *r, struct mbq *rx, struct mbq *q, uint32_t *used, bool *last)
{
	struct session *x = session_of(r);

	if (h1_body_take(&x->body, rx, UINT32_MAX, q, used, x->px->env.pool) < 0)
		return false;
	if (*last && !x->body.done && x->body.framing != HTTP_BODY_CLOSE)
		return false; /* cut short */
	*last |= x->body.done;
	return true;
}

static const struct relay_coder bodies = {.encode = encode, .decode = decode};

static void eat(struct session *x, int used)
{
	mbq_trim(&x->up->rx, (uint32_t)used);
	bytestream_consumed(x->up, (uint32_t)used);
	x->scanned = 0;
}

static enum session_answer refused(struct session *x, const char *how)
{
	x->transport_failure = how;
	return SESSION_REFUSED;
}

/* An answer to POST that ends with its head leads nowhere: Envoy takes it for a refusal, too. */
static enum session_answer granted(struct session *x, const struct http_head *h)
{
	if (!x->cluster->tunnel->post)
		return SESSION_GRANTED;
	h1_body_init(&x->body, h);
	x->relay.coder = &bodies;
	return x->body.done ? refused(x, "tunnel: refused") : SESSION_GRANTED;
}

enum session_answer session_read_answer(struct session *x)
{
	struct proxy *px = x->px;
	struct http_head *h = &px->resp;
	struct mbq *rx = &x->up->rx;
	enum http_method method = x->cluster->tunnel->post ? HTTP_POST : HTTP_CONNECT;

	while (rx->bytes) {
		int used = h1_read_response(h, rx, &x->scanned, &px->linear, &px->limits, method);

		if (used == 0)
			break;
		if (used < 0)
			return refused(x, "tunnel: malformed answer");
		if (h->status == 101 || h->status >= 300)
			return refused(x, "tunnel: refused");
		eat(x, used);
		if (h->status >= 200)
			return granted(x, h);
	}
	return SESSION_WAITS;
}
