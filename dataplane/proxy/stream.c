/* stream.c - a request's life between its two ends: begun, routed, relayed, timed, ended. Its tries
 * are attempt.c's, the bytes are the codecs'. */
#include <proxy/stream.h>

#include <stdio.h>

#include <net/net.h>
#include <proxy/account.h>
#include <proxy/actions.h>
#include <proxy/attempt.h>
#include <proxy/mirror.h>
#include <proxy/patience.h>
#include <proxy/reply.h>
#include <proxy/retry.h>
#include <proxy/server.h>
#include <proxy/transform.h>
#include <proxy/tunnel.h>
#include <tcp/tcp.h>
#include <upstream/health.h>
#include <upstream/outlier.h>

/* Of a request's body, kept to be sent again (Envoy's default buffer limit). */
#define KEPT_BYTES_MAX (1u << 20)

/* Details of a response that could not be written. */
static const char no_memory[] = "overload";

void stream_arm(struct stream *s)
{
	uint64_t at = s->timeout_at_us ? s->timeout_at_us : UINT64_MAX;

	if (s->resume_at_us && s->resume_at_us < at)
		at = s->resume_at_us;
	if (s->try_at_us && s->try_at_us < at)
		at = s->try_at_us;
	if (at == UINT64_MAX)
		wheel_cancel(&s->px->wheel, &s->timer);
	else
		wheel_arm(&s->px->wheel, &s->timer, at);
}

/* ---- the end ---- */

void stream_leave_endpoint(struct stream *s)
{
	if (s->counted)
		lb_request_end(s->px->lb, s->endpoint_id, s->endpoint_gen);
	if (unlikely(s->bound.counted))
		lb_bound_end(s->px->lb, &s->bound);
	s->counted = false;
	if (unlikely(s->claim.seat))
		upstream_release(s->px->up, &s->claim);
}

void stream_drop_upstream(struct stream *s)
{
	struct exchange_end *e = s->up ? upstream_end(s->up) : NULL;

	s->up = NULL;
	stream_leave_endpoint(s);
	if (e)
		e->ops->reset(e);
}

/* The body cannot be sent again from now on. */
static void forget_body(struct stream *s)
{
	s->px->kept -= s->body.n;
	mbq_free(&s->body);
	s->keeps_body = false;
}

/* Accounts for the exchange and frees it. down is told unless it is gone already. */
void stream_finish(struct stream *s, bool whole)
{
	struct proxy *px = s->px;
	struct exchange_end *down = s->down;
	bool copy = s->copy;

	s->end_us = px->now_us;
	if (unlikely(s->copies || s->copy))
		mirror_leave(s);
	account_request(s);
	if (s->up) {
		upstream_put(s->up);
		s->up = NULL;
	}
	stream_leave_endpoint(s);
	upstream_retry_end(&s->claim);
	wheel_cancel(&px->wheel, &s->timer);
	mbq_free(&s->head);
	forget_body(s);
	snapshot_unpin(s->snap, px->env.worker);
	slab_put(&px->streams, s);
	counter_add(px->env.counters, CTR_HTTP_ACTIVE, -1);
	if (down && !copy)
		server_stream_done(down, whole);
}

/* The response cannot be completed: the client must see that. */
void stream_break(struct stream *s, enum response_flag flag, const char *details)
{
	s->flags |= flag;
	s->details = details;
	stream_drop_upstream(s);
	stream_finish(s, false);
}

void stream_cut(struct stream *s)
{
	stream_drop_upstream(s);
	stream_finish(s, false);
}

void stream_answer(struct stream *s, uint16_t status, struct slice text, const char *details)
{
	struct proxy *px = s->px;
	bool sent;

	s->status = status;
	s->details = details;
	counter_inc(px->env.counters, CTR_HTTP_LOCAL_REPLIES);
	sent = reply_send(px, s->down, status, text);
	if (s->method != HTTP_HEAD)
		s->bytes_sent = px->reply.length;
	stream_finish(s, sent);
}

void stream_answer_grpc(struct stream *s, unsigned grpc_status, struct slice message,
			const char *details)
{
	struct http_extra *x = &s->px->extra;
	char digits[12];

	snprintf(digits, sizeof(digits), "%u", grpc_status);
	http_extra_add(x, SLICE("content-type"), SLICE("application/grpc"));
	http_extra_add(x, SLICE("grpc-status"), slice_str(digits));
	if (message.n)
		http_extra_add(x, SLICE("grpc-message"), message);
	stream_answer(s, 200, SLICE(""), details);
}

