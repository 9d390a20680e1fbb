/* pool.c - connections by endpoint: opening, pooling, dropping. */
#include <upstream/upstream.h>

#include <stdlib.h>

#include <tcp/tcp.h>
#include <upstream/dial.h>
#include <upstream/h2_conn.h>
#include <upstream/limit.h>
#include <upstream/pool.h>

const struct upstream_env *upstream_env(const struct upstream *u)
{
	return &u->env;
}

struct upstream *upstream_create(const struct upstream_env *env, uint32_t max_conns)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->env = *env;
	if (!slab_init(&u->conns, sizeof(struct upstream_conn), max_conns)) {
		free(u);
		return NULL;
	}
	h2_conns_init(u, max_conns);
	return u;
}

void upstream_destroy(struct upstream *u)
{
	if (!u)
		return;
	h2_conns_fini(u);
	slab_fini(&u->conns);
	free(u->pools);
	free(u);
}

/* ---- the pool ---- */

static void leave_keeper(struct upstream_conn *uc)
{
	struct upstream_conn **at = uc->keeper;

	while (*at != uc)
		at = &(*at)->next_kept;
	*at = uc->next_kept;
}

void upstream_unlink_idle(struct upstream_conn *uc)
{
	struct endpoint_pool *p = &uc->up->pools[uc->endpoint_id];

	if (unlikely(uc->keeper))
		leave_keeper(uc);
	if (uc->prev)
		uc->prev->next = uc->next;
	else
		p->idle = uc->next;
	if (uc->next)
		uc->next->prev = uc->prev;
	uc->next = uc->prev = NULL;
	if (unlikely(uc->seat))
		limit_busy(uc);
	wheel_cancel(uc->up->env.wheel, &uc->timer);
	counter_add(uc->up->env.counters, CTR_UPSTREAM_IDLE, -1);
}

static uint32_t now_ms(const struct upstream *u)
{
	return (uint32_t)(*u->env.now_us / 1000);
}

/* tcp.maxConnectionDuration is over. The clock of milliseconds wraps: ages are differences. */
static bool is_old(const struct upstream_conn *uc)
{
	return uc->old_ms && (int32_t)(now_ms(uc->up) - uc->old_ms) >= 0;
}

uint64_t upstream_idle_until(const struct upstream_conn *uc)
{
	const struct upstream *u = uc->up;
	uint64_t left_us = UINT64_MAX;

	if (uc->old_ms)
		left_us = (uint64_t)(uc->old_ms - now_ms(u)) * 1000;
	if (uc->idle_timeout_ms && uc->idle_timeout_ms * 1000ull < left_us)
		left_us = uc->idle_timeout_ms * 1000ull;
	return left_us == UINT64_MAX ? left_us : *u->env.now_us + left_us;
}

static void arm_idle(struct upstream_conn *uc)
{
	uint64_t at_us = upstream_idle_until(uc);

	if (at_us != UINT64_MAX)
		wheel_arm(uc->up->env.wheel, &uc->timer, at_us);
}

void upstream_link_idle(struct upstream_conn *uc)
{
	struct upstream *u = uc->up;
	struct endpoint_pool *p = &u->pools[uc->endpoint_id];

	uc->state = UC_IDLE;
	uc->prev = NULL;
	uc->next = p->idle;
	if (p->idle)
		p->idle->prev = uc;
	p->idle = uc;
	if (unlikely(uc->keeper)) {
		uc->next_kept = *uc->keeper;
		*uc->keeper = uc;
	}
	arm_idle(uc);
	counter_add(u->env.counters, CTR_UPSTREAM_IDLE, 1);
	if (unlikely(uc->seat))
		limit_idle(uc);
}

void upstream_enter(struct upstream_conn *uc)
{
	uc->entered = true;
}

void upstream_leave(struct upstream_conn *uc)
{
	uc->entered = false;
	if (uc->dead)
		slab_put(&uc->up->conns, uc);
}

