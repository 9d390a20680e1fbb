/* session.c - owns a connection of a TCP route from the handshake to its last byte. */
#include <proxy/session.h>

#include <proxy/account.h>
#include <proxy/admission.h>
#include <proxy/affinity.h>
#include <proxy/downstream.h>
#include <tcp/tcp.h>
#include <upstream/dial.h>
#include <upstream/outlier.h>

/* Where the cluster that says it does not exist. */
#define IDLE_US (3600 * 1000000ull)

/* ---- the end ---- */

static void leave_list(struct session *x)
{
	struct proxy *px = x->px;

	if (x->prev)
		x->prev->next = x->next;
	else
		px->relayed = x->next;
	if (x->next)
		x->next->prev = x->prev;
	counter_add(px->env.counters, CTR_SESSIONS_OPEN, -1);
}

static void leave_endpoint(struct session *x)
{
	struct proxy *px = x->px;

	if (x->endpoint)
		lb_request_end(px->lb, x->endpoint->id, x->endpoint->gen);
	if (x->bound.counted)
		lb_bound_end(px->lb, &x->bound);
	upstream_release(px->up, &x->claim);
}

/* As Istio counts: a connection has begun when it is known where it goes, if anywhere. */
static void begun(struct session *x)
{
	if (!x->begun)
		account_session_begin(x);
	x->begun = true;
}

/* abort: the client sees a reset where it would else see an end. */
static void finish(struct session *x, bool abort)
{
	struct proxy *px = x->px;

	x->end_us = px->now_us;
	begun(x);
	account_session(x);
	if (x->state == SESSION_JOINED) {
		relay_close(&x->relay, abort);
	} else {
		bytestream_end(x->down, abort);
		if (x->up)
			bytestream_end(x->up, true);
	}
	leave_endpoint(x);
	leave_list(x);
	wheel_cancel(&px->wheel, &x->timer);
	admission_leave(px, &x->count);
	snapshot_unpin(x->snap, px->env.worker);
	slab_put(&px->sessions, x);
}

/* Before anything was relayed: the client sees an end, as from a server that has nothing to say. */
static void refuse(struct session *x, uint32_t flags)
{
	x->flags |= flags;
	finish(x, false);
}

/* There was one attempt to connect, and Envoy says of that one that it was the last. */
static void fail(struct session *x, const char *transport_failure)
{
	x->transport_failure = transport_failure;
	refuse(x, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX);
}

static void not_granted(struct session *x, const char *how)
{
	counter_inc(x->px->env.counters, CTR_TUNNELS_REFUSED);
	fail(x, how);
}

/* ---- time ---- */

static uint64_t due(const struct session *x)
{
	uint64_t at = x->until_us;

	if (x->state == SESSION_ASKING)
		at = RTE_MIN(at, x->answer_by_us);
	if (x->state == SESSION_JOINED && x->idle_us)
		at = RTE_MIN(at, relay_active_us(&x->relay, x->px->now_us) + x->idle_us);
	return at;
}

static void arm(struct session *x)
{
	uint64_t at = due(x);

	if (at != UINT64_MAX)
		wheel_arm(&x->px->wheel, &x->timer, at);
}

void session_timer(struct session *x)
{
	uint64_t now_us = x->px->now_us;

	if (due(x) > now_us) {
		arm(x);
	} else if (x->until_us <= now_us) {
		x->flags |= RESPONSE_FLAG_DT;
		finish(x, false);
	} else if (x->state == SESSION_ASKING) {
		not_granted(x, "tunnel: no answer in time");
	} else {
		x->flags |= RESPONSE_FLAG_SI;
		finish(x, false);
	}
}

/* ---- joined ---- */

static void settle(struct session *x, enum relay_verdict v)
{
	if (v == RELAY_GOES_ON)
		return;
	x->flags |= relay_flag(v);
	finish(x, v != RELAY_ENDED);
}

