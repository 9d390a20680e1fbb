/* proxy.c - cycles of what a request costs in the proxy besides parsing, matching and balancing:
 * rewriting its two heads, a pooled upstream connection, and accounting. */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_mempool.h>

#include <proxy/account.h>
#include <proxy/server_conn.h>
#include <proxy/stream.h>
#include <proxy/transform.h>
#include <tcp/tcp.h>
#include <upstream/conn.h>
#include <weir/dataplane.h>

#include "bench.h"
#include "config.h"
#include "heads.h"

#define BATCH 64

static const char resources[] = "apiVersion: networking.istio.io/v1\n"
				"kind: ServiceEntry\n"
				"metadata: {name: bench}\n"
				"spec:\n"
				"  hosts: [bench.test]\n"
				"  resolution: STATIC\n"
				"  ports: [{number: 80, name: http, protocol: HTTP}]\n"
				"  endpoints: [{address: 198.18.0.3, labels: {version: v1}}]\n";

/* A request in the middle of its life: between a client's connection and an upstream's, both of
 * which swallow what is written to them. */
struct request {
	struct counters counters;
	struct compiler *compiler;
	struct snapshot *snapshot;
	struct request_stats *stats;
	struct log_ring *log;
	struct proxy *px;
	struct bytestream client, server;
	struct h1_server down;
	struct upstream_conn up;
	struct stream stream;
	struct http_head request, response;
	uint64_t swallowed;
};

static const struct http_config http = {
	.max_header_bytes = 61440, .max_headers = 100, .accept_http10 = true};
static const struct h1_limits limits = {.max_head_bytes = 61440, .max_fields = 100};

static void swallow(struct bytestream *s, struct mbq *q)
{
	struct request *r = s->user;

	r->swallowed += q->bytes;
	mbq_free(q);
}

static const struct bytestream_ops stream_ops = {.write = swallow};

/* ---- making one ---- */

static struct proxy *make_proxy(struct request *r, struct rte_mempool *pool, bool log)
{
	struct proxy_env env = {
		.http = &http,
		.pool = pool,
		.counters = &r->counters,
		.log = log ? r->log : NULL,
		.stats = r->stats,
		.max_conns = 16,
		.seed = 1,
	};
	struct proxy *px = proxy_create(&env);

	bench_require(px != NULL, "memory for a proxy");
	proxy_set_now(px, 1000000);
	proxy_adopt(px, r->snapshot);
	return px;
}

static void make_ends(struct request *r)
{
	const struct endpoint *e = r->snapshot->endpoint_by_id[0];

	r->client = (struct bytestream){.ops = &stream_ops, .user = r, .tx_limit = UINT32_MAX};
	r->server = r->client;
	r->down = (struct h1_server){.end.ops = &server_ops,
				     .px = r->px,
				     .bs = &r->client,
				     .keep_alive = true,
				     .minor = 1,
				     .state = SERVER_DONE};
	r->up = (struct upstream_conn){.end.ops = &h1_client_ops,
				       .up = r->px->up,
				       .bs = &r->server,
				       .endpoint_id = e->id,
				       .endpoint_gen = e->gen,
				       .idle_timeout_ms = 3600000,
				       .state = UC_HEAD};
}

static void make_stream(struct request *r)
{
	static const struct route forwards;

	r->stream = (struct stream){
		.px = r->px,
		.route = &forwards,
		.down = &r->down.end,
		.up = &r->up,
		.snap = r->snapshot,
		.cluster = r->snapshot->cluster_by_id[0],
		.client = {ip_addr_v4(RTE_BE32(0xc6120001)), 10000},
		.local = {ip_addr_v4(RTE_BE32(0xc6120002)), 80},
		.version = "v1",
		.start_us = 1000000,
		.response_us = 1002000,
		.end_us = 1003000,
		.request_id = {bench_random(), bench_random()},
		.tries = 1,
		.status = 200,
		.external = true,
	};
}

static void set_proxy(struct request *r, struct proxy *px)
{
	r->px = px;
	make_ends(r);
	make_stream(r);
}

static void make_request(struct request *r)
{
	memset(r, 0, sizeof(*r));
	r->compiler = config_create_compiler();
	r->snapshot = config_compile(r->compiler, resources);
	r->stats = calloc(1, sizeof(*r->stats));
	r->log = aligned_alloc(WEIR_CACHE_LINE, sizeof(*r->log));
	bench_require(r->stats && r->log, "memory for statistics");
	memset(r->log, 0, sizeof(*r->log));
}

