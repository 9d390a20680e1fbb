/* limit.c - owns a worker's seats: admission, queues, and passing connections on. */
#include <upstream/limit.h>

#include <weir/shared_count.h>

/* Order over all workers costs connections: one that is passed on is closed and opened anew.
 * It is kept strictly once requests have waited this long, or this many were served here while
 * older ones waited elsewhere. */
#define ORDER_WAIT_US  10000
#define OVERTAKING_MAX 16

#define QUEUED_ONE (1ull << 32)

static struct breaker_seat *seat_of(struct upstream *u, struct breaker *b)
{
	return &b->seats[upstream_env(u)->worker];
}

static void post(struct upstream *u, struct breaker_seat *st)
{
	const struct upstream_env *env = upstream_env(u);
	unsigned worker = (unsigned)(st - st->breaker->seats);

	if (mailbox_post(&env->mailboxes[worker], st) && worker != env->worker && env->wake)
		env->wake(env->owner, worker);
}

static uint32_t limit_of(const uint32_t *limit)
{
	return __atomic_load_n(limit, __ATOMIC_RELAXED);
}

static void note_overflow(struct breaker *b, enum breaker_overflow what)
{
	__atomic_fetch_add(&b->overflows[what], 1, __ATOMIC_RELAXED);
}

/* ---- connections, and who gets the next ---- */

static bool take_connection(struct breaker *b)
{
	return shared_count_up(&b->connections, limit_of(&b->limits.connections));
}

static uint64_t waiting(const struct breaker *b)
{
	return __atomic_load_n(&b->waiting, __ATOMIC_SEQ_CST);
}

/* The seat whose first request waits longest; NULL: nobody waits. */
static struct breaker_seat *oldest(struct breaker *b)
{
	struct breaker_seat *best = NULL;
	uint64_t best_ticket = UINT64_MAX;

	for (uint64_t bits = waiting(b); bits; bits &= bits - 1) {
		struct breaker_seat *st = &b->seats[__builtin_ctzll(bits)];
		uint64_t ticket = __atomic_load_n(&st->ticket, __ATOMIC_RELAXED);

		/* 0: it has just got what it waited for. */
		if (ticket && ticket < best_ticket) {
			best = st;
			best_ticket = ticket;
		}
	}
	return best;
}

/* A connection less is open, or about to be. */
static void release_connection(struct upstream *u, struct breaker *b)
{
	struct breaker_seat *st;

	do {
		uint32_t open = __atomic_load_n(&b->connections, __ATOMIC_RELAXED);

		st = open <= limit_of(&b->limits.connections) ? oldest(b) : NULL;
		if (st) {
			__atomic_fetch_add(&st->granted, 1, __ATOMIC_RELAXED);
			post(u, st);
			return;
		}
		__atomic_fetch_sub(&b->connections, 1, __ATOMIC_SEQ_CST);
		/* Somebody may have come too late to be seen and too early to see. */
	} while (waiting(b) && take_connection(b));
}

static bool take_granted(struct breaker_seat *st)
{
	if (__atomic_load_n(&st->granted, __ATOMIC_RELAXED) == 0)
		return false;
	/* Nobody else lowers it. */
	__atomic_fetch_sub(&st->granted, 1, __ATOMIC_RELAXED);
	return true;
}

static void set_idle(struct breaker_seat *st, uint32_t n)
{
	__atomic_store_n(&st->idle, n, __ATOMIC_RELAXED);
}

static struct upstream_conn *own_idle(struct upstream *u, struct breaker_seat *st)
{
	const struct cluster *c = snapshot_cluster(upstream_snapshot(u), st->breaker->cluster_id);

	return c && c->breaker == st->breaker ? upstream_any_idle(u, c) : NULL;
}

/* ---- the queue ---- */

