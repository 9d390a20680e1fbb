/* proxy.c - one worker's HTTP context: making it, following snapshots, its clock and timers. */
#include <proxy/proxy.h>

#include <stdlib.h>
#include <time.h>

#include <http/path.h>
#include <net/net.h>
#include <proxy/account.h>
#include <proxy/admission.h>
#include <proxy/overload.h>
#include <proxy/downstream.h>
#include <proxy/mirror.h>
#include <proxy/server.h>
#include <proxy/session.h>
#include <proxy/stream.h>
#include <tcp/tcp.h>
#include <upstream/mailbox.h>
#include <upstream/prober.h>

/* Beyond the configured head size: the parser must see that a head is too long. */
#define LINEAR_SLACK  4096
#define SCRATCH_HEADS 4

/* Of all packet memory, request bodies that may be sent again take at most one part in so many. */
#define KEPT_SHARE 16

/* Of all requests in progress, copies for mirrors are at most one in so many. */
#define MIRRORED_SHARE 32
#define MIRRORED_MIN   16u

static void fire(void *arg, struct wheel_timer *t)
{
	struct proxy *px = arg;

	if (slab_owns(&px->servers, t))
		server_timer(px, t);
	else if (slab_owns(&px->streams, t))
		stream_timer((struct stream *)((char *)t - offsetof(struct stream, timer)));
	else if (slab_owns(&px->downstreams, t))
		downstream_timer(px, t);
	else if (slab_owns(&px->sessions, t))
		session_timer((struct session *)((char *)t - offsetof(struct session, timer)));
	else
		upstream_timer(px->up, t);
}

static bool source_address(void *owner, const struct ip_addr *dst, struct ip_addr *src)
{
	struct proxy *px = owner;
	uint16_t mtu;

	return net_route(px->env.net, dst, src, &mtu);
}

static void wake_worker(void *owner, unsigned worker)
{
	struct proxy *px = owner;

	net_wake(px->env.net, worker);
}

static bool make_upstream(struct proxy *px)
{
	struct upstream_env e = {
		.tcp = px->env.tcp,
		.pool = px->env.pool,
		.counters = px->env.counters,
		.wheel = &px->wheel,
		.linear = &px->linear,
		.head = &px->resp,
		.user_ops = &stream_upstream_user,
		.limits = px->limits,
		.now_us = &px->now_us,
		.source = source_address,
		.steer = px->env.steer,
		.owner = px,
		.worker = px->env.worker,
		.mailboxes = px->env.mailboxes,
		.wake = wake_worker,
	};

	px->up = upstream_create(&e, px->env.max_conns);
	px->prober = prober_create(&e, px->env.n_workers, px->env.seed);
	return px->up && px->prober;
}

struct proxy *proxy_create(const struct proxy_env *env)
{
	struct proxy *px = aligned_alloc(64, (sizeof(*px) + 63) & ~(size_t)63);

	if (!px)
		return NULL;
	memset(px, 0, sizeof(*px));
	px->env = *env;
	px->limits = (struct h1_limits){env->http->max_header_bytes, env->http->max_headers};
	px->linear.size = env->http->max_header_bytes + LINEAR_SLACK;
	px->linear.buf = malloc(px->linear.size);
	px->path = malloc((size_t)HTTP_PATH_GROWTH * px->linear.size);
	px->relinear.size = px->linear.size;
	px->relinear.buf = malloc(px->relinear.size);
	/* A joined X-Forwarded-For can be as long as the head it came in, and so can each of the
	 * values that a route makes of it. */
	px->scratch.size = SCRATCH_HEADS * px->linear.size;
	px->scratch.buf = malloc(px->scratch.size);
	px->regex = regex_create(env->counters);
	px->kept_max = env->pool->size / KEPT_SHARE;
	TAILQ_INIT(&px->copies);
	px->mirrored_max = RTE_MAX(env->max_conns / MIRRORED_SHARE, MIRRORED_MIN);
	px->match = match_create();
	px->lb = lb_create(env->seed);
	px->rows = request_index_create();
	wheel_init(&px->wheel, 0, fire, px);
	if (!px->linear.buf || !px->relinear.buf || !px->path || !px->scratch.buf || !px->regex ||
	    !px->match || !px->lb || !px->rows ||
	    !slab_init(&px->servers, server_size(), env->max_conns) ||
	    !slab_init(&px->downstreams, sizeof(struct downstream), env->max_conns) ||
	    !slab_init(&px->sessions, sizeof(struct session), env->max_conns) ||
	    !slab_init(&px->relays, sizeof(struct relay), env->max_conns) ||
	    !slab_init(&px->streams, sizeof(struct stream), env->max_conns) || !make_upstream(px)) {
		proxy_destroy(px);
		return NULL;
	}
	return px;
}

void proxy_destroy(struct proxy *px)
{
	if (!px)
		return;
	prober_destroy(px->prober);
	upstream_destroy(px->up);
	slab_fini(&px->streams);
	slab_fini(&px->relays);
	slab_fini(&px->sessions);
	slab_fini(&px->downstreams);
	slab_fini(&px->servers);
	request_index_destroy(px->rows);
	lb_destroy(px->lb);
	match_destroy(px->match);
	free(px->linear.buf);
	free(px->path);
	regex_destroy(px->regex);
	free(px->relinear.buf);
	free(px->scratch.buf);
	free(px);
}

