/* attempt.c - owns one try of a request after the other: an endpoint chosen, the request sent, what
 * became of it, and whether there is another try. */
#include <proxy/attempt.h>

#include <proxy/affinity.h>
#include <proxy/mirror.h>
#include <proxy/retry.h>
#include <proxy/transform.h>
#include <tcp/tcp.h>
#include <upstream/outlier.h>

/* That of a try runs from the moment it has all of the request. */
static void start_try_timeout(struct stream *s)
{
	if (!s->try_timeout_us)
		return;
	s->try_at_us = s->px->now_us + s->try_timeout_us;
	stream_arm(s);
}

/* False: the exchange is over, or waits for another try. */
bool attempt_end_request(struct stream *s)
{
	struct exchange_end *up = upstream_end(s->up);

	if (s->copies)
		mirror_end(s);
	s->request_done = true;
	stream_start_timeout(s);
	start_try_timeout(s);
	if (up->ops->send_end(up))
		return true;
	stream_drop_upstream(s);
	attempt_lost(s, UPSTREAM_NO_MEMORY);
	return false;
}

static bool send_body_again(struct stream *s)
{
	struct exchange_end *up = upstream_end(s->up);
	struct mbq data;

	mbq_init(&data);
	if (s->copy) {
		mirror_take_pending(s, &data);
		return up->ops->send_data(up, &data);
	}
	if (h1_share(&s->body, &data, s->px->env.pool))
		return up->ops->send_data(up, &data);
	mbq_free(&data);
	return false;
}

/* False: as above. */
bool attempt_send(struct stream *s, struct http_head *h)
{
	struct exchange_end *up = upstream_end(s->up);
	const struct tcp_tuple *t = upstream_tuple(s->up);
	bool empty;

	s->state = STREAM_OPEN;
	s->upstream_remote = t->remote;
	s->upstream_local = t->local;
	if (!transform_request(s, h)) {
		stream_refuse(s, REPLY_TOO_LONG);
		return false;
	}
	upstream_expect(s->up, h->method_id, h->upgrade_websocket);
	if (!up->ops->send_head(up, h, &s->px->extra)) {
		stream_drop_upstream(s);
		attempt_lost(s, UPSTREAM_NO_MEMORY);
		return false;
	}
	if (s->body.bytes && !send_body_again(s)) {
		stream_drop_upstream(s);
		attempt_lost(s, UPSTREAM_NO_MEMORY);
		return false;
	}
	empty = http_has_no_body(h);
	if (unlikely(s->copy))
		mirror_reached(s);
	if (s->route->actions && s->route->actions->n_mirrors && !s->copy && !s->mirrored)
		mirror_begin(s, h);
	/* Done already when this is another try. */
	return !(s->request_done || empty) || attempt_end_request(s);
}

/* By the cluster's limits. False: the request waits for a connection, or is over. */
static bool admit(struct stream *s)
{
	if (upstream_admit(s->px->up, s->cluster, &s->claim, s))
		return true;
	s->state = STREAM_CONNECTING;
	if (!s->claim.queued)
		attempt_lost(s, UPSTREAM_OVERFLOW);
	return false;
}

/* h: the parsed head, or NULL when it must be parsed again. True when the head is sent and the body
 * may follow; false: not yet, or the exchange is over. */
