/* account.c - request counters and access log records; formatting is the control thread's. */
#include <proxy/account.h>

#include <stdio.h>
#include <stdlib.h>

#include <proxy/session.h>
#include <proxy/stream.h>
#include <proxy/transform.h>
#include <tcp/tcp.h>

/* ---- istio_requests_total ---- */

struct row_key {
	const char *version; /* only valid now: the row keeps a copy */
	uint32_t cluster_id, cluster_gen;
	uint32_t flags; /* and ROW_SESSION */
	uint16_t status;
};

/* The row counts connections of TCP routes. No response flag has this bit. */
#define ROW_SESSION (1u << 31)

static_assert(RESPONSE_FLAG_DT < ROW_SESSION, "beyond the last of them");

static uint64_t hash_key(const struct row_key *k)
{
	uint64_t h = k->cluster_id ^ (uint64_t)k->status << 32 ^ (uint64_t)k->flags << 48;

	for (const char *p = k->version; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
	return h * 0x9e3779b97f4a7c15ull;
}

/* Where a key's row was found last. The version is compared by address: addresses are good as
 * long as no snapshot came or went. */
struct row_memo {
	struct row_key key;
	uint64_t generation; /* of the worker's snapshot then; 0: empty */
	struct request_stat *row;
};

#define ROW_MEMOS 64

/* Open addressing over the rows of request_stats, in the order in which keys appeared. */
struct request_index {
	uint32_t n;
	struct row_memo memos[ROW_MEMOS];
	struct row_key keys[REQUEST_STATS_ROWS];
	uint16_t row[REQUEST_STATS_ROWS * 2]; /* 0 = empty, else row + 1 */
};

struct request_index *request_index_create(void)
{
	return calloc(1, sizeof(struct request_index));
}

void request_index_destroy(struct request_index *ix)
{
	free(ix);
}

static void copy_label(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from && *from ? from : "unknown");
}

static void fill_row(struct request_stat *row, const struct row_key *k, const struct cluster *c)
{
	row->flags = k->flags & ~ROW_SESSION;
	row->status = k->status;
	row->session = k->flags & ROW_SESSION;
	copy_label(row->cluster, sizeof(row->cluster), c ? c->name : NULL);
	copy_label(row->service_host, sizeof(row->service_host), c ? c->service_host : NULL);
	copy_label(row->service_name, sizeof(row->service_name), c ? c->service_name : NULL);
	copy_label(row->service_namespace, sizeof(row->service_namespace),
		   c ? c->service_namespace : NULL);
	copy_label(row->version, sizeof(row->version), k->version);
	__atomic_store_n(&row->used, 1, __ATOMIC_RELEASE);
}

static bool same_key(const struct row_key *a, const struct row_key *b,
		     const struct request_stat *a_row)
{
	return a->cluster_id == b->cluster_id && a->cluster_gen == b->cluster_gen &&
	       a->status == b->status && a->flags == b->flags &&
	       strncmp(a_row->version, b->version, sizeof(a_row->version) - 1) == 0;
}

/* The row of a key, made on first use; NULL when the table is full. */
static struct request_stat *find_row(struct proxy *px, const struct row_key *k,
				     const struct cluster *c)
{
	struct request_index *ix = px->rows;
	struct request_stat *rows = px->env.stats->rows;
	uint32_t mask = REQUEST_STATS_ROWS * 2 - 1, i = (uint32_t)(hash_key(k) >> 40) & mask;

	for (; ix->row[i]; i = (i + 1) & mask)
		if (same_key(&ix->keys[ix->row[i] - 1], k, &rows[ix->row[i] - 1]))
			return &rows[ix->row[i] - 1];
	if (ix->n == REQUEST_STATS_ROWS)
		return NULL;
	ix->keys[ix->n] = *k;
	ix->row[i] = (uint16_t)(ix->n + 1);
	fill_row(&rows[ix->n], k, c);
	return &rows[ix->n++];
}

static bool remembers(const struct row_memo *m, const struct row_key *k, uint64_t generation)
{
	return m->generation == generation && m->key.version == k->version &&
	       m->key.cluster_id == k->cluster_id && m->key.cluster_gen == k->cluster_gen &&
	       m->key.flags == k->flags && m->key.status == k->status;
}

