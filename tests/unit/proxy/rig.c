/* rig.c - builds the snapshot by hand, turns the proxy's loop, and takes stock at the end. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <lb/state.h>
#include <rte_mempool.h>

#include "../../eal.h"

#define POOL_MBUFS 4096
#define START_US   1000000
/* More passes than any exchange of a test needs: a loop that makes no progress. */
#define PASSES_MAX 100000

static struct rte_mempool *pool, *wire;

int rig_global_setup(void **state)
{
	(void)state;
	if (!test_eal_init("test", "64"))
		return -1;
	pool = rte_pktmbuf_pool_create("proxy", POOL_MBUFS, 0, sizeof(struct pkt_priv),
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	wire = rte_pktmbuf_pool_create("wire", POOL_MBUFS * 2, 0, sizeof(struct pkt_priv),
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool && wire ? 0 : -1;
}

/* ---- the snapshot ---- */

static void make_endpoints(struct rig *r)
{
	static const char *const names[RIG_ENDPOINTS] = {"198.18.1.10:9080", "198.18.1.11:9080",
							 "198.18.1.12:9080"};
	static const char *const versions[RIG_ENDPOINTS] = {"v1", "v2", "v3"};

	for (uint32_t i = 0; i < RIG_ENDPOINTS; i++) {
		struct endpoint *e = &r->endpoints[i];

		e->id = i;
		e->gen = 1;
		e->weight = 1;
		e->name = names[i];
		e->version = versions[i];
		e->addr.port = 9080;
		e->addr.ip = ip_addr_v4(htonl(0xc612010a + i));
		r->endpoint_by_id[i] = e;
	}
	r->sets[0] = (struct endpoint_set){.n = 1, .endpoints = r->endpoints};
	r->sets[1] = (struct endpoint_set){.n = 0, .endpoints = r->endpoints};
}

static void make_clusters(struct rig *r)
{
	for (uint32_t i = 0; i < 2; i++) {
		r->clusters[i] = (struct cluster){
			.id = i,
			.gen = 1,
			.name = i ? "outbound|80||empty.default.svc.cluster.local"
				  : "outbound|80||web.default.svc.cluster.local",
			.lb = LB_ROUND_ROBIN,
			.endpoints = &r->sets[i],
			.connect_timeout_us = 10000000,
			.idle_timeout_us = 3600000000,
			.tcp_idle_us = 3600000000,
			.service_host = "web.default.svc.cluster.local",
			.service_name = "web",
			.service_namespace = "default",
			.subset = "",
			.port = 80,
		};
		r->cluster_by_id[i] = &r->clusters[i];
	}
}

static void make_route(struct rig *r, unsigned i, uint32_t cluster, const char *cluster_name)
{
	r->targets[i] = (struct split_target){.cluster_id = cluster, .cluster_name = cluster_name};
	r->routes[i] = (struct route){
		.name = "default",
		.split = {.id = i, .gen = 1, .n_targets = 1, .targets = &r->targets[i]},
		.retry = {.attempts = 2,
			  .on = RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM,
			  .backoff_us = 25000},
	};
	r->vhosts[i] = (struct vhost){
		.name = "web:80",
		.n_routes = 1,
		.routes = &r->routes[i],
		.index.rest = {.n = 1, .one = route_entry(0, false)},
	};
	r->listeners[i].hosts.any = &r->vhosts[i];
}

static void make_tcp_route(struct rig *r)
{
	unsigned i = PORT_TCP - PORT_ROUTED;

	r->targets[i] = (struct split_target){.cluster_id = 0, .cluster_name = r->clusters[0].name};
	r->tcp_route.split =
		(struct split){.id = i, .gen = 1, .n_targets = 1, .targets = &r->targets[i]};
	r->listeners[i].tcp = &r->tcp_route;
}

static void make_listeners(struct rig *r)
{
	struct listener_table *t = &r->snap.listeners;

	t->n = RIG_PORTS;
	t->mask = RTE_DIM(r->listener_slots) - 1;
	t->slots = r->listener_slots;
	for (uint32_t i = 0; i < RIG_PORTS; i++) {
		struct listener *l = &r->listeners[i];
		uint32_t at;

		l->id = i;
		l->gen = 1;
		l->addr.port = (uint16_t)(PORT_ROUTED + i);
		l->name = "0.0.0.0:80";
		at = listener_hash(&l->addr.ip, l->addr.port) & t->mask;
		while (r->listener_slots[at])
			at = (at + 1) & t->mask;
		r->listener_slots[at] = l;
		r->listener_by_id[i] = l;
	}
}

static void make_snapshot(struct rig *r)
{
	struct snapshot *s = &r->snap;

	make_endpoints(r);
	make_clusters(r);
	make_listeners(r);
	make_route(r, 0, 0, r->clusters[0].name);
	make_route(r, 2, WEIR_ID_NONE, "outbound|80||gone.default.svc.cluster.local");
	make_route(r, 3, 1, r->clusters[1].name);
	make_tcp_route(r);
	s->generation = 1;
	s->n_listener_ids = RIG_PORTS;
	s->listener_by_id = r->listener_by_id;
	s->n_cluster_ids = 2;
	s->cluster_by_id = r->cluster_by_id;
	s->n_endpoint_ids = RIG_ENDPOINTS;
	s->endpoint_by_id = r->endpoint_by_id;
	s->n_split_ids = RIG_PORTS;
}

/* ---- life ---- */

static bool steer(void *tcp_owner, const struct tcp_tuple *t)
{
	struct rig *r = tcp_owner;

	assert_int_equal(t->remote.port, 9080);
	r->steered++;
	return true;
}

struct rig *rig_open(void)
{
	return rig_open_worker(0, NULL);
}

struct rig *rig_open_worker(unsigned worker, struct mailbox *mailboxes)
{
	struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	struct proxy_env env;

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	r->pool = pool;
	r->wire = wire;
	r->http = (struct http_config){
		.idle_timeout_us = 60000000,
		.header_timeout_us = 5000000,
		.stream_idle_timeout_us = 30000000,
		.max_header_bytes = 60 * 1024,
		.max_headers = 100,
		.accept_http10 = true,
	};
	r->log = aligned_alloc(64, sizeof(*r->log));
	r->stats = calloc(1, sizeof(*r->stats));
	assert_true(r->log && r->stats);
	r->log->head = r->log->tail = 0;
	r->net.local = ip_addr_v4(htonl(0xc6120002));
	r->next_port = 40000;
	r->now_us = START_US;
	fake_init(&r->tcp, wire);
	r->tcp.owner = r;
	make_snapshot(r);
	env = (struct proxy_env){
		.http = &r->http,
		.tcp = &r->tcp,
		.net = &r->net,
		.pool = pool,
		.counters = &r->counters,
		.log = r->log,
		.stats = r->stats,
		.max_conns = 64,
		.seed = 1,
		.steer = steer,
		.worker = worker,
		.mailboxes = mailboxes ? mailboxes : &r->mailbox,
		.epoch_offset_us = 1700000000000000,
	};
	r->px = proxy_create(&env);
	assert_non_null(r->px);
	rig_run(r);
	return r;
}

/* Everybody leaves; then nothing may be left. */
static void take_stock(struct rig *r)
{
	assert_int_equal(proxy_conns(r->px), 0);
	assert_int_equal(r->tcp.streams, 0);
	assert_int_equal(r->px->servers.used, 0);
	assert_int_equal(r->px->streams.used, 0);
	assert_int_equal(r->px->downstreams.used, 0);
	assert_int_equal(r->px->sessions.used, 0);
	assert_int_equal(r->px->relays.used, 0);
	assert_int_equal(upstream_conns(r->px->up), 0);
	assert_int_equal(r->steered, rig_count(r, CTR_UPSTREAM_CONNECTS) +
					     rig_count(r, CTR_HEALTH_CHECKS_STARTED));
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_ACTIVE), 0);
	for (unsigned i = 0; i < RIG_ENDPOINTS; i++)
		assert_int_equal(lb_active_requests(r->px->lb, &r->endpoints[i]), 0);
	assert_int_equal(r->px->wheel.armed, 0);
	assert_int_equal(snapshot_pins(&r->snap), 0);
	assert_int_equal(rig_count(r, CTR_HTTP_ACTIVE), 0);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	assert_int_equal(rig_count(r, CTR_SESSIONS_OPEN), 0);
}

