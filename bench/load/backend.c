/* backend.c - see backend.h. */
#include "backend.h"

#include <stdlib.h>

#define ERROR_BODY  16
#define POSTED_BODY 2

/* ---- answers out ---- */

static struct side_run *run_at(struct side *b, uint32_t i)
{
	return &b->runs[(b->first_run + i) % SIDE_RUNS];
}

/* Puts an answer behind those that are not acknowledged yet. False: too many kinds of them. */
static bool push_other_kind(struct backend *be, struct conn *c, uint32_t kind)
{
	struct side *b = side_get(&be->sides, c);

	if (!b)
		return false;
	if (b->n_runs && run_at(b, b->n_runs - 1u)->kind == kind) {
		run_at(b, b->n_runs - 1u)->count++;
		return true;
	}
	if (b->n_runs == SIDE_RUNS)
		return false;
	*run_at(b, b->n_runs++) = (struct side_run){kind, 1};
	return true;
}

static inline void answer(struct backend *be, struct conn *c, uint32_t kind)
{
	if (likely(c->backend.count == 0)) {
		c->backend.kind = kind;
		c->backend.count = 1;
	} else if (c->backend.kind == kind && !c->side && c->backend.count < UINT16_MAX) {
		c->backend.count++;
	} else if (!push_other_kind(be, c, kind)) {
		tcp_abort(&be->tcp, tcp_index(&be->tcp, c));
		return;
	}
	tcp_send(&be->tcp, c, answer_get(&be->answers, kind)->total);
	if (kind & ANSWER_CLOSE)
		tcp_close(&be->tcp, c);
}

/* The first run is acknowledged: the next one takes its place. */
static void next_run(struct backend *be, struct conn *c)
{
	struct side *b = side_of(&be->sides, c);
	struct side_run *r;

	if (!c->side || b->n_runs == 0)
		return;
	r = run_at(b, 0);
	c->backend.kind = r->kind;
	c->backend.count = (uint16_t)RTE_MIN(r->count, (uint32_t)UINT16_MAX);
	r->count -= c->backend.count;
	if (r->count)
		return;
	b->first_run = (uint16_t)((b->first_run + 1) % SIDE_RUNS);
	b->n_runs--;
	side_put_empty(&be->sides, c);
}

static void acked(void *user, struct conn *c)
{
	struct backend *be = user;

	while (c->backend.count) {
		uint32_t total = answer_get(&be->answers, c->backend.kind)->total;

		if (c->snd_una - c->msg_seq < total)
			return;
		c->msg_seq += total;
		if (--c->backend.count == 0)
			next_run(be, c);
	}
}

/* Where in the answers that are not acknowledged a byte is. */
struct place {
	const struct answer *answer;
	uint32_t rel;  /* within it */
	uint32_t left; /* answers of its run, this one included */
	uint32_t run;  /* the next run in the side block */
};

static void skip_run(struct backend *be, const struct conn *c, struct place *at)
{
	const struct side_run *r = run_at(side_of(&be->sides, c), at->run++);

	at->answer = answer_get(&be->answers, r->kind);
	at->left = r->count;
}

static uint64_t fill_slow(struct backend *be, const struct conn *c, uint8_t *dst, uint32_t rel,
			  uint32_t n)
{
	struct place at = {answer_get(&be->answers, c->backend.kind), rel, c->backend.count, 0};
	struct emit out = {.at = dst};

	while (out.n < n) {
		uint32_t skip = RTE_MIN(at.rel / at.answer->total, at.left), len;

		at.rel -= skip * at.answer->total;
		at.left -= skip;
		if (at.left == 0) {
			skip_run(be, c, &at);
			continue;
		}
		len = RTE_MIN(n - out.n, at.answer->total - at.rel);
		answer_emit(&be->answers, at.answer, at.rel, len, &out);
		at.rel += len;
	}
	return out.sum;
}

static uint64_t fill(void *user, const struct conn *c, uint8_t *dst, uint32_t seq, uint32_t n)
{
	struct backend *be = user;
	uint32_t rel = seq - c->msg_seq;
	const struct answer *e = answer_get(&be->answers, c->backend.kind);

	if (unlikely(rel || n != e->total || n > ANSWER_CACHED))
		return fill_slow(be, c, dst, rel, n);
	emit_copy(dst, e->bytes, n);
	return e->sum;
}

/* ---- in time ---- */

static void delay(struct backend *be, struct conn *c, uint32_t kind)
{
	struct delayed *d = &be->delayed[be->delayed_tail % BACKEND_DELAYED];

	if (be->delayed_tail - be->delayed_head == BACKEND_DELAYED ||
	    c->backend.waiting == UINT16_MAX) {
		tcp_abort(&be->tcp, tcp_index(&be->tcp, c));
		return;
	}
	*d = (struct delayed){be->clock->now + be->latency, tcp_index(&be->tcp, c), kind};
	be->delayed_tail++;
	c->backend.waiting++;
}