void stream_reply(struct stream *s, const struct reply *r, uint16_t status)
{
	struct proxy *px = s->px;
	char buf[REPLY_TEXT_MAX];
	struct slice text = reply_text(r, s->tries > 1, buf);

	stream_drop_upstream(s);
	s->flags |= r->flag;
	px->extra.n = 0;
	if (r->flag == RESPONSE_FLAG_UO)
		http_extra_add(&px->extra, SLICE("x-envoy-overloaded"), SLICE("true"));
	else if (r->flag == RESPONSE_FLAG_RL)
		http_extra_add(&px->extra, SLICE("x-envoy-ratelimited"), SLICE("true"));
	if (s->route && s->route->actions)
		actions_on_reply(s);
	if (!status)
		status = r->status;
	if (s->grpc)
		stream_answer_grpc(s, reply_grpc_status(status), text, r->details);
	else
		stream_answer(s, status, text, r->details);
}

void stream_refuse(struct stream *s, enum reply_kind kind)
{
	stream_reply(s, &replies[kind], 0);
}

void stream_abandon(struct stream *s, enum response_flag flag, uint16_t status, const char *details)
{
	s->down = NULL;
	s->flags |= flag;
	s->details = details;
	if (s->state != STREAM_RESPONDING)
		s->status = status;
	if (flag == RESPONSE_FLAG_DC)
		counter_inc(s->px->env.counters, CTR_HTTP_CLIENT_ABORTS);
	stream_drop_upstream(s);
	stream_finish(s, false);
}

/* ---- towards an upstream ---- */

/* The head again, from the bytes kept: for a connection that had to be opened first, and for
 * retries. It parsed once, so it parses now. */
struct http_head *stream_reparse(struct stream *s)
{
	struct proxy *px = s->px;
	uint32_t scanned = 0;

	proxy_read_request(px, &s->head, &scanned, &px->relinear);
	return &px->req;
}

/* The route's timeout runs from the moment the request is complete, over all tries. */
void stream_start_timeout(struct stream *s)
{
	if (!s->timeout_us || s->timeout_at_us)
		return;
	s->timeout_at_us = s->px->now_us + s->timeout_us;
	stream_arm(s);
}

static void on_failed(void *user, enum upstream_failure why)
{
	attempt_lost(user, why);
}

void stream_delay(struct stream *s, uint64_t us)
{
	s->state = STREAM_DELAYED;
	s->resume_at_us = s->px->now_us + us;
	stream_arm(s);
}

static bool go_on(struct stream *s, struct http_head *h);

/* All of it took too long. */
static void give_up(struct stream *s)
{
	if (s->up)
		attempt_note_failure(s);
	if (s->state == STREAM_RESPONDING)
		stream_break(s, RESPONSE_FLAG_UT, "response_timeout");
	else
		stream_refuse(s, REPLY_TIMEOUT);
}

/* A wait is over. */
static void resume(struct stream *s)
{
	struct exchange_end *down = s->down;

	s->resume_at_us = 0;
	stream_arm(s);
	/* The body waited for this. */
	if (s->state == STREAM_DELAYED ? go_on(s, stream_reparse(s))
				       : attempt_begin(s, NULL, false))
		down->ops->resume(down);
}

void stream_timer(struct stream *s)
{
	uint64_t now = s->px->now_us;

	if (s->tunnel)
		tunnel_timer(s);
	else if (s->timeout_at_us && s->timeout_at_us <= now)
		give_up(s);
	else if (s->try_at_us && s->try_at_us <= now)
		attempt_give_up(s);
	else if (s->resume_at_us && s->resume_at_us <= now)
		resume(s);
	else
		stream_arm(s);
}

uint64_t stream_active_us(const struct stream *s)
{
	uint64_t taken_us = s->up ? upstream_taken_us(s->up) : 0;

	return RTE_MAX(s->active_us, taken_us);
}

void stream_idle(struct stream *s)
{
	if (s->state == STREAM_RESPONDING)
		stream_break(s, RESPONSE_FLAG_SI, "stream_idle_timeout");
	else
		stream_refuse(s, REPLY_IDLE_TIMEOUT);
}

/* ---- from the upstream ---- */

static void on_ready(void *user)
{
	struct stream *s = user;
	struct exchange_end *down = s->down;

	/* The body waited for this. */
	if (attempt_send(s, stream_reparse(s)))
		down->ops->resume(down);
}

