/* mirror.c - owns copies of requests: their beginning, their bytes, and what ends them. */
#include <proxy/mirror.h>

#include <proxy/attempt.h>
/* Of a copy's body that waits for its upstream. */
#define PENDING_BYTES_MAX (1u << 20)

/* A copy whose route has no timeout must end some time. */
#define PATIENCE_US 15000000

/* So many connects that fail in a row make a mirror rest, first for REST_MIN_US, then twice as long
 * each time. Less would take copies from the other hosts of a cluster when one of them is dead. */
#define REST_AFTER  5u
#define REST_MIN_US 1000u
#define REST_MAX_US 1000000u

static void drop(struct proxy *px)
{
	counter_inc(px->env.counters, CTR_MIRROR_DROPPED);
}

/* ---- the end that nobody waits at ---- */

static struct stream *copy_of(struct exchange_end *e)
{
	return (struct stream *)((char *)e - offsetof(struct stream, sink));
}

static bool swallow_head(struct exchange_end *e, const struct http_head *h,
			 const struct http_extra *extra)
{
	(void)e;
	(void)h;
	(void)extra;
	return true;
}

static bool swallow_data(struct exchange_end *e, struct mbq *data)
{
	(void)e;
	mbq_free(data);
	return true;
}

static bool always(struct exchange_end *e)
{
	(void)e;
	return true;
}

static bool is_open(const struct stream *copy)
{
	return copy->up && copy->state >= STREAM_OPEN && copy->state <= STREAM_RESPONDING;
}

/* The upstream takes more: what waited, and the end if it has come. */
static void go_on(struct exchange_end *e)
{
	struct stream *copy = copy_of(e);
	struct exchange_end *up;
	struct mbq data;

	if (!is_open(copy) || !copy->body.bytes)
		return;
	up = upstream_end(copy->up);
	mbq_init(&data);
	mirror_take_pending(copy, &data);
	if (!up->ops->send_data(up, &data))
		stream_cut(copy);
	else if (copy->request_done)
		stream_request_end(copy);
}

static void nothing(struct exchange_end *e)
{
	(void)e;
}

static const struct exchange_ops sink_ops = {
	.send_head = swallow_head,
	.send_data = swallow_data,
	.send_end = always,
	.can_send = always,
	.resume = go_on,
	.reset = nothing,
};

/* ---- rests ---- */

static struct mirror_rest *place_of(struct proxy *px, const struct cluster *c)
{
	return &px->rests[c->id % MIRROR_RESTS];
}

static bool is_of(const struct mirror_rest *r, const struct cluster *c)
{
	return r->cluster_id == c->id && r->cluster_gen == c->gen;
}

static bool rests(struct proxy *px, const struct cluster *c)
{
	const struct mirror_rest *r = place_of(px, c);

	return unlikely(r->until_us > px->now_us) && is_of(r, c);
}

void mirror_refused(struct stream *copy)
{
	struct proxy *px = copy->px;
	struct mirror_rest *r = place_of(px, copy->cluster);

	if (!is_of(r, copy->cluster))
		*r = (struct mirror_rest){.cluster_id = copy->cluster->id,
					  .cluster_gen = copy->cluster->gen};
	/* Those that were under way when the rest began say nothing new. */
	if (r->until_us > px->now_us || ++r->failures < REST_AFTER)
		return;
	r->wait_us = r->wait_us ? RTE_MIN(2 * r->wait_us, REST_MAX_US) : REST_MIN_US;
	r->until_us = px->now_us + r->wait_us;
}

void mirror_reached(struct stream *copy)
{
	struct mirror_rest *r = place_of(copy->px, copy->cluster);

	if (is_of(r, copy->cluster))
		r->failures = r->wait_us = 0;
}

/* ---- begin ---- */

static void fill(struct stream *copy, struct stream *s, const struct mirror *m)
{
	copy->px = s->px;
	copy->copy = true;
	copy->sink.ops = &sink_ops;
	copy->down = &copy->sink;
	copy->snap = s->snap;
	copy->route = s->route;
	copy->target = s->target;
	copy->cluster_name = m->cluster_name;
	copy->host_suffix = m->host_suffix;
	copy->client = s->client;
	copy->local = s->local;
	copy->start_us = copy->active_us = s->px->now_us;
	copy->request_id[0] = s->request_id[0];
	copy->request_id[1] = s->request_id[1];
	copy->timeout_us = s->timeout_us ? s->timeout_us : PATIENCE_US;
	copy->method = s->method;
	copy->minor = s->minor;
	copy->external = s->external;
	copy->keep_request_id = s->keep_request_id;
	copy->grpc = s->grpc;
}

/* NULL when there is nowhere to send it, or no room for it, or its mirror rests. */
static struct stream *make(struct stream *s, const struct mirror *m)
{
	const struct cluster *cluster =
		m->cluster_id == WEIR_ID_NONE ? NULL : snapshot_cluster(s->snap, m->cluster_id);
	struct proxy *px = s->px;
	struct stream *copy;