/* Gives up the connection; its stream is closed in order or reset. */
void upstream_discard(struct upstream_conn *uc, bool abort)
{
	if (uc->state == UC_IDLE)
		upstream_unlink_idle(uc);
	if (unlikely(uc->http2))
		h2_conn_close(uc, abort);
	if (uc->bs) {
		bytestream_end(uc->bs, abort);
		uc->bs = NULL;
	}
	if (unlikely(uc->seat)) {
		if (uc->state == UC_CONNECTING && !uc->http2)
			limit_connected(uc);
		limit_closed(uc);
	}
	uc->dead = true;
	if (!uc->entered)
		slab_put(&uc->up->conns, uc);
}

void upstream_count_failure(struct upstream *u, enum upstream_failure why, bool connecting)
{
	if (why == UPSTREAM_PROTOCOL)
		counter_inc(u->env.counters, CTR_UPSTREAM_PROTOCOL_ERRORS);
	else if (connecting)
		counter_inc(u->env.counters, CTR_UPSTREAM_CONNECT_FAILS);
	else
		counter_inc(u->env.counters, CTR_UPSTREAM_RESETS);
}

void upstream_fail(struct upstream_conn *uc, enum upstream_failure why)
{
	struct upstream *u = uc->up;
	void *user = uc->user;

	upstream_count_failure(u, why, uc->state == UC_CONNECTING);
	upstream_discard(uc, true);
	u->env.user_ops->failed(user, why);
}

const struct snapshot *upstream_snapshot(const struct upstream *u)
{
	return u->snap;
}

struct upstream_conn *upstream_any_idle(struct upstream *u, const struct cluster *c)
{
	for (uint32_t i = 0; i < c->endpoints->n; i++) {
		uint32_t id = c->endpoints->endpoints[i].id;

		if (id < u->n_pools && u->pools[id].idle)
			return u->pools[id].idle;
	}
	return NULL;
}

void upstream_timer(struct upstream *u, struct wheel_timer *t)
{
	struct upstream_conn *uc =
		(struct upstream_conn *)((char *)t - offsetof(struct upstream_conn, timer));

	(void)u;
	if (uc->http2)
		h2_conn_timer(uc);
	else
		upstream_discard(uc, false);
}

/* Open, and nothing unread: bytes that nobody asked for would pass for the answer to the next
 * request. What has come in this pass need not have been notified yet. */
static bool is_quiet(const struct upstream_conn *uc)
{
	const struct bytestream *bs = uc->bs;

	return bs && !bs->eof && bs->error == BS_OK && bs->rx.bytes == 0;
}

bool upstream_is_current(const struct upstream_conn *uc)
{
	const struct upstream *u = uc->up;
	const struct endpoint_pool *p = &u->pools[uc->endpoint_id];

	return !u->draining && uc->endpoint_id < u->n_pools && p->gen == uc->endpoint_gen &&
	       p->announce == uc->announce && p->seat == uc->seat && !is_old(uc) &&
	       !(uc->seat && limit_exceeded(uc));
}

/* May the connection serve further requests of its endpoint? */
static bool poolable(const struct upstream_conn *uc)
{
	return is_quiet(uc) && (!uc->announce || uc->keeper) && upstream_is_current(uc);
}

/* ---- events of the stream ---- */

/* False: there are too many requests for this one, and the connection waits for another. */
static bool connected_within_limits(struct upstream_conn *uc)
{
	void *user = uc->user;

	limit_connected(uc);
	if (limit_begin_request(uc->claim))
		return true;
	if (poolable(uc))
		upstream_link_idle(uc);
	else
		upstream_discard(uc, false);
	uc->up->env.user_ops->failed(user, UPSTREAM_OVERFLOW);
	return false;
}

static __rte_noinline bool announce(struct upstream_conn *uc)
{
	struct upstream_client client = uc->up->env.user_ops->client(uc->user);

	return upstream_announce(uc->up, uc->bs, uc->announce, client.source, client.destination);
}