static void on_admitted(void *user)
{
	struct stream *s = user;
	struct exchange_end *down = s->down;

	/* The body waited for this. */
	if (attempt_begin(s, NULL, false))
		down->ops->resume(down);
}

static void on_interim(void *user, const struct http_head *h)
{
	struct stream *s = user;

	s->active_us = s->px->now_us;
	/* HTTP/1.0 knows no interim responses; an unasked-for 100 means nothing to anybody. */
	if (s->minor == 0 || (h->status == 100 && !s->expects_continue))
		return;
	s->px->extra.n = 0;
	/* Without memory nothing of it is sent, and the client can do without. */
	s->down->ops->send_head(s->down, h, &s->px->extra);
}

/* Of an endpoint that somebody watches. */
static __rte_noinline void note_response(struct stream *s, const struct http_head *h)
{
	if (s->cluster->outlier)
		outlier_report_status(s->cluster, s->health, h->status, s->px->now_us);
	if (s->tally && http_has(h, HTTP_FIELD_X_ENVOY_HEALTH_FAIL))
		health_leave_alone(s->health, s->tally);
}

static void on_response(void *user, const struct http_head *head)
{
	struct stream *s = user;
	struct http_head *h = &s->px->resp;
	uint32_t condition = retry_on_response(&s->route->retry, h);

	(void)head; /* the same object: the codec parses into our scratch */
	if (unlikely(s->health))
		note_response(s, h);
	if (attempt_repeat(s, condition))
		return;
	attempt_note_exhausted(s, condition);
	forget_body(s);
	s->response_us = s->active_us = s->px->now_us;
	s->status = h->status;
	s->details = "via_upstream";
	s->state = STREAM_RESPONDING;
	transform_response(s, h);
	if (!s->down->ops->send_head(s->down, h, &s->px->extra))
		stream_break(s, RESPONSE_FLAG_UO, no_memory);
}

static void on_data(void *user, struct mbq *data)
{
	struct stream *s = user;

	s->bytes_sent += data->bytes;
	s->active_us = s->px->now_us;
	if (!s->down->ops->send_data(s->down, data))
		stream_break(s, RESPONSE_FLAG_UO, no_memory);
}

static void on_end(void *user)
{
	struct stream *s = user;

	if (s->down->ops->send_end(s->down))
		stream_finish(s, true);
	else
		stream_break(s, RESPONSE_FLAG_UO, no_memory);
}

static bool on_can_take(void *user)
{
	struct stream *s = user;

	return s->down->ops->can_send(s->down);
}

static void on_writable(void *user)
{
	struct stream *s = user;

	s->down->ops->resume(s->down);
}

static void on_upgraded(void *user, const struct http_head *head, uint32_t used)
{
	struct stream *s = user;
	struct http_head *h = &s->px->resp;

	(void)head;
	s->response_us = s->px->now_us;
	s->status = h->status;
	s->details = "via_upstream";
	s->state = STREAM_RESPONDING;
	transform_response(s, h);
	if (!s->down->ops->send_head(s->down, h, &s->px->extra)) {
		stream_break(s, RESPONSE_FLAG_UO, no_memory);
		return;
	}
	counter_inc(s->px->env.counters, CTR_HTTP_UPGRADES);
	tunnel_start(s, used);
}

/* A copy outlives the client, so that nothing may be kept for it. */
static struct upstream_client on_client(void *user)
{
	struct stream *s = user;

	return (struct upstream_client){
		.source = &s->client,
		.destination = &s->local,
		.kept = s->copy ? NULL : server_kept(s->down),
	};
}

const struct upstream_user stream_upstream_user = {
	.client = on_client,
	.ready = on_ready,
	.interim = on_interim,
	.response = on_response,
	.data = on_data,
	.end = on_end,
	.writable = on_writable,
	.failed = on_failed,
	.can_take = on_can_take,
	.upgraded = on_upgraded,
	.admitted = on_admitted,
};

/* ---- from the client ---- */

bool stream_can_take_request(struct stream *s)
{
	struct exchange_end *up;

	if (!s->up || s->state < STREAM_OPEN || s->state >= STREAM_WAITING)
		return false;
	up = upstream_end(s->up);
	return up->ops->can_send(up);
}