/* What others see of it. */
static void show_queue(struct breaker_seat *st)
{
	struct breaker *b = st->breaker;
	const struct upstream_claim *first = st->first;
	uint64_t bit = 1ull << (st - b->seats);

	if (first) {
		__atomic_store_n(&st->ticket, first->ticket, __ATOMIC_RELAXED);
		if (!(waiting(b) & bit))
			__atomic_fetch_or(&b->waiting, bit, __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_and(&b->waiting, ~bit, __ATOMIC_SEQ_CST);
		__atomic_store_n(&st->ticket, 0, __ATOMIC_RELAXED);
	}
}

static void dequeue(struct upstream_claim *cl)
{
	struct breaker_seat *st = cl->seat;

	if (cl->prev)
		cl->prev->next = cl->next;
	else
		st->first = cl->next;
	if (cl->next)
		cl->next->prev = cl->prev;
	else
		st->last = cl->prev;
	cl->queued = false;
	__atomic_fetch_sub(&st->breaker->pending, QUEUED_ONE, __ATOMIC_RELAXED);
	show_queue(st);
}

/* Counts a request that has no connection. One that must wait for others' is measured against
 * those that do; one that opens its own, against all: so that maxConnections 1 and
 * http1MaxPendingRequests 1 serve two requests that come at once. */
static bool count_pending(struct breaker *b, uint64_t one, bool with_connecting)
{
	uint32_t limit = limit_of(&b->limits.pending);
	uint64_t v = __atomic_load_n(&b->pending, __ATOMIC_RELAXED);

	do {
		uint64_t n = (v >> 32) + (with_connecting ? (uint32_t)v : 0);

		if (n >= limit)
			return false;
	} while (!__atomic_compare_exchange_n(&b->pending, &v, v + one, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

/* Asks a worker that has connections to spare to give one up. */
static void wish(struct upstream *u, struct breaker *b, const struct breaker_seat *own)
{
	for (uint32_t i = 0; i < b->n_seats; i++) {
		struct breaker_seat *st = &b->seats[i];

		if (st == own || __atomic_load_n(&st->idle, __ATOMIC_RELAXED) <=
					 __atomic_load_n(&st->wished, __ATOMIC_RELAXED))
			continue;
		__atomic_fetch_add(&st->wished, 1, __ATOMIC_RELAXED);
		post(u, st);
		return;
	}
}

static enum limit_verdict enqueue(struct upstream *u, struct upstream_claim *cl)
{
	struct breaker_seat *st = cl->seat;
	struct breaker *b = st->breaker;
	struct upstream_claim *last = st->last;

	if (!count_pending(b, QUEUED_ONE, false)) {
		note_overflow(b, BREAKER_PENDING);
		return LIMIT_OVERFLOW;
	}
	note_overflow(b, BREAKER_CONNECTIONS);
	cl->ticket = __atomic_add_fetch(&b->tickets, 1, __ATOMIC_RELAXED);
	cl->since_us = *upstream_env(u)->now_us;
	cl->queued = true;
	cl->admitted = false;
	cl->next = NULL;
	cl->prev = last;
	if (last)
		last->next = cl;
	else
		st->first = cl;
	st->last = cl;
	show_queue(st);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wish(u, b, st);
	/* Looks again for a free connection, now that it is seen to wait. */
	post(u, st);
	return LIMIT_WAIT;
}

/* ---- requests ---- */

enum limit_verdict limit_admit(struct upstream *u, const struct cluster *c,
			       struct upstream_claim *cl, void *user)
{
	struct breaker *b = c->breaker;
	struct breaker_seat *st = seat_of(u, b);

	if (cl->admitted) /* it has waited already */
		return LIMIT_GO;
	cl->seat = st;
	cl->user = user;
	if (__atomic_load_n(&b->requests, __ATOMIC_RELAXED) >= limit_of(&b->limits.requests)) {
		note_overflow(b, BREAKER_REQUESTS);
		return LIMIT_OVERFLOW;
	}
	if (waiting(b) == 0 &&
	    (st->idle > 0 || st->roomy > 0 || (cl->granted = take_connection(b))))
		return LIMIT_GO;
	return enqueue(u, cl);
}

bool upstream_admit(struct upstream *u, const struct cluster *c, struct upstream_claim *cl,
		    void *user)
{
	return limit_admit(u, c, cl, user) == LIMIT_GO;
}

bool upstream_take(struct upstream *u, const struct cluster *c, struct upstream_claim *cl)
{
	if (!take_connection(c->breaker)) {
		note_overflow(c->breaker, BREAKER_CONNECTIONS);
		return false;
	}
	cl->seat = seat_of(u, c->breaker);
	cl->granted = true;
	return true;
}

static void give_back(struct upstream *u, struct upstream_claim *cl)
{
	if (!cl->granted)
		return;
	cl->granted = false;
	release_connection(u, cl->seat->breaker);
}

bool limit_begin_request(struct upstream_claim *cl)
{
	struct breaker *b = cl->seat->breaker;

	cl->active = shared_count_up(&b->requests, limit_of(&b->limits.requests));
	if (!cl->active)
		note_overflow(b, BREAKER_REQUESTS);
	return cl->active;
}

bool limit_begin_pending(struct upstream_claim *cl)
{
	struct breaker *b = cl->seat->breaker;

	if (cl->admitted) {
		__atomic_fetch_add(&b->pending, 1, __ATOMIC_RELAXED);
	} else if (!count_pending(b, 1, true)) {
		note_overflow(b, BREAKER_PENDING);
		return false;
	}
	return true;
}

void limit_spare(struct upstream *u, struct upstream_claim *cl)
{
	give_back(u, cl);
}

enum limit_verdict limit_begin_connect(struct upstream *u, struct upstream_claim *cl)
{
	struct breaker *b = cl->seat->breaker;
	struct upstream_conn *uc;

	if (!cl->granted && !(cl->granted = take_connection(b))) {
		/* One that is idle at another endpoint makes room. */
		uc = own_idle(u, cl->seat);
		if (!uc) /* it was dead, and others were faster */
			return enqueue(u, cl);
		limit_detach(uc, cl);
		upstream_discard(uc, false);
	}
	if (!limit_begin_pending(cl)) {
		give_back(u, cl);
		return LIMIT_OVERFLOW;
	}
	return LIMIT_GO;
}

void limit_not_opened(struct upstream *u, struct upstream_claim *cl)
{
	__atomic_fetch_sub(&cl->seat->breaker->pending, 1, __ATOMIC_RELAXED);
	give_back(u, cl);
}

bool upstream_retry_begin(const struct cluster *c, struct upstream_claim *cl)
{
	if (!c->breaker || cl->retrying)
		return true;
	cl->retries = c->breaker;
	cl->retrying = shared_count_up(&c->breaker->retries, breaker_retries_max(c->breaker));
	if (!cl->retrying)
		note_overflow(c->breaker, BREAKER_RETRIES);
	return cl->retrying;
}

void upstream_retry_end(struct upstream_claim *cl)
{
	if (cl->retrying)
		__atomic_fetch_sub(&cl->retries->retries, 1, __ATOMIC_RELAXED);
	cl->retrying = false;
}

void upstream_release(struct upstream *u, struct upstream_claim *cl)
{
	if (!cl->seat)
		return;
	if (cl->queued)
		dequeue(cl);
	if (cl->active)
		__atomic_fetch_sub(&cl->seat->breaker->requests, 1, __ATOMIC_RELAXED);
	cl->active = false;
	cl->admitted = false;
	give_back(u, cl);
	cl->seat = NULL;
}

/* ---- connections ---- */

void limit_opened(struct upstream_conn *uc, struct upstream_claim *cl)
{
	uc->seat = cl->seat;
	__atomic_fetch_add(&cl->seat->breaker->holds, 1, __ATOMIC_RELAXED);
	cl->granted = false;
}

void limit_connected(struct upstream_conn *uc)
{
	__atomic_fetch_sub(&uc->seat->breaker->pending, 1, __ATOMIC_RELAXED);
}

/* The last access to the breaker: ctrl may free it now. */
static void let_go(struct breaker *b)
{
	__atomic_fetch_sub(&b->holds, 1, __ATOMIC_RELEASE);
}

void limit_closed(struct upstream_conn *uc)
{
	struct breaker *b = uc->seat->breaker;

	uc->seat = NULL;
	release_connection(uc->up, b);
	let_go(b);
}

void limit_detach(struct upstream_conn *uc, struct upstream_claim *cl)
{
	struct breaker *b = uc->seat->breaker;

	if (uc->state == UC_IDLE)
		limit_busy(uc);
	uc->seat = NULL;
	cl->granted = true;
	let_go(b);
}

void limit_idle(struct upstream_conn *uc)
{
	struct breaker_seat *st = uc->seat;
	uint64_t others;

	set_idle(st, st->idle + 1);
	/* Either those who come to wait now see it, or they are seen here. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	others = waiting(st->breaker) & ~(1ull << (st - st->breaker->seats));
	if (others)
		__atomic_fetch_add(&st->wished, 1, __ATOMIC_RELAXED);
	if (others || st->first)
		post(uc->up, st);
}

void limit_busy(struct upstream_conn *uc)
{
	set_idle(uc->seat, uc->seat->idle - 1);
}

void limit_roomy(struct upstream_conn *uc, bool roomy)
{
	struct breaker_seat *st = uc->seat;

	st->roomy += roomy ? 1 : -1u;
	if (roomy && st->first)
		post(uc->up, st);
}

bool limit_exceeded(const struct upstream_conn *uc)
{
	const struct breaker *b = uc->seat->breaker;

	return __atomic_load_n(&b->connections, __ATOMIC_RELAXED) >
	       limit_of(&b->limits.connections);
}

/* ---- serving the queue ---- */

/* Older requests wait elsewhere, and it is their turn. */
static bool must_yield(struct upstream *u, struct breaker_seat *st)
{
	const struct upstream_claim *first = st->first;
	struct breaker_seat *other = oldest(st->breaker);

	if (!other || other == st) {
		st->overtook = 0;
		return false;
	}
	return *upstream_env(u)->now_us - first->since_us >= ORDER_WAIT_US ||
	       ++st->overtook > OVERTAKING_MAX;
}

static bool close_idle(struct upstream *u, struct breaker_seat *st)
{
	struct upstream_conn *uc = own_idle(u, st);

	if (uc)
		upstream_discard(uc, false);
	return uc != NULL;
}

/* One request from the queue, if there is a connection for it. */
static bool serve_one(struct upstream *u, struct breaker_seat *st)
{
	struct upstream_claim *cl = st->first;
	bool granted = take_granted(st);

	if (!granted && (st->idle > 0 || st->roomy > 0) && must_yield(u, st)) {
		st->overtook = 0;
		return close_idle(u, st); /* one with room: when its last stream has ended */
	}
	if (!granted && st->idle == 0 && st->roomy == 0 &&
	    !(granted = take_connection(st->breaker)))
		return false;
	dequeue(cl);
	cl->granted = granted;
	cl->admitted = true;
	upstream_env(u)->user_ops->admitted(cl->user);
	return true;
}

static void settle(struct upstream *u, struct breaker_seat *st)
{
	uint32_t wished = __atomic_exchange_n(&st->wished, 0, __ATOMIC_ACQ_REL);

	while (st->first && serve_one(u, st))
		;
	while (!st->first && take_granted(st))
		release_connection(u, st->breaker);
	while (wished-- && !st->first && st->idle > 0 && waiting(st->breaker))
		if (!close_idle(u, st))
			break;
}

bool limit_settle(struct upstream *u)
{
	struct mailbox *m = &upstream_env(u)->mailboxes[upstream_env(u)->worker];
	struct breaker_seat *st, *next;

	if (!mailbox_has_mail(m))
		return false;
	for (st = mailbox_take(m); st; st = next) {
		next = mailbox_open(st);
		settle(u, st);
		let_go(st->breaker);
	}
	return true;
}

void limit_adopt(struct upstream *u, const struct cluster *c)
{
	struct breaker *b = c->breaker;

	__atomic_store_n(&b->limits.connections, c->limits.connections, __ATOMIC_RELAXED);
	__atomic_store_n(&b->limits.pending, c->limits.pending, __ATOMIC_RELAXED);
	__atomic_store_n(&b->limits.requests, c->limits.requests, __ATOMIC_RELAXED);
	__atomic_store_n(&b->limits.retries, c->limits.retries, __ATOMIC_RELAXED);
	__atomic_store_n(&b->limits.retries_share, c->limits.retries_share, __ATOMIC_RELAXED);
	__atomic_store_n(&b->limits.retries_min, c->limits.retries_min, __ATOMIC_RELAXED);
	/* A higher limit may be what its queue waits for. */
	if (seat_of(u, b)->first)
		post(u, seat_of(u, b));
}