	if (!cluster)
		return NULL;
	if (rests(px, cluster)) {
		counter_inc(px->env.counters, CTR_MIRROR_RESTED);
		return NULL;
	}
	copy = px->n_mirrored < px->mirrored_max ? slab_get(&px->streams) : NULL;
	if (!copy || !h1_share(&s->head, &copy->head, px->env.pool)) {
		if (copy) {
			mbq_free(&copy->head);
			slab_put(&px->streams, copy);
		}
		drop(px);
		return NULL;
	}
	fill(copy, s, m);
	copy->cluster = cluster;
	snapshot_pin(copy->snap, px->env.worker);
	px->n_mirrored++;
	counter_inc(px->env.counters, CTR_MIRRORED);
	counter_add(px->env.counters, CTR_HTTP_ACTIVE, 1);
	return copy;
}

static void put_off(struct stream *copy)
{
	copy->put_off = true;
	TAILQ_INSERT_TAIL(&copy->px->copies, copy, due);
	copy->px->n_copies++;
}

static void leave_queue(struct stream *copy)
{
	copy->put_off = false;
	TAILQ_REMOVE(&copy->px->copies, copy, due);
	copy->px->n_copies--;
}

void mirror_go(struct stream *copy)
{
	leave_queue(copy);
	attempt_begin(copy, NULL, false);
}

void mirror_begin(struct stream *s, const struct http_head *h)
{
	const struct route_actions *a = s->route->actions;

	s->mirrored = true;
	if (h->upgrade) /* what follows is no message */
		return;
	for (uint32_t i = 0; i < a->n_mirrors; i++) {
		const struct mirror *m = &a->mirrors[i];
		struct stream *copy = lb_chance(s->px->lb, m->share) ? make(s, m) : NULL;

		if (!copy)
			continue;
		copy->original = s;
		copy->next_copy = s->copies;
		s->copies = copy;
		put_off(copy);
	}
}

bool mirror_host(struct stream *copy, struct http_head *h)
{
	const struct slice suffix = SLICE("-shadow");
	struct slice host = h->authority;
	uint32_t name = host.n;
	char *p;

	if (!copy->host_suffix)
		return true;
	while (name > 0 && host.p[name - 1] >= '0' && host.p[name - 1] <= '9')
		name--;
	name = name > 0 && name < host.n && host.p[name - 1] == ':' ? name - 1 : host.n;
	p = scratch_take(&copy->px->scratch, host.n + suffix.n);
	if (!p)
		return false;
	memcpy(p, host.p, name);
	memcpy(p + name, suffix.p, suffix.n);
	memcpy(p + name + suffix.n, host.p + name, host.n - name);
	h->authority = slice_of(p, host.n + suffix.n);
	return true;
}

/* ---- body ---- */

void mirror_take_pending(struct stream *copy, struct mbq *data)
{
	copy->px->kept -= copy->body.n;
	mbq_append(data, &copy->body);
	/* From now on the request cannot be repeated: a copy has one try. */
	copy->request_started = true;
}

/* False: the copy gets no more, and is over. */
static bool wait_with(struct stream *copy, struct mbq *data)
{
	struct proxy *px = copy->px;

	if (copy->body.bytes + data->bytes > PENDING_BYTES_MAX ||
	    px->kept + data->n > px->kept_max) {
		mbq_free(data);
		drop(px);
		stream_cut(copy);
		return false;
	}
	px->kept += data->n;
	mbq_append(&copy->body, data);
	return true;
}

static void pass_on(struct stream *copy, const struct mbq *data)
{
	struct exchange_end *up = is_open(copy) ? upstream_end(copy->up) : NULL;
	struct mbq shared;

	mbq_init(&shared);
	if (!h1_share(data, &shared, copy->px->env.pool)) {
		mbq_free(&shared);
		drop(copy->px);
		stream_cut(copy);
		return;
	}
	if (!up || copy->body.bytes || !up->ops->can_send(up)) {
		wait_with(copy, &shared);
		return;
	}
	copy->request_started = true;
	if (!up->ops->send_data(up, &shared)) {
		drop(copy->px);
		stream_cut(copy);
	}
}

void mirror_data(struct stream *s, const struct mbq *data)
{
	for (struct stream *copy = s->copies, *next; copy; copy = next) {
		next = copy->next_copy;
		pass_on(copy, data);
	}
}

void mirror_end(struct stream *s)
{
	for (struct stream *copy = s->copies, *next; copy; copy = next) {
		next = copy->next_copy;
		if (copy->request_done)
			continue;
		if (is_open(copy) && !copy->body.bytes)
			stream_request_end(copy);
		else
			copy->request_done = true;
	}
}

/* ---- end ---- */

static void unlink_copy(struct stream *copy)
{
	struct stream **at = &copy->original->copies;

	while (*at != copy)
		at = &(*at)->next_copy;
	*at = copy->next_copy;
	copy->original = NULL;
}

void mirror_leave(struct stream *s)
{
	struct stream *copy;

	if (s->copy) {
		s->px->n_mirrored--;
		if (s->put_off)
			leave_queue(s);
		if (s->original)
			unlink_copy(s);
	}
	while ((copy = s->copies)) {
		bool whole = copy->request_done;

		unlink_copy(copy);
		if (!whole)
			stream_cut(copy);
	}
}