static void all_leave(struct rig *r)
{
	for (unsigned i = 0; i < r->tcp.n_peers; i++) {
		struct peer *p = r->tcp.peers[i];

		if (p->stream && !p->active)
			peer_reset(p);
	}
	rig_run(r);
	proxy_drain(r->px);
	rig_run(r);
}

void rig_close(struct rig *r)
{
	all_leave(r);
	take_stock(r);
	proxy_destroy(r->px);
	fake_fini(&r->tcp);
	assert_int_equal(rte_mempool_in_use_count(r->pool), 0);
	assert_int_equal(rte_mempool_in_use_count(r->wire), 0);
	message_free(&r->request);
	message_free(&r->response);
	free(r->log);
	free(r->stats);
	free(r);
}

int rig_setup(void **state)
{
	*state = rig_open();
	return 0;
}

int rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

/* ---- the loop ---- */

bool rig_pass(struct rig *r)
{
	r->tcp.now_us = r->now_us;
	proxy_set_now(r->px, r->now_us);
	proxy_adopt(r->px, &r->snap);
	fake_arrivals(&r->tcp);
	proxy_turn(r->px);
	while (tcp_next_event(&r->tcp))
		;
	proxy_settle(r->px);
	if (!r->busy)
		proxy_begin_copies(r->px, proxy_copies(r->px));
	return fake_departures(&r->tcp) || proxy_has_mail(r->px);
}