/* find_row(), for a key that has been there lately. */
static struct request_stat *recall_row(struct proxy *px, const struct row_key *k,
				       const struct cluster *c)
{
	uint32_t slot =
		(k->cluster_id ^ k->status ^ (uint32_t)((uintptr_t)k->version >> 4)) % ROW_MEMOS;
	struct row_memo *m = &px->rows->memos[slot];

	if (likely(px->generation && remembers(m, k, px->generation)))
		return m->row;
	*m = (struct row_memo){*k, px->generation, find_row(px, k, c)};
	return m->row;
}

static void add(uint64_t *v, uint64_t n)
{
	__atomic_store_n(v, *v + n, __ATOMIC_RELAXED);
}

static void count(struct proxy *px, const struct row_key *k, const struct cluster *c,
		  uint64_t duration_us, uint64_t in, uint64_t out)
{
	struct request_stat *row = recall_row(px, k, c);

	if (!row)
		return;
	add(&row->count, 1);
	add(&row->duration_us, duration_us);
	add(&row->request_bytes, in);
	add(&row->response_bytes, out);
}

/* ---- access log ---- */

struct text_out {
	struct log_record *r;
	uint32_t used;
};

/* What a client may fill of a record; the rest is left for the gateway's own texts. */
static const uint16_t text_max[LOG_TEXTS] = {
	[LOG_METHOD] = 32,     [LOG_PATH] = 512,
	[LOG_AUTHORITY] = 192, [LOG_USER_AGENT] = 128,
	[LOG_REQUEST_ID] = 64, [LOG_FORWARDED_FOR] = 96,
	[LOG_ROUTE_NAME] = 96, [LOG_UPSTREAM_CLUSTER] = 192,
	[LOG_DETAILS] = 96,    [LOG_TRANSPORT_FAILURE] = 64,
};

/* Appends a text; a long one is cut. */
static void put(struct text_out *o, enum log_text id, struct slice s)
{
	uint32_t room = LOG_TEXT_MAX - o->used, n = RTE_MIN(s.n, (uint32_t)text_max[id]);

	n = RTE_MIN(n, room);

	if (n)
		memcpy(o->r->text + o->used, s.p, n);
	o->r->text_len[id] = (uint16_t)n;
	o->used += n;
}

static struct slice value_of(const struct http_head *h, enum http_field_id id)
{
	const struct http_field *f = http_find(h, id);

	return f ? f->value : slice_of("", 0);
}

static struct slice text_or_none(const char *s)
{
	return slice_str(s ? s : "");
}

static void put_request(struct text_out *o, struct stream *s)
{
	const struct http_head *h = stream_reparse(s);
	char id[UUID_LEN];

	put(o, LOG_METHOD, h->method);
	put(o, LOG_PATH, h->method_id == HTTP_CONNECT ? h->target : h->path);
	put(o, LOG_AUTHORITY, h->authority);
	put(o, LOG_USER_AGENT, value_of(h, HTTP_FIELD_USER_AGENT));
	put(o, LOG_REQUEST_ID, transform_request_id(s, h, id));
	scratch_reset(&s->px->scratch);
	put(o, LOG_FORWARDED_FOR, transform_forwarded_for(s, h));
}

static struct log_record *reserve(struct proxy *px)
{
	struct log_record *r = log_ring_reserve(px->env.log);

	if (!r)
		counter_inc(px->env.counters, CTR_LOG_DROPPED);
	return r;
}

static void log_request(struct stream *s)
{
	struct proxy *px = s->px;
	struct log_record *r = reserve(px);
	struct text_out o = {.r = r};

	if (!r)
		return;
	memset(r, 0, offsetof(struct log_record, text));
	r->start_us = s->start_us + (uint64_t)px->env.epoch_offset_us;
	r->duration_us = s->end_us - s->start_us;
	r->upstream_us = s->response_us ? s->response_us - s->start_us : UINT64_MAX;
	r->bytes_received = s->bytes_received;
	r->bytes_sent = s->bytes_sent;
	r->status = s->status;
	r->minor = s->minor;
	r->flags = s->flags;
	r->downstream_remote = s->client;
	r->downstream_local = s->local;
	r->downstream_direct = s->direct;
	r->upstream_remote = s->upstream_remote;
	r->upstream_local = s->upstream_local;
	put_request(&o, s);
	put(&o, LOG_ROUTE_NAME, text_or_none(s->route ? s->route->name : NULL));
	put(&o, LOG_UPSTREAM_CLUSTER, text_or_none(s->cluster_name));
	put(&o, LOG_DETAILS, text_or_none(s->details));
	put(&o, LOG_TRANSPORT_FAILURE, text_or_none(s->transport_failure));
	log_ring_commit(px->env.log);
}

