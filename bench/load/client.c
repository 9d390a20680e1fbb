/* client.c - requests out, answers in and checked: the part of the client that TCP calls. */
#include "client.h"

#include <inttypes.h>
#include <stdarg.h>

#define RETRY_US 200000 /* after a connection that could not be opened */

/* ---- what was wrong ---- */

static __rte_noinline __rte_cold void wrong(struct client *cl, struct conn *c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void wrong(struct client *cl, struct conn *c, const char *fmt, ...)
{
	char *text = cl->examples[cl->n_examples];
	va_list ap;
	int n;

	c->parse |= BODY_WRONG;
	cl->counts.wrong++;
	if (cl->n_examples == CLIENT_EXAMPLES)
		return;
	cl->n_examples++;
	n = snprintf(text, sizeof(cl->examples[0]),
		     "connection %u, answer %u: ", tcp_index(&cl->tcp, c), c->client.answered + 1);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(cl->examples[0]) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* The rest of the stream cannot be relied on. */
static void abandon(struct client *cl, struct conn *c)
{
	cl->aborting = true;
	tcp_abort(&cl->tcp, tcp_index(&cl->tcp, c));
	cl->aborting = false;
}

/* ---- requests ---- */

static inline uint64_t *stamp_of(struct client *cl, uint32_t i, uint32_t k)
{
	return &cl->stamps[((uint64_t)i << cl->stamp_shift) + (k & cl->stamp_mask)];
}

void client_issue(struct client *cl, uint32_t i, uint64_t stamp)
{
	struct conn *c = &cl->tcp.conns[i];

	*stamp_of(cl, i, c->client.issued++) = stamp;
	cl->counts.requests++;
	tcp_send(&cl->tcp, c, cl->request.total);
}

static uint64_t fill(void *user, const struct conn *c, uint8_t *dst, uint32_t seq, uint32_t n)
{
	struct client *cl = user;

	return request_fill(&cl->request, tcp_index(&cl->tcp, c), c->client.first, seq - c->msg_seq,
			    dst, n);
}

static void acked(void *user, struct conn *c)
{
	struct client *cl = user;

	while (c->snd_una - c->msg_seq >= cl->request.total &&
	       c->client.first != c->client.issued) {
		c->msg_seq += cl->request.total;
		c->client.first++;
	}
}

/* ---- the next request, when an answer has come ---- */

static inline bool is_traffic(const struct client *cl)
{
	return cl->phase == CLIENT_WARMUP || cl->phase == CLIENT_MEASURE;
}

static void answered_idle(struct client *cl)
{
	if (cl->phase == CLIENT_OPEN) {
		cl->opening--;
	} else if (cl->phase == CLIENT_AGAIN) {
		cl->in_flight--;
		cl->idle.served_again++;
	}
}

/* The connection can take one request more, when one is due. When it is dropped because those of
 * ended connections fill the queue, these will be found to stand for it. */
static inline void push_ready(struct client *cl, uint32_t i)
{
	if (!fifo_full(&cl->ready))
		fifo_push(&cl->ready, i, 0);
}

/* `n` answers were taken. */
static inline void go_on(struct client *cl, uint32_t i, uint32_t n)
{
	struct conn *c = &cl->tcp.conns[i];

	if (c->parse & BODY_CLOSE || cl->o->close) {
		tcp_close(&cl->tcp, c);
		if (cl->o->idle_hold)
			answered_idle(cl);
	} else if (cl->o->idle_hold) {
		answered_idle(cl);
	} else if (!is_traffic(cl) || c->flags & CONN_FIN) {
		return;
	} else if (cl->rate.step) {
		while (n--)
			push_ready(cl, i);
	} else {
		while (n--)
			client_issue(cl, i, cl->clock->now);
	}
}

/* ---- answers ---- */

static inline uint32_t expected(const struct client *cl, const struct conn *c)
{
	if (likely(!cl->o->path_bytes))
		return cl->o->expect_bytes;
	return request_number(&cl->request, tcp_index(&cl->tcp, c), c->client.answered);
}

static inline const struct http_head *find_known(struct client *cl, const uint8_t *p, uint32_t n)
{
	for (uint32_t k = 0; k < CLIENT_HEADS; k++) {
		uint32_t at = (cl->known_last + k) % CLIENT_HEADS;
		struct known_head *h = &cl->known[at];

		if (h->head.len && h->head.len <= n && http_same(h->bytes, p, h->head.len)) {
			cl->known_last = at;
			return &h->head;
		}
	}
	return NULL;
}

static void learn_head(struct client *cl, const uint8_t *p, const struct http_head *h)
{
	struct known_head *k;

	if (h->len > CLIENT_HEAD_MAX)
		return;
	cl->known_last = (cl->known_last + CLIENT_HEADS - 1) % CLIENT_HEADS;
	k = &cl->known[cl->known_last];
	k->head = *h;
	memcpy(k->bytes, p, h->len);
}

/* Puts together a head that arrives in pieces. Returns how many of the n bytes were taken, -1
 * when the connection is abandoned. *head is set when it is complete. */
static int gather_head(struct client *cl, struct conn *c, const uint8_t *p, uint32_t n,
		       struct http_head *head, bool *complete)
{
	struct side *b = side_get(&cl->sides, c);
	uint32_t before, take;
	int len;

	*complete = false;
	before = b ? b->head_len : 0;
	take = RTE_MIN(n, SIDE_HEAD - before);
	if (!b || take == 0) {
		wrong(cl, c, "a head of more than %u bytes, or too many in pieces", SIDE_HEAD);
		return -1;
	}
	memcpy(b->head + before, p, take);
	b->head_len = (uint16_t)(before + take);
	len = http_read_response(b->head, b->head_len, head);
	if (len == 0)
		return (int)take;
	if (len < 0) {
		wrong(cl, c, "not a response head");
		return -1;
	}
	*complete = true;
	learn_head(cl, b->head, head);
	b->head_len = 0;
	side_put_empty(&cl->sides, c);
	return len - (int)before;
}

/* Returns how many bytes were taken, -1 when the connection is abandoned. */
static inline int take_head(struct client *cl, struct conn *c, const uint8_t *p, uint32_t n,
			    struct http_head *head, bool *complete)
{
	const struct http_head *known = c->side ? NULL : find_known(cl, p, n);
	int len;

	if (likely(known != NULL)) {
		*head = *known;
		*complete = true;
		return (int)head->len;
	}
	len = c->side ? 0 : http_read_response(p, n, head);
	if (len <= 0)
		return gather_head(cl, c, p, n, head, complete);
	learn_head(cl, p, head);
	*complete = true;
	return len;
}

static __rte_noinline void refuse_head(struct client *cl, struct conn *c, const struct http_head *h,
				       uint32_t length)
{
	if (h->status != cl->o->expect_status)
		wrong(cl, c, "status %u instead of %u", h->status, cl->o->expect_status);
	else
		wrong(cl, c, "a length of %" PRIu64 " instead of %u", h->length, length);
}

/* Judges a complete head; false when what follows cannot be told apart. */
static inline bool begin_answer(struct client *cl, struct conn *c, struct http_head *h)
{
	bool right = h->status == cl->o->expect_status;
	uint32_t length = expected(cl, c);
	uint8_t flags = (uint8_t)((right ? BODY_CHECK : 0) | (h->close ? BODY_CLOSE : 0));

	if (unlikely(h->status < 200)) {
		c->parse = BODY_HEAD; /* 100 Continue and the like */
		return true;
	}
	if (h->status == 204 || h->status == 304) {
		h->chunked = false;
		h->length = 0;
	} else if (unlikely(!h->chunked && h->length == HTTP_NO_LENGTH)) {
		wrong(cl, c, "an answer without a length");
		return false;
	}
	if (unlikely(!right))
		cl->odd_status[tcp_index(&cl->tcp, c)] = RTE_MIN(h->status, CLIENT_STATUSES - 1);
	if (unlikely(!body_begin(c, h, flags))) {
		wrong(cl, c, "a length of %" PRIu64 " bytes", h->length);
		return false;
	}
	if (unlikely((!right && !cl->o->allow_errors) ||
		     (right && !h->chunked && h->length != length)))
		refuse_head(cl, c, h, length);
	return true;
}

static inline void record(struct client *cl, uint64_t latency)
{
	histogram_add(&cl->latency, latency);
	if (cl->rate.step)
		histogram_add(&cl->windows.current, latency);
}

static inline void end_answer(struct client *cl, struct conn *c)
{
	bool right = c->parse & BODY_CHECK;

	if (unlikely((c->parse & (BODY_CHECK | BODY_WRONG)) == BODY_CHECK &&
		     c->body_at != expected(cl, c)))
		wrong(cl, c, "%u bytes of body instead of %u", c->body_at, expected(cl, c));
	if (cl->recording)
		record(cl,
		       cl->clock->now - *stamp_of(cl, tcp_index(&cl->tcp, c), c->client.answered));
	c->client.answered++;
	cl->counts.responses++;
	cl->counts.status[likely(right) ? cl->o->expect_status
					: cl->odd_status[tcp_index(&cl->tcp, c)]]++;
	c->parse &= BODY_CLOSE;
}

/* Takes body bytes; how many, -1 when the connection is abandoned. */
static inline int take_body(struct client *cl, struct conn *c, const uint8_t *p, uint32_t n)
{
	uint8_t before = c->parse;
	uint32_t wrong_at = 0;
	int used = body_take(c, cl->pattern, p, n, &wrong_at);

	if (unlikely(used < 0)) {
		wrong(cl, c, "broken chunks at byte %u of the body", c->body_at);
	} else if (unlikely((c->parse ^ before) & BODY_WRONG)) {
		wrong(cl, c, "the body differs at byte %u of %u", wrong_at, expected(cl, c));
	}
	return used;
}

/* Takes what is next; how many bytes, -1 when the connection is abandoned. */
static inline int take_piece(struct client *cl, struct conn *c, const uint8_t *p, uint32_t n)
{
	struct http_head head;
	bool complete;
	int used;

	if (body_state(c) != BODY_HEAD)
		return n ? take_body(cl, c, p, n) : 0;
	if (unlikely(client_outstanding(c) == 0)) {
		wrong(cl, c, "%u bytes that no request asked for", n);
		return -1;
	}
	used = take_head(cl, c, p, n, &head, &complete);
	if (used >= 0 && complete && !begin_answer(cl, c, &head))
		return -1;
	return used;
}

static void data(void *user, uint32_t i, const uint8_t *p, uint32_t n)
{
	struct client *cl = user;
	struct conn *c = &cl->tcp.conns[i];
	uint32_t done = 0;

	while (n > 0) {
		int used = c->parse & BODY_CLOSE && body_state(c) == BODY_HEAD
				   ? (int)n /* behind the last answer: nobody waits for it */
				   : take_piece(cl, c, p, n);

		if (unlikely(used < 0)) {
			abandon(cl, c);
			return;
		}
		p += used;
		n -= (uint32_t)used;
		if (body_state(c) == BODY_DONE) {
			end_answer(cl, c);
			done++;
		}
	}
	if (done)
		go_on(cl, i, done);
}

/* ---- connections ---- */

static void opened(void *user, uint32_t i)
{
	struct client *cl = user;

	cl->counts.connects++;
	if (cl->o->idle_hold) {
		client_issue(cl, i, cl->clock->now); /* still counts as opening */
		return;
	}
	cl->opening--;
	if (cl->o->close) {
		/* Latency counts from when the connection was, or should have been, begun. */
		client_issue(cl, i, *stamp_of(cl, i, 0));
	} else if (cl->rate.step) {
		for (uint32_t k = 0; k < cl->o->pipeline; k++)
			push_ready(cl, i);
	} else if (is_traffic(cl)) {
		for (uint32_t k = 0; k < cl->o->pipeline; k++)
			client_issue(cl, i, cl->clock->now);
	}
}

static void peer_closed(void *user, uint32_t i)
{
	struct client *cl = user;
	struct conn *c = &cl->tcp.conns[i];

	if (client_outstanding(c) && !(c->parse & BODY_CLOSE) && cl->phase != CLIENT_CLOSE)
		wrong(cl, c, "the connection was closed %s",
		      body_state(c) == BODY_HEAD && !c->side ? "before the answer"
							     : "within the answer");
	tcp_close(&cl->tcp, c);
}

static void count_end(struct client *cl, const struct conn *c, enum tcp_end how)
{
	bool handshake = c->state == CONN_SYN_SENT;
	bool over = c->state == CONN_HALF && c->flags & CONN_FIN; /* but for an ACK of our FIN */

	if (handshake)
		cl->counts.connect_failures++;
	else if (how == TCP_END_RESET && !cl->aborting && !over)
		cl->counts.resets++;
	else if (how == TCP_END_TIMEOUT)
		cl->counts.timeouts++;
	if (handshake || (cl->o->idle_hold && cl->phase == CLIENT_OPEN && client_outstanding(c)))
		cl->opening--;
	else if (cl->phase == CLIENT_AGAIN && client_outstanding(c))
		cl->in_flight--;
}

static bool ended(void *user, uint32_t i, enum tcp_end how)
{
	struct client *cl = user;
	struct conn *c = &cl->tcp.conns[i];
	bool failed = c->state == CONN_SYN_SENT;

	count_end(cl, c, how);
	side_put(&cl->sides, c);
	if (cl->phase >= CLIENT_HOLD)
		return true;
	if (failed)
		fifo_push(&cl->retry, i, cl->clock->us + RETRY_US);
	else if (cl->o->close && cl->rate.step)
		push_ready(cl, i);
	else
		fifo_push(&cl->reopen, i, 0);
	return true;
}

uint32_t client_unanswered(struct client *cl, uint64_t *oldest)
{
	uint32_t n = 0;

	*oldest = 0;
	for (uint32_t i = 0; i < cl->o->connections; i++) {
		const struct conn *c = &cl->tcp.conns[i];

		if (!tcp_is_open(c) || client_outstanding(c) == 0)
			continue;
		n += client_outstanding(c);
		*oldest = RTE_MAX(*oldest, cl->clock->now - *stamp_of(cl, i, c->client.answered));
	}
	return n;
}

const struct tcp_ops client_ops = {
	.opened = opened,
	.data = data,
	.acked = acked,
	.fill = fill,
	.peer_closed = peer_closed,
	.ended = ended,
};