static bool has_arrivals(const struct rig *r)
{
	for (unsigned i = 0; i < r->tcp.n_peers; i++) {
		const struct peer *p = r->tcp.peers[i];

		if (p->stream && !p->connecting && p->out.n && peer_window(p))
			return true;
	}
	return false;
}

void rig_run(struct rig *r)
{
	for (unsigned i = 0; rig_pass(r) || has_arrivals(r); i++)
		assert_true(i < PASSES_MAX);
}

void rig_wait(struct rig *r, uint64_t us)
{
	r->now_us += us;
	rig_run(r);
}

/* ---- the two sides ---- */

struct peer *rig_client_from(struct rig *r, enum rig_port port, const char *ip)
{
	struct tcp_tuple t = {.local = {r->net.local, (uint16_t)port}};
	struct peer *p;
	uint64_t cookie;

	assert_true(ip_addr_parse(ip, &t.remote.ip));
	t.remote.port = r->next_port++;
	assert_true(proxy_admit(r->px, &t.local, &cookie));
	p = fake_accept(&r->tcp, &t, cookie);
	proxy_accept(r->px, peer_stream(p));
	return p;
}

struct peer *rig_client(struct rig *r, enum rig_port port)
{
	return rig_client_from(r, port, "10.0.0.7");
}

bool rig_has_origin(const struct rig *r)
{
	for (unsigned i = r->next_origin; i < r->tcp.n_peers; i++)
		if (r->tcp.peers[i]->active)
			return true;
	return false;
}

struct peer *rig_origin(struct rig *r)
{
	assert_true(rig_has_origin(r));
	while (!r->tcp.peers[r->next_origin]->active)
		r->next_origin++;
	return r->tcp.peers[r->next_origin++];
}

void rig_ask(struct rig *r, struct peer *client, const char *text)
{
	peer_say(client, text);
	rig_run(r);
}

void rig_answer(struct rig *r, struct peer *origin, const char *text)
{
	peer_say(origin, text);
	rig_run(r);
}

void rig_expect_request(struct rig *r, struct peer *origin)
{
	rig_run(r);
	assert_true(message_take(origin, &r->request, MESSAGE_REQUEST));
}

static void expect_response(struct rig *r, struct peer *client, int status, enum message_kind kind)
{
	rig_run(r);
	if (!message_take(client, &r->response, kind))
		fail_msg("no whole response in \"%.200s\"", client->heard.p);
	if (r->response.status != status)
		fail_msg("\"%s\" instead of %d", r->response.line, status);
}

void rig_expect_response(struct rig *r, struct peer *client, int status)
{
	expect_response(r, client, status, MESSAGE_RESPONSE);
}

void rig_expect_response_to_head(struct rig *r, struct peer *client, int status)
{
	expect_response(r, client, status, MESSAGE_RESPONSE_TO_HEAD);
}

void rig_expect_silence(struct rig *r, struct peer *p)
{
	rig_run(r);
	assert_string_equal(p->heard.p, "");
}

/* ---- what was counted ---- */

uint64_t rig_count(const struct rig *r, enum counter_id id)
{
	return counter_read(&r->counters, id);
}

void rig_check_body(const struct message *m, const char *body)
{
	assert_string_equal(m->body.p, body);
}

void rig_check_field(const struct message *m, const char *name, const char *value)
{
	const char *v = message_field(m, name);

	if (!value && v)
		fail_msg("%s: %s", name, v);
	if (!value)
		return;
	if (!v)
		fail_msg("no %s", name);
	assert_string_equal(v, value);
	assert_null(message_field_at(m, name, 1));
}

const struct log_record *rig_log(struct rig *r)
{
	static struct log_record rec;
	const struct log_record *next = log_ring_peek(r->log);

	assert_non_null(next);
	rec = *next;
	log_ring_release(r->log);
	return &rec;
}

void rig_check_no_log(struct rig *r)
{
	assert_null(log_ring_peek(r->log));
}

const char *rig_log_text(const struct log_record *rec, enum log_text id)
{
	static char text[LOG_TEXT_MAX + 1];
	uint32_t at = 0;

	for (unsigned i = 0; i < (unsigned)id; i++)
		at += rec->text_len[i];
	assert_true(at + rec->text_len[id] <= LOG_TEXT_MAX);
	memcpy(text, rec->text + at, rec->text_len[id]);
	text[rec->text_len[id]] = '\0';
	return text;
}

const struct log_record *rig_check_log(struct rig *r, unsigned status, uint32_t flags,
				       const char *details)
{
	const struct log_record *rec = rig_log(r);

	assert_int_equal(rec->status, status);
	assert_int_equal(rec->flags, flags);
	assert_string_equal(rig_log_text(rec, LOG_DETAILS), details ? details : "");
	return rec;
}

uint64_t rig_requests(const struct rig *r, unsigned status, uint32_t flags)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < REQUEST_STATS_ROWS; i++) {
		const struct request_stat *row = &r->stats->rows[i];

		if (row->used && row->status == status && row->flags == flags)
			n += row->count;
	}
	return n;
}