static void on_joined(struct bytestream *bs, uint32_t events)
{
	struct session *x = bs->user;

	settle(x, relay_event(&x->relay, bs, events, x->px->now_us));
}

static void join(struct session *x)
{
	enum relay_verdict v;

	x->down->notify = x->up->notify = on_joined;
	x->state = SESSION_JOINED;
	v = relay_begin(&x->relay, x->down, x->up, x->px->now_us);
	arm(x);
	settle(x, v);
}

/* ---- before that ---- */

/* The client may go on sending, and may end its side; only a reset is news. */
static void on_client(struct bytestream *bs, uint32_t events)
{
	struct session *x = bs->user;

	if (events & BS_CLOSED) {
		x->flags |= RESPONSE_FLAG_DC;
		finish(x, true);
	}
}

static void read_answer(struct session *x)
{
	switch (session_read_answer(x)) {
	case SESSION_WAITS:
		if (x->up->eof || x->up->error != BS_OK)
			not_granted(x, "tunnel: connection lost");
		break;
	case SESSION_GRANTED:
		join(x);
		break;
	case SESSION_REFUSED:
		not_granted(x, x->transport_failure);
		break;
	}
}

static struct endpoint_health *watched(const struct session *x)
{
	return x->cluster->outlier ? x->endpoint->health : NULL;
}

static bool announce(const struct session *x)
{
	unsigned version = x->endpoint->announce;

	return !version || upstream_announce(x->px->up, x->up, version, &x->client, &x->local);
}

static void connected(struct session *x)
{
	bool tunnel = x->cluster->tunnel;

	if (watched(x))
		outlier_report_connected(x->cluster, watched(x));
	x->upstream_local = tcp_stream_tuple(x->up)->local;
	if (!announce(x) || (tunnel && !session_ask(x))) {
		refuse(x, RESPONSE_FLAG_UO);
	} else if (tunnel) {
		x->state = SESSION_ASKING;
		x->answer_by_us = x->px->now_us + x->cluster->connect_timeout_us;
		arm(x);
		read_answer(x); /* or its end: what has come already is not notified again */
	} else {
		join(x);
	}
}

static void not_connected(struct session *x, enum upstream_failure why)
{
	if (why == UPSTREAM_NO_MEMORY) {
		refuse(x, RESPONSE_FLAG_UO);
		return;
	}
	counter_inc(x->px->env.counters, CTR_UPSTREAM_CONNECT_FAILS);
	if (watched(x))
		outlier_report_failure(x->cluster, watched(x), x->px->now_us);
	fail(x, why == UPSTREAM_CONNECT_TIMEOUT ? "connection timeout" : "delayed connect error");
}

static void on_server(struct bytestream *bs, uint32_t events)
{
	struct session *x = bs->user;

	if (x->state == SESSION_ASKING)
		read_answer(x);
	else if (events & BS_CLOSED)
		not_connected(x, upstream_dial_failure(bs->error));
	else if (events & BS_CONNECTED)
		connected(x);
}

/* ---- the way to the endpoint ---- */

static uint32_t pick(const struct session *x)
{
	struct lb_state *lb = x->px->lb;
	const struct affinity *a = x->cluster->affinity;

	if (!a)
		return lb_pick(lb, x->cluster, NULL, 0);
	/* There is nothing of a connection to hash but where it comes from. */
	return lb_pick_hashed(lb, x->cluster,
			      a->key == AFFINITY_SOURCE_IP ? affinity_source_hash(&x->client.ip)
							   : lb_random(lb));
}

static void dial(struct session *x, uint32_t i)
{
	struct proxy *px = x->px;
	enum upstream_failure why;

	x->endpoint = &x->cluster->endpoints->endpoints[i];
	begun(x);
	lb_request_begin(px->lb, x->endpoint);
	if (x->cluster->affinity && x->cluster->affinity->bound_percent)
		lb_bound_begin(px->lb, x->cluster, i, &x->bound);
	x->up = upstream_dial(px->up, x->cluster, x->endpoint, &why);
	if (!x->up) {
		not_connected(x, why);
		return;
	}
	x->up->user = x;
	x->up->notify = on_server;
	arm(x);
}