static void free_request(struct request *r)
{
	free(r->stats);
	free(r->log);
	compiler_free_snapshot(r->compiler, r->snapshot);
	compiler_destroy(r->compiler);
}

static void parse(struct request *r, struct slice request)
{
	int n = h1_parse_request(&r->request, request.p, request.n, 0, &limits);

	bench_require(n == (int)request.n, "the request is good");
	n = h1_parse_response(&r->response, small_response, sizeof(small_response) - 1, 0, &limits,
			      HTTP_GET);
	bench_require(n == (int)sizeof(small_response) - 1, "the response is good");
}

/* ---- what is measured ---- */

static void rewrite_request(void *arg, unsigned n)
{
	struct request *r = arg;

	for (unsigned i = 0; i < n; i++) {
		bench_require(transform_request(&r->stream, &r->request), "room for the head");
		r->up.end.ops->send_head(&r->up.end, &r->request, &r->px->extra);
	}
}

static void rewrite_response(void *arg, unsigned n)
{
	struct request *r = arg;

	for (unsigned i = 0; i < n; i++) {
		transform_response(&r->stream, &r->response);
		r->down.end.ops->send_head(&r->down.end, &r->response, &r->px->extra);
	}
}

/* A connection goes into the pool after one request and comes out for the next. */
static void reuse(void *arg, unsigned n)
{
	struct request *r = arg;
	const struct cluster *c = r->stream.cluster;

	for (unsigned i = 0; i < n; i++) {
		enum upstream_failure why;
		struct upstream_conn *uc = r->stream.up;
		bool reused;

		uc->state = UC_COMPLETE;
		uc->request_done = uc->keep = true;
		upstream_put(uc);
		uc = upstream_acquire(r->px->up, c, &c->endpoints->endpoints[0], false, &r->stream,
				      &r->stream.claim, &reused, &why);
		bench_require(uc == r->stream.up, "the connection was pooled");
		upstream_expect(uc, HTTP_GET, false);
	}
}

static void account(void *arg, unsigned n)
{
	struct request *r = arg;

	for (unsigned i = 0; i < n; i++)
		account_request(&r->stream);
}

/* The control thread has taken the records, and the request's head is still there. */
static void empty_log(void *arg, unsigned n)
{
	struct request *r = arg;

	(void)n;
	r->log->tail = r->log->head;
}

static void measure(struct request *r, const char *name, const char *line,
		    void (*run)(void *, unsigned))
{
	bench_measure(&(struct bench_case){
		.name = name, .line = line, .run = run, .arg = r, .batch = BATCH});
}

static void measure_heads(struct request *r)
{
	parse(r, SLICE(wrk_request));
	measure(r, "rewrite_request_wrk", NULL, rewrite_request);
	measure(r, "rewrite_response", NULL, rewrite_response);
	parse(r, SLICE(browser_request));
	measure(r, "rewrite_request_browser", NULL, rewrite_request);
	bench_require(r->swallowed > 0, "heads are written");
}

/* With the access log on, the head is parsed again from the bytes that were kept. */
static void measure_log(struct request *r, struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	bench_require(m != NULL, "packets");
	memcpy(rte_pktmbuf_append(m, sizeof(wrk_request) - 1), wrk_request,
	       sizeof(wrk_request) - 1);
	mbq_init(&r->stream.head);
	mbq_push(&r->stream.head, m);
	bench_measure(&(struct bench_case){.name = "account_and_log",
					   .line = "other",
					   .prepare = empty_log,
					   .run = account,
					   .arg = r,
					   .batch = BATCH});
	mbq_free(&r->stream.head);
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	struct proxy *quiet, *logging;
	struct request r;

	bench_init(argc, argv, "proxy", "http", BENCH_EAL_MIB);
	pool = bench_create_pool(1023);
	make_request(&r);
	quiet = make_proxy(&r, pool, false);
	logging = make_proxy(&r, pool, true);
	set_proxy(&r, quiet);
	measure_heads(&r);
	measure(&r, "pool_reuse", "route", reuse);
	measure(&r, "account", "other", account);
	set_proxy(&r, logging);
	measure_log(&r, pool);
	proxy_destroy(quiet);
	proxy_destroy(logging);
	free_request(&r);
	rte_mempool_free(pool);
	return bench_exit();
}