void backend_run(struct backend *be)
{
	while (be->delayed_head != be->delayed_tail) {
		struct delayed *d = &be->delayed[be->delayed_head % BACKEND_DELAYED];
		struct conn *c = &be->tcp.conns[d->conn];

		if (be->clock->now < d->due)
			return;
		be->delayed_head++;
		c->backend.waiting--;
		if (tcp_is_open(c)) {
			answer(be, c, d->kind);
			if (c->parse & BODY_FLAG && c->backend.waiting == 0 && tcp_is_open(c))
				tcp_close(&be->tcp, c);
		} else if (c->state == CONN_DEAD && c->backend.waiting == 0) {
			tcp_release(&be->tcp, d->conn);
		}
	}
}

/* ---- requests in ---- */

/* "/bytes/N" and "/bytes/N?errors=K", behind whatever a route wants in front of it. */
static bool read_sized_path(const struct http_head *h, struct request_plan *plan)
{
	static const char prefix[] = "/bytes/", query[] = "?errors=";
	const uint8_t *at = memmem(h->path, h->path_len, prefix, sizeof(prefix) - 1);
	char text[64], *end;
	unsigned long n;
	size_t len;

	if (!at)
		return false;
	at += sizeof(prefix) - 1;
	len = h->path_len - (size_t)(at - h->path);
	if (len >= sizeof(text))
		return false;
	memcpy(text, at, len);
	text[len] = '\0';
	n = strtoul(text, &end, 10);
	if (end == text || n >= ANSWER_LENGTH)
		return false;
	if (strncmp(end, query, sizeof(query) - 1) == 0)
		plan->errors = (uint32_t)strtoul(end + sizeof(query) - 1, NULL, 10);
	plan->kind = (uint32_t)n;
	return *end == '\0' || *end == '?';
}

void backend_plan(const struct http_head *h, struct request_plan *plan)
{
	bool has_body = h->chunked || (h->length != HTTP_NO_LENGTH && h->length > 0);

	*plan = (struct request_plan){.head_len = h->len, .head = *h, .post = h->post};
	if (h->post) {
		plan->kind = POSTED_BODY;
	} else if (has_body) {
		plan->kind = ANSWER_BAD | ANSWER_CLOSE | ERROR_BODY;
		plan->head.chunked = false;
		plan->head.length = 0;
	} else {
		plan->sized = read_sized_path(h, plan);
		if (!plan->sized)
			plan->kind = ANSWER_MISSING | ERROR_BODY;
	}
	if (h->close)
		plan->kind |= ANSWER_CLOSE;
}

/* What is answered this time to GET /bytes/N. */
static uint32_t spoil(struct backend *be, const struct request_plan *plan)
{
	uint32_t corrupt = be->o->backend_corrupt;
	uint64_t turn = ++be->sized;

	if (plan->errors && turn % plan->errors == 0)
		return (plan->kind & ANSWER_CLOSE) | ANSWER_UNAVAILABLE | ERROR_BODY;
	if (corrupt && turn % corrupt == 0)
		return plan->kind | (turn / corrupt % 2 ? ANSWER_FLIPPED : ANSWER_LONGER);
	return plan->kind;
}

/* A request is there in full. */
static inline void serve(struct backend *be, struct conn *c, uint32_t kind)
{
	be->counts.requests++;
	c->parse = (uint8_t)((c->parse & BODY_FLAG) | (kind & ANSWER_CLOSE ? BODY_CLOSE : 0));
	if (unlikely(be->latency) && c->addr >= be->o->backend_prompt)
		delay(be, c, kind);
	else
		answer(be, c, kind);
}

static inline void begin_request(struct backend *be, struct conn *c,
				 const struct request_plan *plan)
{
	uint32_t kind = plan->kind;

	if (unlikely(plan->post)) {
		uint8_t close = plan->kind & ANSWER_CLOSE ? BODY_CLOSE : 0;

		if (body_begin(c, &plan->head, (uint8_t)(BODY_CHECK | close)) &&
		    body_state(c) != BODY_DONE)
			return;
	} else if (unlikely(plan->errors || be->o->backend_corrupt) && plan->sized) {
		kind = spoil(be, plan);
	}
	serve(be, c, kind);
}

static void end_body(struct backend *be, struct conn *c)
{
	uint32_t kind = c->parse & BODY_CLOSE ? ANSWER_CLOSE : 0;

	if (c->parse & BODY_WRONG) {
		be->counts.wrong++;
		kind |= ANSWER_BAD | ERROR_BODY;
	} else {
		kind |= POSTED_BODY;
	}
	serve(be, c, kind);
}

/* What cannot be read is answered, and nothing after it. */
static void refuse(struct backend *be, struct conn *c)
{
	be->counts.wrong++;
	serve(be, c, ANSWER_BAD | ANSWER_CLOSE | ERROR_BODY);
}