static void connecting(struct upstream_conn *uc, uint32_t events)
{
	if (events & BS_CLOSED) {
		upstream_fail(uc, upstream_dial_failure(uc->bs->error));
	} else if (events & BS_CONNECTED) {
		if (unlikely(uc->announce) && !announce(uc)) {
			upstream_fail(uc, UPSTREAM_NO_MEMORY);
			return;
		}
		uc->state = UC_HEAD;
		if (unlikely(uc->seat) && !connected_within_limits(uc))
			return;
		uc->up->env.user_ops->ready(uc->user);
	}
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct upstream_conn *uc = bs->user;

	if (uc->state == UC_IDLE) {
		/* Nothing is expected of an idle connection: whatever comes, it is not ours. */
		if (events & (BS_READABLE | BS_EOF | BS_CLOSED))
			upstream_discard(uc, !(events & BS_EOF));
		return;
	}
	upstream_enter(uc);
	if (uc->state == UC_CONNECTING)
		connecting(uc, events);
	else if (events & BS_WRITABLE)
		uc->up->env.user_ops->writable(uc->user);
	h1_client_run(uc);
	upstream_leave(uc);
}

/* ---- acquire and put ---- */

static struct upstream_conn *take_idle(struct endpoint_pool *p)
{
	struct upstream_conn *uc;

	while ((uc = p->idle) && !is_quiet(uc))
		upstream_discard(uc, true);
	if (uc)
		upstream_unlink_idle(uc);
	return uc;
}

/* One that told this endpoint of this very client. */
static __rte_noinline struct upstream_conn *take_kept(struct upstream *u, const struct endpoint *e,
						      void *user)
{
	struct upstream_client client = u->env.user_ops->client(user);
	struct upstream_conn *uc, *next;

	for (uc = client.kept ? *client.kept : NULL; uc; uc = next) {
		next = uc->next_kept;
		if (uc->endpoint_id != e->id)
			continue;
		if (is_quiet(uc)) {
			upstream_unlink_idle(uc);
			return uc;
		}
		upstream_discard(uc, true);
	}
	return NULL;
}

/* An idle connection to e that may serve the user's request; NULL when there is none. */
static struct upstream_conn *take_pooled(struct upstream *u, const struct endpoint *e, void *user)
{
	struct endpoint_pool *p = e->id < u->n_pools ? &u->pools[e->id] : NULL;

	/* The request may have been routed by an older snapshot than the pool's. */
	if (!p || p->gen != e->gen || p->announce != e->announce)
		return NULL;
	return unlikely(e->announce) ? take_kept(u, e, user) : take_idle(p);
}

void upstream_drop_kept(struct upstream_conn **kept)
{
	while (*kept)
		upstream_discard(*kept, false);
}

/* Never 0, but for a connection that may grow as old as it likes. */
static uint32_t old_at_ms(const struct upstream *u, const struct cluster *c)
{
	uint64_t ms = c->max_connection_us / 1000;

	return ms == 0 || ms > INT32_MAX ? 0 : (now_ms(u) + (uint32_t)ms) | 1;
}

struct upstream_conn *upstream_open(struct upstream *u, const struct cluster *c,
				    const struct endpoint *e, void *user,
				    enum upstream_failure *why)
{
	struct upstream_conn *uc = slab_get(&u->conns);

	*why = UPSTREAM_NO_MEMORY;
	if (!uc)
		return NULL;
	uc->bs = upstream_dial(u, c, e, why);
	if (!uc->bs) {
		slab_put(&u->conns, uc);
		return NULL;
	}
	uc->end.ops = &h1_client_ops;
	uc->up = u;
	uc->user = user;
	uc->bs->user = uc;
	uc->bs->notify = on_event;
	uc->state = UC_CONNECTING;
	uc->endpoint_id = e->id;
	uc->endpoint_gen = e->gen;
	uc->max_requests = c->max_requests_per_connection;
	uc->idle_timeout_ms = (uint32_t)RTE_MIN(c->idle_timeout_us / 1000, UINT32_MAX);
	uc->announce = e->announce;
	if (unlikely(e->announce))
		uc->keeper = u->env.user_ops->client(user).kept;
	uc->old_ms = old_at_ms(u, c);
	return uc;
}