bool attempt_begin(struct stream *s, struct http_head *h, bool fresh)
{
	struct proxy *px = s->px;
	enum upstream_failure why;
	const struct endpoint *e;
	uint32_t avoid =
		s->route->retry.same_hosts ? 0 : RTE_MIN(s->tries, (uint32_t)STREAM_TRIES_MAX);
	uint32_t i;

	if (unlikely(s->cluster->breaker) && !admit(s))
		return false;
	i = s->cluster->affinity ? affinity_pick(s, h)
				 : lb_pick(px->lb, s->cluster, s->tried, avoid);
	if (i == LB_NONE) {
		stream_refuse(s, REPLY_NO_HEALTHY_UPSTREAM);
		return false;
	}
	e = &s->cluster->endpoints->endpoints[i];
	if (s->tries < STREAM_TRIES_MAX)
		s->tried[s->tries] = e->id;
	s->tries++;
	s->version = e->version;
	s->endpoint_id = e->id;
	s->endpoint_gen = e->gen;
	s->health = e->health;
	s->tally = unlikely(s->cluster->checks) && s->cluster->checks->of[i]
			   ? s->cluster->checks->tally
			   : NULL;
	s->upstream_remote = e->addr;
	s->state = STREAM_CONNECTING;
	s->up = upstream_acquire(px->up, s->cluster, e, fresh, s, &s->claim, &s->reused, &why);
	if (!s->up && s->claim.queued) {
		s->tries--;
		return false;
	}
	if (!s->up) {
		attempt_lost(s, why);
		return false;
	}
	upstream_set_patient(s->up, s->copy);
	lb_request_begin(px->lb, e);
	if (unlikely(s->cluster->affinity && s->cluster->affinity->bound_percent))
		lb_bound_begin(px->lb, s->cluster, i, &s->bound);
	s->counted = true;
	return s->reused && attempt_send(s, h ? h : stream_reparse(s));
}

/* ---- retry (reference 2.4.6) ---- */

/* RFC 9110 9.2.2: may be repeated by a proxy without asking. */
static bool is_idempotent(uint8_t method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_PUT ||
	       method == HTTP_DELETE || method == HTTP_OPTIONS || method == HTTP_TRACE;
}

static bool can_repeat(const struct stream *s)
{
	return !s->request_started || s->keeps_body;
}

/* Gives up this try for another one later, if the policy wants one for what has happened, the
 * request can be repeated and its time is not over before that. */
bool attempt_repeat(struct stream *s, uint32_t condition)
{
	const struct retry_policy *r = &s->route->retry;
	uint64_t at;

	if (!can_repeat(s) || s->tries > s->attempts || !(r->on & condition))
		return false;
	at = s->px->now_us + retry_backoff_us(r, s->tries, lb_random(s->px->lb));
	if (s->timeout_at_us && at >= s->timeout_at_us)
		return false;
	if (!upstream_retry_begin(s->cluster, &s->claim)) {
		s->flags |= RESPONSE_FLAG_UO;
		return false;
	}
	stream_drop_upstream(s);
	s->state = STREAM_WAITING;
	s->resume_at_us = at;
	s->try_at_us = 0;
	counter_inc(s->px->env.counters, CTR_UPSTREAM_RETRIES);
	stream_arm(s);
	return true;
}

/* Flag URX: the last of several tries ended like those before it. */
void attempt_note_exhausted(struct stream *s, uint32_t condition)
{
	const struct retry_policy *r = &s->route->retry;

	if (s->attempts && s->tries > s->attempts && (r->on & condition))
		s->flags |= RESPONSE_FLAG_URX;
}

static const enum reply_kind failure_reply[] = {
	[UPSTREAM_CONNECT_REFUSED] = REPLY_CONNECT_FAILURE,
	[UPSTREAM_CONNECT_TIMEOUT] = REPLY_CONNECT_TIMEOUT,
	[UPSTREAM_RESET] = REPLY_UPSTREAM_RESET,
	[UPSTREAM_PROTOCOL] = REPLY_UPSTREAM_PROTOCOL,
	[UPSTREAM_NO_MEMORY] = REPLY_OVERLOADED,
	[UPSTREAM_OVERFLOW] = REPLY_OVERLOADED,
	[UPSTREAM_CANCELLED] = REPLY_UPSTREAM_CANCELLED,
	[UPSTREAM_REFUSED] = REPLY_UPSTREAM_REFUSED,
	[UPSTREAM_UNPROCESSED] = REPLY_UPSTREAM_REFUSED,
	[UPSTREAM_NO_UPGRADE] = REPLY_NO_UPGRADE,
};