/* Envoy asks for the limit before it looks for an endpoint. */
static void begin(struct session *x)
{
	const struct cluster *c = x->cluster;
	uint32_t i;

	if (!c) {
		refuse(x, RESPONSE_FLAG_NC);
		return;
	}
	if (c->breaker && !upstream_take(x->px->up, c, &x->claim)) {
		refuse(x, RESPONSE_FLAG_UO);
		return;
	}
	i = pick(x);
	if (i == LB_NONE)
		refuse(x, RESPONSE_FLAG_UH);
	else
		dial(x, i);
}

static const struct cluster *cluster_of(const struct session *x, const struct split_target *t)
{
	return snapshot_cluster(x->snap, t->cluster_id);
}

/* How long the connection may last is said by the first destination, whichever is taken. */
static void route(struct session *x, const struct tcp_route *r)
{
	const struct cluster *first;

	x->route = r;
	x->target = &r->split.targets[lb_pick_target(x->px->lb, &r->split)];
	x->cluster = cluster_of(x, x->target);
	first = cluster_of(x, &r->split.targets[0]);
	x->idle_us = first ? first->tcp_idle_us : IDLE_US;
	x->until_us = first && first->max_connection_us ? x->start_us + first->max_connection_us
							: UINT64_MAX;
}

static void know_client(struct session *x, const struct downstream *d)
{
	const struct tcp_tuple *t = tcp_stream_tuple(x->down);

	x->client = d ? d->tuple.remote : t->remote;
	x->local = d ? d->tuple.local : t->local;
	if (d && d->announced)
		x->direct = t->remote;
}

static struct session *create(struct proxy *px, struct bytestream *bs, struct conn_count *count)
{
	uint64_t cookie = tcp_stream_cookie(bs);
	struct session *x = slab_get(&px->sessions);

	if (!x)
		return NULL;
	x->px = px;
	x->down = bs;
	bs->user = x;
	bs->notify = on_client;
	x->count = count;
	x->listener_id = (uint32_t)cookie;
	x->listener_gen = (uint32_t)(cookie >> 32);
	x->start_us = px->now_us;
	x->snap = px->snap;
	snapshot_pin(x->snap, px->env.worker);
	x->next = px->relayed;
	if (px->relayed)
		px->relayed->prev = x;
	px->relayed = x;
	counter_inc(px->env.counters, CTR_SESSIONS);
	counter_inc(px->env.counters, CTR_SESSIONS_OPEN);
	return x;
}

/* As server_accept() does; a handshake that was under way when a drain began is too late. */
static struct session *admit(struct proxy *px, struct bytestream *bs)
{
	uint64_t cookie = tcp_stream_cookie(bs);
	struct conn_count *count;
	struct session *x;

	if (px->draining ||
	    !admission_enter(px, (uint32_t)cookie, (uint32_t)(cookie >> 32), &count))
		return NULL;
	x = create(px, bs, count);
	if (!x) {
		counter_inc(px->env.counters, CTR_CONNS_OVER_WORKER);
		admission_leave(px, &count);
	}
	return x;
}

void session_accept(struct proxy *px, struct bytestream *bs, const struct listener *l,
		    struct downstream *d)
{
	struct session *x = admit(px, bs);

	if (x) {
		know_client(x, d);
		route(x, l->tcp);
		begin(x);
	} else {
		bytestream_abort(bs);
	}
	if (d)
		downstream_put(d);
}

uint32_t session_count_at(struct proxy *px, const struct listener *l)
{
	uint32_t n = 0;

	for (struct session *x = px->relayed; x; x = x->next) {
		if (x->count || x->listener_id != l->id || x->listener_gen != l->gen)
			continue;
		x->count = l->count;
		n++;
	}
	return n;
}