/* Puts together a head that arrives in pieces. Returns how many of the n bytes were taken, -1
 * when it is none. plan->head_len is 0 when its end has not arrived. */
static int gather_head(struct backend *be, struct conn *c, const uint8_t *p, uint32_t n,
		       struct request_plan *plan)
{
	struct side *b = side_get(&be->sides, c);
	struct http_head head;
	uint32_t before, take;
	int len;

	if (!b || b->head_len == SIDE_HEAD)
		return -1;
	before = b->head_len;
	take = RTE_MIN(n, SIDE_HEAD - before);
	memcpy(b->head + before, p, take);
	b->head_len = (uint16_t)(before + take);
	plan->head_len = 0;
	len = http_read_request(b->head, b->head_len, &head);
	if (len <= 0)
		return len < 0 ? -1 : (int)take;
	backend_plan(&head, plan);
	b->head_len = 0;
	side_put_empty(&be->sides, c);
	return len - (int)before;
}

static inline bool has_piece(const struct backend *be, const struct conn *c)
{
	return c->side && side_of(&be->sides, c)->head_len;
}

static int read_head(struct backend *be, struct conn *c, const uint8_t *p, uint32_t n,
		     struct request_plan *plan)
{
	struct http_head head;
	int len = has_piece(be, c) ? 0 : http_read_request(p, n, &head);

	if (len == 0)
		return gather_head(be, c, p, n, plan);
	if (len < 0)
		return -1;
	backend_plan(&head, plan);
	if (head.len <= BACKEND_HEAD_MAX) {
		be->known = *plan;
		memcpy(be->known_bytes, p, head.len);
	}
	return len;
}

static inline int take_head(struct backend *be, struct conn *c, const uint8_t *p, uint32_t n)
{
	struct request_plan plan;
	int used;

	if (likely(be->known.head_len && be->known.head_len <= n && !c->side &&
		   http_same(be->known_bytes, p, be->known.head_len))) {
		used = (int)be->known.head_len;
		begin_request(be, c, &be->known);
		return used;
	}
	used = read_head(be, c, p, n, &plan);
	if (used >= 0 && plan.head_len)
		begin_request(be, c, &plan);
	return used;
}

static void data(void *user, uint32_t i, const uint8_t *p, uint32_t n)
{
	struct backend *be = user;
	struct conn *c = &be->tcp.conns[i];
	uint32_t wrong_at;

	while (n > 0 && tcp_is_open(c)) {
		int used;

		if (body_state(c) != BODY_HEAD)
			used = body_take(c, be->pattern, p, n, &wrong_at);
		else if (c->parse & BODY_CLOSE)
			return; /* behind the last request */
		else
			used = take_head(be, c, p, n);
		if (used < 0) {
			refuse(be, c);
			return;
		}
		if (body_state(c) == BODY_DONE)
			end_body(be, c);
		p += used;
		n -= (uint32_t)used;
	}
}

/* ---- connections ---- */

static void opened(void *user, uint32_t i)
{
	(void)user;
	(void)i;
}

static void peer_closed(void *user, uint32_t i)
{
	struct backend *be = user;
	struct conn *c = &be->tcp.conns[i];

	if (c->backend.waiting)
		c->parse |= BODY_FLAG; /* closed with the last answer */
	else
		tcp_close(&be->tcp, c);
}

static bool ended(void *user, uint32_t i, enum tcp_end how)
{
	struct backend *be = user;
	struct conn *c = &be->tcp.conns[i];

	(void)how;
	side_put(&be->sides, c);
	return c->backend.waiting == 0;
}

static const struct tcp_ops backend_ops = {
	.opened = opened,
	.data = data,
	.acked = acked,
	.fill = fill,
	.peer_closed = peer_closed,
	.ended = ended,
};

bool backend_init(struct backend *be, const struct options *o, const struct pattern *pattern,
		  struct wire *wire, const struct clock *clock)
{
	const struct tcp_config cfg = {.mtu = o->mtu,
				       .window = o->window_kib * 1024,
				       .timestamps = !o->no_timestamps,
				       .n_conns = o->backend_connections};

	be->o = o;
	be->pattern = pattern;
	be->clock = clock;
	be->answers.pattern = pattern;
	be->latency = clock->hz / 1000000 * o->backend_latency_us;
	be->tcp.place = (struct tcp_place){.local = o->backend_ip,
					   .n_local = o->backend_addresses,
					   .port = rte_cpu_to_be_16((uint16_t)o->backend_port)};
	be->delayed = memory_reserve(BACKEND_DELAYED * sizeof(*be->delayed));
	return be->delayed && sides_init(&be->sides) &&
	       tcp_init(&be->tcp, &cfg, &backend_ops, be, wire, clock);
}