/* The try's endpoint gave no answer, or not all of it. */
void attempt_note_failure(struct stream *s)
{
	if (unlikely(s->health && s->cluster->outlier))
		outlier_report_failure(s->cluster, s->health, s->px->now_us);
	s->health = NULL;
}

static bool is_endpoints_fault(enum upstream_failure why)
{
	return why != UPSTREAM_NO_MEMORY && why != UPSTREAM_OVERFLOW &&
	       why != UPSTREAM_UNPROCESSED && why != UPSTREAM_NO_UPGRADE;
}

/* A request that no server can have acted upon goes on elsewhere, whatever the policy says. False:
 * it does not. */
static bool go_elsewhere(struct stream *s, enum upstream_failure why)
{
	/* A pooled connection may have been closed by the server just as it was chosen: that
	 * says nothing about the server, and the request has not been looked at. */
	bool stale = why == UPSTREAM_RESET && s->reused && is_idempotent(s->method);

	if (!(stale || why == UPSTREAM_UNPROCESSED) || !can_repeat(s) ||
	    s->tries >= STREAM_TRIES_MAX)
		return false;
	counter_inc(s->px->env.counters, CTR_UPSTREAM_RETRIES);
	/* The next one is not stale; a server that takes nothing on is tried so often at most. */
	if (stale)
		s->tries--;
	attempt_begin(s, NULL, true);
	return true;
}

/* The upstream connection is gone and there is no response to pass on. */
static void fail(struct stream *s, enum upstream_failure why)
{
	uint32_t condition = retry_on_failure(why, s->state != STREAM_CONNECTING);

	if (go_elsewhere(s, why))
		return;
	if (is_endpoints_fault(why))
		attempt_note_failure(s);
	if (unlikely(s->copy) &&
	    (why == UPSTREAM_CONNECT_REFUSED || why == UPSTREAM_CONNECT_TIMEOUT))
		mirror_refused(s);
	if (attempt_repeat(s, condition))
		return;
	if (why == UPSTREAM_CONNECT_REFUSED)
		s->transport_failure = "delayed connect error";
	attempt_note_exhausted(s, condition);
	stream_refuse(s, failure_reply[why]);
}

#define AFTER(reason) "upstream_reset_after_response_started{" reason "}"

/* What a response that has begun is cut short by. */
static const struct {
	enum response_flag flag;
	const char *details;
} broken[] = {
	[UPSTREAM_RESET] = {RESPONSE_FLAG_UC, AFTER("connection_termination")},
	[UPSTREAM_PROTOCOL] = {RESPONSE_FLAG_UPE, AFTER("protocol_error")},
	[UPSTREAM_NO_MEMORY] = {RESPONSE_FLAG_UO, AFTER("overflow")},
	[UPSTREAM_CANCELLED] = {RESPONSE_FLAG_UR, AFTER("remote_reset")},
	[UPSTREAM_REFUSED] = {RESPONSE_FLAG_UR, AFTER("remote_refused_stream_reset")},
	[UPSTREAM_UNPROCESSED] = {RESPONSE_FLAG_UR, AFTER("remote_refused_stream_reset")},
};

/* The upstream connection is gone before its response was complete. */
void attempt_lost(struct stream *s, enum upstream_failure why)
{
	s->up = NULL;
	stream_leave_endpoint(s);
	if (s->state == STREAM_RESPONDING && is_endpoints_fault(why))
		attempt_note_failure(s);
	if (s->state != STREAM_RESPONDING)
		fail(s, why);
	else
		stream_break(s, broken[why].flag, broken[why].details);
}

/* This try did. A response that has begun may take as long as all of it may. */
void attempt_give_up(struct stream *s)
{
	s->try_at_us = 0;
	stream_arm(s);
	if (s->state == STREAM_RESPONDING)
		return;
	attempt_note_failure(s);
	if (attempt_repeat(s, retry_on_timeout()))
		return;
	attempt_note_exhausted(s, retry_on_timeout());
	stream_refuse(s, REPLY_TRY_TIMEOUT);
}
