/* h2_conn.c - owns HTTP/2 connections: opened, shared by requests, kept alive, given up. */
#include <upstream/h2_conn.h>

#include <upstream/dial.h>
#include <upstream/limit.h>
#include <upstream/pool.h>

/* What nghttp2 may take: for some thousand connections, and more where more are allowed. */
#define MEMORY_BASE     (32u << 20)
#define MEMORY_PER_CONN (4u << 10)

static uint64_t now_us(const struct h2_conn *c)
{
	return *c->uc->up->env.now_us;
}

static bool is_connecting(const struct h2_conn *c)
{
	return c->uc->state == UC_CONNECTING;
}

/* ---- lists ---- */

static void push(struct h2_requests *l, struct h2_request *r)
{
	r->next = NULL;
	r->prev = l->last;
	if (l->last)
		l->last->next = r;
	else
		l->first = r;
	l->last = r;
}

static void take_out(struct h2_requests *l, struct h2_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		l->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		l->last = r->prev;
}

static void link_all(struct h2_conn *c)
{
	struct upstream *u = c->uc->up;

	c->next = u->h2_conns;
	if (c->next)
		c->next->prev = c;
	u->h2_conns = c;
}

static void unlink_all(struct h2_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->uc->up->h2_conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

void h2_conn_touch(struct h2_conn *c)
{
	struct upstream *u = c->uc->up;

	if (c->due)
		return;
	c->due = true;
	c->next_due = u->due;
	u->due = c;
}

static void untouch(struct h2_conn *c)
{
	struct h2_conn **at = &c->uc->up->due;

	if (!c->due)
		return;
	while (*at != c)
		at = &(*at)->next_due;
	*at = c->next_due;
	c->due = false;
}

/* ---- room ---- */

static bool has_room(const struct h2_conn *c)
{
	const struct upstream_conn *uc = c->uc;
	uint32_t max = RTE_MIN(c->max_streams, h2_session_streams_max(&c->session));

	return !c->gone && c->n < max && uc->announce == UPSTREAM_HTTP2 && !uc->bs->eof &&
	       uc->bs->error == BS_OK &&
	       (uc->max_requests == 0 || uc->requests < uc->max_requests) &&
	       h2_session_may_open(&c->session) && upstream_is_current(uc);
}

static void link_roomy(struct h2_conn *c)
{
	struct endpoint_pool *p = &c->uc->up->pools[c->uc->endpoint_id];

	c->roomy = true;
	c->prev_roomy = NULL;
	c->next_roomy = p->roomy;
	if (p->roomy)
		p->roomy->prev_roomy = c;
	p->roomy = c;
	if (c->uc->seat)
		limit_roomy(c->uc, true);
}

static void unlink_roomy(struct h2_conn *c)
{
	c->roomy = false;
	if (c->prev_roomy)
		c->prev_roomy->next_roomy = c->next_roomy;
	else
		c->uc->up->pools[c->uc->endpoint_id].roomy = c->next_roomy;
	if (c->next_roomy)
		c->next_roomy->prev_roomy = c->prev_roomy;
	if (c->uc->seat)
		limit_roomy(c->uc, false);
}

/* Puts the connection among those with room, or takes it away from there. */
static void sort(struct h2_conn *c)
{
	bool roomy = c->uc->state != UC_IDLE && has_room(c);

	if (roomy && !c->roomy)
		link_roomy(c);
	else if (!roomy && c->roomy)
		unlink_roomy(c);
}

void h2_conns_adopt(struct endpoint_pool *p)
{
	struct h2_conn *c, *next;

	for (c = p->roomy; c; c = next) {
		next = c->next_roomy;
		sort(c);
	}
}

/* ---- time ---- */

static void arm(struct h2_conn *c)
{
	struct wheel *w = c->uc->up->env.wheel;
	uint64_t at = c->ping_at_us;

	if (c->uc->state == UC_IDLE)
		at = RTE_MIN(at, c->idle_at_us);
	if (at == UINT64_MAX)
		wheel_cancel(w, &c->uc->timer);
	else
		wheel_arm(w, &c->uc->timer, at);
}

/* The newest word of the cluster. */
static void follow(struct h2_conn *c, const struct http2_policy *p)
{
	c->max_streams = p->max_streams;
	c->ping_timeout_us = p->ping_timeout_us;
	if (likely(c->ping_interval_us == p->ping_interval_us))
		return;
	c->ping_interval_us = p->ping_interval_us;
	c->ping_at_us = UINT64_MAX;
	c->pinged = false;
	if (c->ping_interval_us)
		c->ping_at_us = now_us(c) + c->ping_interval_us;
	arm(c);
}

/* ---- the end of a connection ---- */

/* What the server has said to the end is not lost with the connection. */
static struct h2_request *first_unfinished(const struct h2_conn *c)
{
	struct h2_request *r = c->active.first;

	if (c->waiting.first)
		return c->waiting.first;
	while (r && r->stream.rx_end)
		r = r->next;
	return r;
}

static void fail(struct h2_conn *c, enum upstream_failure why)
{
	struct h2_request *r;

	if (c->uc->state == UC_IDLE) {
		upstream_discard(c->uc, true);
		return;
	}
	c->gone = true;
	sort(c);
	while ((r = first_unfinished(c)))
		h2_client_fail(r, why);
	h2_conn_touch(c);
}

static void free_requests(struct h2_requests *l, struct h2_mem *mem)
{
	struct h2_request *r;

	while ((r = l->first)) {
		take_out(l, r);
		mbq_free(&r->stream.rx);
		mbq_free(&r->stream.tx);
		h2_mem_put(mem, r);
	}
}

/* Those that nobody was told of in time: their users are gone. */
static void free_ready(struct h2_conn *c, struct h2_mem *mem)
{
	struct h2_request *r, *next;

	for (r = c->ready; r; r = next) {
		next = r->next_ready;
		if (r->uc.dead)
			h2_mem_put(mem, r);
	}
}

void h2_conn_close(struct upstream_conn *uc, bool abort)
{
	struct h2_conn *c = uc->h2;

	if (!c) /* it could not be made */
		return;
	if (c->roomy)
		unlink_roomy(c);
	untouch(c);
	unlink_all(c);
	wheel_cancel(uc->up->env.wheel, &uc->timer);
	if (!abort && uc->state != UC_CONNECTING) {
		h2_session_bye(&c->session);
		h2_session_write(&c->session, uc->bs);
	}
	h2_session_close(&c->session);
	free_ready(c, &uc->up->h2_mem);
	h2_mem_put(&uc->up->h2_mem, c);
	uc->h2 = NULL;
}

void h2_conns_init(struct upstream *u, uint32_t max_conns)
{
	h2_mem_init(&u->h2_mem, MEMORY_BASE + (size_t)max_conns * MEMORY_PER_CONN, u->env.counters);
}

/* The process ends: users, streams and timers are gone already, or go with it. */
void h2_conns_fini(struct upstream *u)
{
	struct h2_conn *c;

	while ((c = u->h2_conns)) {
		unlink_all(c);
		free_ready(c, &u->h2_mem);
		free_requests(&c->waiting, &u->h2_mem);
		free_requests(&c->active, &u->h2_mem);
		h2_session_close(&c->session);
		h2_mem_put(&u->h2_mem, c);
	}
}

/* ---- once a pass ---- */

/* No streams: into the pool, or away. */
static void rest(struct h2_conn *c)
{
	struct upstream_conn *uc = c->uc;

	if (!has_room(c)) {
		upstream_discard(uc, false);
		return;
	}
	if (c->roomy)
		unlink_roomy(c);
	c->idle_at_us = upstream_idle_until(uc);
	upstream_link_idle(uc);
	arm(c);
}

static void settle_open(struct h2_conn *c)
{
	enum h2_verdict v = h2_session_write(&c->session, c->uc->bs);

	h2_client_run(c);
	if (v == H2_OVER && !c->n) {
		upstream_discard(c->uc, false);
	} else if (v != H2_GO_ON) {
		fail(c, v == H2_SHORT ? UPSTREAM_NO_MEMORY : UPSTREAM_PROTOCOL);
	} else if (!c->n && c->uc->state != UC_IDLE) {
		rest(c);
	} else {
		sort(c);
		if (unlikely(c->ping_interval_us))
			arm(c);
	}
}

static void settle(struct h2_conn *c)
{
	h2_client_run(c);
	if (!c->gone && !is_connecting(c))
		settle_open(c);
	else if (!c->n)
		upstream_discard(c->uc, true);
}

void h2_conns_settle(struct upstream *u)
{
	struct h2_conn *c;

	while ((c = u->due)) {
		u->due = c->next_due;
		c->due = false;
		settle(c);
	}
}

/* ---- events ---- */

static bool announce(const struct upstream_conn *uc, void *user)
{
	struct upstream_client client = uc->up->env.user_ops->client(user);

	return upstream_announce(uc->up, uc->bs, uc->announce & ~UPSTREAM_HTTP2, client.source,
				 client.destination);
}

static void connected(struct h2_conn *c)
{
	struct upstream_conn *uc = c->uc;
	struct h2_request *r = c->waiting.first;

	h2_conn_touch(c);
	if (!r) /* they have all left meanwhile, and so will it */
		return;
	if (unlikely(uc->announce != UPSTREAM_HTTP2) && !announce(uc, r->uc.user)) {
		fail(c, UPSTREAM_NO_MEMORY);
		return;
	}
	uc->state = UC_HEAD;
	if (c->ping_interval_us)
		c->ping_at_us = now_us(c) + c->ping_interval_us;
	while ((r = c->waiting.first)) {
		take_out(&c->waiting, r);
		push(&c->active, r);
		h2_client_begin(r);
	}
}

static void read_on(struct h2_conn *c)
{
	enum h2_verdict v = h2_session_read(&c->session, c->uc->bs);

	h2_client_run(c);
	h2_conn_touch(c);
	if (v != H2_GO_ON)
		fail(c, v == H2_SHORT ? UPSTREAM_NO_MEMORY : UPSTREAM_PROTOCOL);
	else if (c->uc->bs->eof || c->uc->bs->error != BS_OK)
		fail(c, UPSTREAM_RESET);
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct upstream_conn *uc = bs->user;
	struct h2_conn *c = uc->h2;

	if (c->gone)
		return;
	if (is_connecting(c) && (events & BS_CLOSED))
		fail(c, upstream_dial_failure(bs->error));
	else if (is_connecting(c) && (events & BS_CONNECTED))
		connected(c);
	if (!c->gone && !is_connecting(c))
		read_on(c);
}

static void ask(struct h2_conn *c)
{
	if (!h2_session_ping(&c->session)) {
		fail(c, UPSTREAM_NO_MEMORY);
		return;
	}
	c->pinged = true;
	c->ping_at_us = now_us(c) + c->ping_timeout_us;
	h2_conn_touch(c);
	arm(c);
}

void h2_conn_timer(struct upstream_conn *uc)
{
	struct h2_conn *c = uc->h2;
	uint64_t now = now_us(c);

	if (uc->state == UC_IDLE && now >= c->idle_at_us)
		upstream_discard(uc, false);
	else if (now < c->ping_at_us)
		arm(c);
	else if (c->pinged || c->gone)
		fail(c, UPSTREAM_RESET);
	else
		ask(c);
}

/* ---- requests ---- */

void h2_conn_detach(struct h2_request *r)
{
	struct h2_conn *c = r->conn;

	take_out(r->uc.state == UC_CONNECTING ? &c->waiting : &c->active, r);
	if (r->uc.seat)
		limit_connected(&r->uc);
	r->uc.seat = NULL;
	h2_stream_leave(&r->stream);
	r->uc.dead = true;
	c->n--;
	sort(c);
	h2_conn_touch(c);
}

static void attach(struct h2_conn *c, struct h2_request *r, void *user, struct upstream_claim *cl)
{
	struct upstream_conn *uc = c->uc;

	r->conn = c;
	r->uc.end.ops = &h2_client_ops;
	r->uc.up = uc->up;
	r->uc.bs = uc->bs;
	r->uc.user = user;
	r->uc.claim = cl;
	r->uc.http2 = true;
	r->uc.endpoint_id = uc->endpoint_id;
	r->uc.endpoint_gen = uc->endpoint_gen;
	r->uc.state = is_connecting(c) ? UC_CONNECTING : UC_HEAD;
	push(is_connecting(c) ? &c->waiting : &c->active, r);
	c->n++;
	uc->requests++;
	h2_conn_touch(c);
	sort(c);
}

/* One in use that has room for another. fresh: that was not there when the request began. */
static struct h2_conn *find_roomy(struct endpoint_pool *p, bool fresh)
{
	struct h2_conn *c, *next;

	for (c = p->roomy; c; c = next) {
		next = c->next_roomy;
		sort(c);
		if (c->roomy && (!fresh || is_connecting(c)))
			return c;
	}
	return NULL;
}

static struct h2_conn *take_idle(struct endpoint_pool *p)
{
	struct upstream_conn *uc;

	while ((uc = p->idle) && !has_room(uc->h2))
		upstream_discard(uc, true);
	if (!uc)
		return NULL;
	upstream_unlink_idle(uc);
	uc->state = UC_HEAD;
	arm(uc->h2);
	return uc->h2;
}

static struct h2_conn *find(struct upstream *u, const struct endpoint *e, bool fresh)
{
	struct endpoint_pool *p = e->id < u->n_pools ? &u->pools[e->id] : NULL;
	struct h2_conn *c;

	/* What tells the server of one client is for that client's request alone. */
	if (!p || p->gen != e->gen || p->announce != upstream_manner(e) || e->announce)
		return NULL;
	c = find_roomy(p, fresh);
	return c || fresh ? c : take_idle(p);
}

static struct h2_conn *make(struct upstream *u, const struct cluster *cluster,
			    const struct endpoint *e, void *user, enum upstream_failure *why)
{
	struct upstream_conn *uc = upstream_open(u, cluster, e, user, why);
	struct h2_conn *c;

	if (!uc)
		return NULL;
	*why = UPSTREAM_NO_MEMORY;
	uc->http2 = true;
	uc->announce = upstream_manner(e);
	uc->bs->notify = on_event;
	uc->user = NULL;
	uc->h2 = c = h2_mem_get(&u->h2_mem, sizeof(*c));
	if (!c) {
		upstream_discard(uc, true);
		return NULL;
	}
	c->uc = uc;
	c->ping_at_us = c->idle_at_us = UINT64_MAX;
	c->session.events = &h2_client_events;
	c->session.pool = u->env.pool;
	c->session.limits = u->env.limits;
	link_all(c);
	if (!h2_session_open(&c->session, &u->h2_mem)) {
		upstream_discard(uc, true);
		return NULL;
	}
	return c;
}

static struct h2_conn *make_within_limits(struct upstream *u, const struct cluster *cluster,
					  const struct endpoint *e, void *user,
					  struct upstream_claim *cl, enum upstream_failure *why)
{
	struct h2_conn *c;

	*why = UPSTREAM_OVERFLOW;
	if (limit_begin_connect(u, cl) != LIMIT_GO)
		return NULL;
	c = make(u, cluster, e, user, why);
	if (c)
		limit_opened(c->uc, cl);
	else
		limit_not_opened(u, cl);
	return c;
}

/* By the cluster's limits: may the request go on there? */
static bool admit(struct upstream *u, struct h2_conn *c, struct upstream_claim *cl)
{
	if (!(is_connecting(c) ? limit_begin_pending(cl) : limit_begin_request(cl)))
		return false;
	limit_spare(u, cl);
	return true;
}

static struct h2_conn *choose(struct upstream *u, const struct cluster *cluster,
			      const struct endpoint *e, bool fresh, void *user,
			      struct upstream_claim *cl, enum upstream_failure *why)
{
	struct h2_conn *c = find(u, e, fresh);

	if (!c && cluster->breaker)
		return make_within_limits(u, cluster, e, user, cl, why);
	if (!c)
		return make(u, cluster, e, user, why);
	if (cluster->breaker && !admit(u, c, cl)) {
		*why = UPSTREAM_OVERFLOW;
		h2_conn_touch(c);
		return NULL;
	}
	counter_inc(u->env.counters, CTR_UPSTREAM_REUSES);
	return c;
}

struct upstream_conn *h2_acquire(struct upstream *u, const struct cluster *cluster,
				 const struct endpoint *e, bool fresh, void *user,
				 struct upstream_claim *cl, bool *reused,
				 enum upstream_failure *why)
{
	struct h2_request *r = h2_mem_get(&u->h2_mem, sizeof(*r));
	struct h2_conn *c;

	*why = UPSTREAM_NO_MEMORY;
	if (!r)
		return NULL;
	c = choose(u, cluster, e, fresh, user, cl, why);
	if (!c) {
		h2_mem_put(&u->h2_mem, r);
		return NULL;
	}
	follow(c, cluster->http2);
	if (cluster->breaker && is_connecting(c))
		r->uc.seat = cl->seat;
	*reused = !is_connecting(c);
	attach(c, r, user, cl);
	return &r->uc;
}