static struct upstream_conn *open_within_limits(struct upstream *u, const struct cluster *c,
						const struct endpoint *e, void *user,
						struct upstream_claim *cl,
						enum upstream_failure *why)
{
	struct upstream_conn *uc;

	*why = UPSTREAM_OVERFLOW;
	if (limit_begin_connect(u, cl) != LIMIT_GO)
		return NULL;
	uc = upstream_open(u, c, e, user, why);
	if (!uc) {
		limit_not_opened(u, cl);
		return NULL;
	}
	uc->claim = cl;
	limit_opened(uc, cl);
	return uc;
}

struct upstream_conn *upstream_acquire(struct upstream *u, const struct cluster *c,
				       const struct endpoint *e, bool fresh, void *user,
				       struct upstream_claim *cl, bool *reused,
				       enum upstream_failure *why)
{
	struct upstream_conn *uc;

	*reused = false;
	if (unlikely(c->http2))
		return h2_acquire(u, c, e, fresh, user, cl, reused, why);
	uc = fresh ? NULL : take_pooled(u, e, user);
	if (!uc && unlikely(c->breaker))
		return open_within_limits(u, c, e, user, cl, why);
	if (!uc)
		return upstream_open(u, c, e, user, why);
	if (unlikely(c->breaker) && !limit_begin_request(cl)) {
		upstream_link_idle(uc);
		*why = UPSTREAM_OVERFLOW;
		return NULL;
	}
	uc->state = UC_HEAD;
	uc->user = user;
	uc->claim = cl;
	*reused = true;
	counter_inc(u->env.counters, CTR_UPSTREAM_REUSES);
	return uc;
}

struct exchange_end *upstream_end(struct upstream_conn *uc)
{
	return &uc->end;
}

void upstream_set_patient(struct upstream_conn *uc, bool patient)
{
	if (likely(!uc->http2)) /* that of many, who do not all wait */
		uc->bs->patient = patient;
}

void upstream_expect(struct upstream_conn *uc, enum http_method method, bool upgrade)
{
	uc->method = method;
	uc->upgrade = upgrade;
	uc->request_done = false;
	uc->chunked_request = false;
	uc->keep = false;
	uc->scanned = 0;
	uc->requests++;
}

void upstream_put(struct upstream_conn *uc)
{
	bool whole, keep;

	if (unlikely(uc->http2)) {
		h2_client_leave(uc);
		return;
	}
	whole = uc->state == UC_COMPLETE && uc->request_done;
	keep = whole && uc->keep && (uc->max_requests == 0 || uc->requests < uc->max_requests) &&
	       poolable(uc);

	if (keep)
		upstream_link_idle(uc);
	else
		upstream_discard(uc, !whole);
}

struct bytestream *upstream_detach(struct upstream_conn *uc, struct upstream_claim *cl)
{
	struct bytestream *bs = uc->bs;

	uc->bs = NULL;
	if (uc->seat)
		limit_detach(uc, cl);
	upstream_discard(uc, false);
	return bs;
}

bool upstream_settle(struct upstream *u)
{
	bool work = limit_settle(u);

	if (likely(!u->due))
		return work;
	h2_conns_settle(u);
	return true;
}

uint32_t upstream_conns(const struct upstream *u)
{
	return u->conns.used;
}

const struct tcp_tuple *upstream_tuple(const struct upstream_conn *uc)
{
	return tcp_stream_tuple(uc->bs);
}

uint64_t upstream_taken_us(const struct upstream_conn *uc)
{
	return bytestream_taken_us(uc->bs, *upstream_env(uc->up)->now_us);
}