void proxy_set_now(struct proxy *px, uint64_t now_us)
{
	px->now_us = now_us;
	lb_set_now(px->lb, now_us);
}

void proxy_set_scarcity(struct proxy *px, uint32_t ms)
{
	px->scarce_ms = ms;
}

void proxy_set_epoch(struct proxy *px, int64_t offset_us)
{
	px->env.epoch_offset_us = offset_us;
}

/* A snapshot not seen before: per-worker arrays follow its ids, connections to endpoints that
 * are gone are closed. Rare, so it may take its time. */
static __rte_noinline void adopt(struct proxy *px, struct snapshot *s)
{
	lb_resize(px->lb, s->n_split_ids, s->n_cluster_ids, s->n_endpoint_ids);
	upstream_adopt(px->up, s);
	prober_adopt(px->prober, s);
	px->snap = s;
	px->generation = s->generation;
	admission_adopt(px);
}

void proxy_adopt(struct proxy *px, struct snapshot *s)
{
	/* By generation: a freed snapshot's memory may come back as another one. */
	if (s && (px->snap != s || px->generation != s->generation))
		adopt(px, s);
}

const struct listener *proxy_listener(const struct proxy *px, const struct net_addr *local)
{
	static const struct ip_addr any;
	const struct listener *l;

	if (!px->snap)
		return NULL;
	l = listener_find(&px->snap->listeners, &local->ip, local->port);
	if (!l && net_is_local(px->env.net, &local->ip))
		l = listener_find(&px->snap->listeners, &any, local->port);
	return l;
}

bool proxy_admit(struct proxy *px, const struct net_addr *local, uint64_t *cookie)
{
	const struct listener *l = proxy_listener(px, local);

	if (!l || px->draining)
		return false;
	*cookie = (uint64_t)l->gen << 32 | l->id;
	return true;
}

bool proxy_captures(struct proxy *px, const struct ip_addr *ip, uint16_t port)
{
	const struct listener *l = px->snap ? listener_find(&px->snap->listeners, ip, port) : NULL;

	return l && l->kind == LISTENER_MESH;
}

static bool serve(struct proxy *px, struct bytestream *bs, const struct listener *l,
		  struct downstream *d)
{
	if (likely(!l || !l->tcp))
		return server_accept(px, bs, d);
	session_accept(px, bs, l, d);
	return false;
}

void proxy_accept(struct proxy *px, struct bytestream *bs)
{
	const struct listener *l = proxy_listener(px, &tcp_stream_tuple(bs)->local);

	if (unlikely(l && l->proxy_protocol))
		downstream_accept(px, bs);
	else
		serve(px, bs, l, NULL);
}

bool proxy_serve(struct proxy *px, struct bytestream *bs, struct downstream *d)
{
	return serve(px, bs, proxy_listener(px, &tcp_stream_tuple(bs)->local), d);
}

void proxy_turn(struct proxy *px)
{
	wheel_turn(&px->wheel, px->now_us);
	prober_turn(px->prober);
	if (unlikely(px->scarce_ms))
		overload_turn(px);
}

bool proxy_settle(struct proxy *px)
{
	return upstream_settle(px->up);
}

uint32_t proxy_copies(const struct proxy *px)
{
	return px->n_copies;
}

void proxy_begin_copies(struct proxy *px, uint32_t n)
{
	while (n-- && px->n_copies)
		mirror_go(TAILQ_FIRST(&px->copies));
}

uint32_t proxy_requests(const struct proxy *px)
{
	return px->streams.used - px->n_mirrored - px->n_tunnels;
}

bool proxy_has_mail(const struct proxy *px)
{
	return mailbox_has_mail(&px->env.mailboxes[px->env.worker]);
}

uint64_t proxy_next_timer(const struct proxy *px)
{
	uint64_t at = wheel_next(&px->wheel), other = prober_next(px->prober);

	return RTE_MIN(at, other);
}

void proxy_drain(struct proxy *px)
{
	px->draining = true;
	downstream_drain(px);
	server_drain(px);
	upstream_drain(px->up);
	prober_drain(px->prober);
}

uint32_t proxy_conns(const struct proxy *px)
{
	return px->n_conns + px->n_tunnels + px->sessions.used + px->n_awaited + px->n_mirrored;
}

int proxy_read_request(struct proxy *px, const struct mbq *q, uint32_t *scanned,
		       struct h1_linear *lin)
{
	int used = h1_read_request(&px->req, q, scanned, lin, &px->limits);

	if (used > 0 && !http_path_normalize(&px->req, px->env.http->path_normalization, px->path))
		return H1_BAD_PATH;
	return used;
}

static __rte_noinline void format_date(struct proxy *px, int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(px->date, sizeof(px->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	px->date_s = s;
}

struct slice proxy_date(struct proxy *px)
{
	int64_t s = ((int64_t)px->now_us + px->env.epoch_offset_us) / 1000000;

	if (s != px->date_s)
		format_date(px, s);
	return slice_str(px->date);
}