void account_request(struct stream *s)
{
	struct row_key k = {
		.version = s->version ? s->version : "unknown",
		.cluster_id = s->cluster ? s->cluster->id : WEIR_ID_NONE,
		.cluster_gen = s->cluster ? s->cluster->gen : 0,
		.flags = s->flags,
		.status = s->status,
	};

	count(s->px, &k, s->cluster, s->end_us - s->start_us, s->bytes_received, s->bytes_sent);
	if (s->px->env.log && !s->copy)
		log_request(s);
}

/* ---- connections of TCP routes ---- */

static struct row_key session_key(const struct session *x, uint32_t flags)
{
	return (struct row_key){
		.version = x->endpoint ? x->endpoint->version : "unknown",
		.cluster_id = x->cluster ? x->cluster->id : WEIR_ID_NONE,
		.cluster_gen = x->cluster ? x->cluster->gen : 0,
		.flags = flags | ROW_SESSION,
	};
}

static void log_session(const struct session *x)
{
	struct proxy *px = x->px;
	struct log_record *r = reserve(px);
	struct text_out o = {.r = r};

	if (!r)
		return;
	memset(r, 0, offsetof(struct log_record, text));
	r->start_us = x->start_us + (uint64_t)px->env.epoch_offset_us;
	r->duration_us = x->end_us - x->start_us;
	r->upstream_us = UINT64_MAX;
	r->bytes_received = x->relay.bytes[RELAY_CLIENT];
	r->bytes_sent = x->relay.bytes[RELAY_SERVER];
	r->session = true;
	r->flags = x->flags;
	r->downstream_remote = x->client;
	r->downstream_local = x->local;
	r->downstream_direct = x->direct;
	if (x->endpoint)
		r->upstream_remote = x->endpoint->addr;
	r->upstream_local = x->upstream_local;
	put(&o, LOG_UPSTREAM_CLUSTER, text_or_none(x->target->cluster_name));
	put(&o, LOG_TRANSPORT_FAILURE, text_or_none(x->transport_failure));
	log_ring_commit(px->env.log);
}

void account_session_begin(const struct session *x)
{
	struct row_key k = session_key(x, 0);
	struct request_stat *row = recall_row(x->px, &k, x->cluster);

	if (row)
		add(&row->opened, 1);
}

void account_session(const struct session *x)
{
	struct row_key k = session_key(x, x->flags);

	count(x->px, &k, x->cluster, x->end_us - x->start_us, x->relay.bytes[RELAY_CLIENT],
	      x->relay.bytes[RELAY_SERVER]);
	if (x->px->env.log)
		log_session(x);
}

void account_refused(struct proxy *px, const struct tcp_tuple *t, const struct net_addr *direct,
		     uint16_t status, enum response_flag flag, const char *details)
{
	const struct row_key k = {
		.version = "unknown",
		.cluster_id = WEIR_ID_NONE,
		.flags = flag,
		.status = status,
	};
	struct text_out o;

	count(px, &k, NULL, 0, 0, 0);
	if (!px->env.log || !(o.r = reserve(px)))
		return;
	memset(o.r, 0, offsetof(struct log_record, text));
	o.used = 0;
	o.r->start_us = px->now_us + (uint64_t)px->env.epoch_offset_us;
	o.r->upstream_us = UINT64_MAX;
	o.r->status = status;
	o.r->minor = 1;
	o.r->flags = flag;
	o.r->downstream_remote = t->remote;
	o.r->downstream_local = t->local;
	if (direct)
		o.r->downstream_direct = *direct;
	put(&o, LOG_DETAILS, slice_str(details));
	log_ring_commit(px->env.log);
}