/* A body that gets too long, or for which there is no room, is not kept: then there is one try. */
static void keep(struct stream *s, const struct mbq *data)
{
	struct proxy *px = s->px;
	uint32_t before = s->body.n;
	bool room =
		s->body.bytes + data->bytes <= KEPT_BYTES_MAX && px->kept + data->n <= px->kept_max;
	bool kept = room && h1_share(data, &s->body, px->env.pool);

	px->kept += s->body.n - before;
	if (kept)
		return;
	counter_inc(px->env.counters, CTR_RETRY_BODY_DROPPED);
	forget_body(s);
}

void stream_request_data(struct stream *s, struct mbq *data)
{
	struct exchange_end *up = upstream_end(s->up);

	if (!s->request_started)
		s->keeps_body =
			retry_keeps_body(&s->route->retry, s->grpc, s->cluster->http2 != NULL);
	if (s->keeps_body)
		keep(s, data);
	if (s->copies)
		mirror_data(s, data);
	s->request_started = true;
	s->bytes_received += data->bytes;
	s->active_us = s->px->now_us;
	if (!up->ops->send_data(up, data)) {
		stream_drop_upstream(s);
		attempt_lost(s, UPSTREAM_NO_MEMORY);
	}
}

void stream_request_end(struct stream *s)
{
	attempt_end_request(s);
}

void stream_writable(struct stream *s)
{
	struct exchange_end *up = s->up ? upstream_end(s->up) : NULL;

	if (up)
		up->ops->resume(up);
}

/* ---- routing ---- */

/* To a cluster of the route's. True: as attempt_begin(). */
static bool forward(struct stream *s, struct http_head *h)
{
	s->target = &s->route->split.targets[lb_pick_target(s->px->lb, &s->route->split)];
	s->cluster_name = s->target->cluster_name;
	s->cluster = s->target->cluster_id == WEIR_ID_NONE
			     ? NULL
			     : snapshot_cluster(s->snap, s->target->cluster_id);
	if (!s->cluster) {
		stream_refuse(s, REPLY_NO_CLUSTER);
		return false;
	}
	patience_set(s, h);
	if (http_has_no_body(h))
		stream_start_timeout(s);
	return attempt_begin(s, h, false);
}

/* A fault's delay is over, or there was none. */
static bool go_on(struct stream *s, struct http_head *h)
{
	return actions_go_on(s, h) && forward(s, h);
}

static void route(struct stream *s, const struct listener *l, struct http_head *h)
{
	struct proxy *px = s->px;
	const struct vhost *vh = l ? match_host(l, h->authority) : NULL;

	if (vh && h->method_id != HTTP_CONNECT) {
		s->route = match_route(px->match, vh, h, SLICE("http"), &s->client.ip,
				       s->snap->scratch[px->env.worker]);
		if (unlikely(match_failed(px->match)))
			counter_inc(px->env.counters, CTR_HTTP_MATCH_FAILURES);
	}
	if (!s->route)
		stream_refuse(s, REPLY_NO_ROUTE);
	else if (likely(!s->route->actions))
		forward(s, h);
	else if (!actions_refuse(s) && !actions_delay(s))
		go_on(s, h);
}

static bool is_grpc(const struct http_head *h)
{
	const struct http_field *f = http_find(h, HTTP_FIELD_CONTENT_TYPE);
	struct slice grpc = SLICE("application/grpc");

	return f && f->value.n >= grpc.n && slice_eq_nocase(slice_of(f->value.p, grpc.n), grpc);
}

bool stream_begin(struct proxy *px, struct exchange_end *down, const struct tcp_tuple *t,
		  const struct net_addr *direct, const struct listener *l, struct http_head *h,
		  struct mbq *head)
{
	struct stream *s = slab_get(&px->streams);

	if (!s)
		return false;
	s->px = px;
	s->down = down;
	s->head = *head;
	mbq_init(head);
	s->snap = px->snap;
	snapshot_pin(s->snap, px->env.worker);
	s->client = t->remote;
	s->local = t->local;
	if (unlikely(direct))
		s->direct = *direct;
	s->start_us = s->active_us = px->now_us;
	s->request_id[0] = lb_random(px->lb);
	s->request_id[1] = lb_random(px->lb);
	s->method = h->method_id;
	s->minor = h->minor;
	s->expects_continue = h->expect_continue;
	s->grpc = is_grpc(h);
	s->external = transform_is_external(&t->remote.ip, h);
	s->keep_request_id = !s->external && http_find(h, HTTP_FIELD_X_REQUEST_ID);
	counter_inc(px->env.counters, CTR_WORKER_REQUESTS);
	counter_add(px->env.counters, CTR_HTTP_ACTIVE, 1);
	server_attach(down, s);
	route(s, l, h);
	return true;
}
