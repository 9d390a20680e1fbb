/* gateway.c - cycles per request of a whole worker: net, TCP and proxy in its real pass, over a
 * net_ring device with canned clients and backends (peers.h) on the other side.
 *
 * Only the passes are counted, not the peers, and the clock is a number that the loop moves: every
 * run does the same work. For instructions by function:
 *
 *     valgrind --tool=callgrind '--toggle-collect=measured_pass*' build/bench/micro/bench_gateway \
 *         --requests 2000
 *
 * measured_pass() is what is measured, and nothing else calls the worker once it is warm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include <net/port.h>
#include <snapshot/publisher.h>
#include <upstream/mailbox.h>
#include <worker/worker.h>

#include "bench.h"
#include "config.h"
#include "peers.h"
#include "wire.h"

#define BURST   NET_BURST /* frames between two passes, at most */
#define PASS_US 16        /* as at 500,000 requests/s */
/* Passes of a run: a tick of the timers, which do their work once a tick. */
#define RUN_PASSES     (WHEEL_TICK_US / PASS_US)
#define SMOKE_REQUESTS 500
#define WARM_REQUESTS  4096u
#define SETUP_PASSES   1000000 /* more than any number of handshakes needs */

#define CLIENT_IP    0xc6128001u /* 198.18.128.1 */
#define GATEWAY_PORT 80
#define BACKEND_PORT 8000

/* protocol: of the Gateway's server; rules: of the VirtualService. */
#define RESOURCES(protocol, rules)                                                                 \
	"apiVersion: v1\n"                                                                         \
	"kind: Service\n"                                                                          \
	"metadata: {name: bench}\n"                                                                \
	"spec: {selector: {app: bench}, ports: [{name: http, port: 8000}]}\n"                      \
	"---\n"                                                                                    \
	"apiVersion: networking.istio.io/v1\n"                                                     \
	"kind: WorkloadEntry\n"                                                                    \
	"metadata: {name: bench-v1}\n"                                                             \
	"spec: {address: 198.18.0.3, labels: {app: bench, version: v1}}\n"                         \
	"---\n"                                                                                    \
	"apiVersion: networking.istio.io/v1\n"                                                     \
	"kind: Gateway\n"                                                                          \
	"metadata: {name: public}\n"                                                               \
	"spec:\n"                                                                                  \
	"  selector: {istio: ingressgateway}\n"                                                    \
	"  servers: [{port: {number: 80, name: public, protocol: " protocol "}, hosts: ['*']}]\n"  \
	"---\n"                                                                                    \
	"apiVersion: networking.istio.io/v1\n"                                                     \
	"kind: VirtualService\n"                                                                   \
	"metadata: {name: bench}\n"                                                                \
	"spec:\n"                                                                                  \
	"  hosts: [bench.example.com]\n"                                                           \
	"  gateways: [public]\n"                                                                   \
	"  " rules "\n"

#define ROUTE "route: [{destination: {host: bench}}]"

static const char plain[] = RESOURCES("HTTP", "http: [{" ROUTE "}]");
static const char mirrored[] = RESOURCES("HTTP", "http: [{" ROUTE ", mirror: {host: bench}}]");
static const char tcp_route[] = RESOURCES("TCP", "tcp: [{" ROUTE "}]");

static const char request[] = "GET / HTTP/1.1\r\n"
			      "Host: bench.example.com\r\n"
			      "User-Agent: weir-load\r\n"
			      "\r\n";

static const char response[] = "HTTP/1.1 200 OK\r\n"
			       "Content-Type: text/plain\r\n"
			       "Content-Length: 64\r\n"
			       "\r\n"
			       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct gate {
	struct dataplane_config cfg; /* the worker looks into it for as long as it lives */
	struct compiler *compiler;
	struct publisher *publisher;
	struct net_ports *ports;
	struct rte_mempool *pool;
	struct worker_orders orders;
	struct worker *worker;
	struct peers *peers;
	uint64_t now_us;
	struct mailbox mailbox;
	uint64_t cycles; /* of the measured passes */
};

static void open_gateway(struct gate *g, const char *resources)
{
	struct dataplane_config *cfg = &g->cfg;
	char err[512] = "";

	*cfg = wire_config(128u << 20, 100000);
	g->compiler = config_create_compiler();
	g->publisher = publisher_create(g->compiler, 1);
	publisher_publish(g->publisher, config_compile(g->compiler, resources), NULL, NULL);
	g->ports = net_ports_open(cfg, &g->pool, err, sizeof(err));
	bench_require(g->ports != NULL, err);
	g->worker = aligned_alloc(WEIR_CACHE_LINE, sizeof(*g->worker));
	bench_require(g->worker != NULL, "memory for a worker");
	memset(g->worker, 0, sizeof(*g->worker));
	g->worker->cell = publisher_cell(g->publisher);
	g->worker->orders = &g->orders;
	g->worker->mailboxes = &g->mailbox;
	bench_require(worker_init(g->worker, cfg, g->ports, g->pool, err, sizeof(err)), err);
	publish_online(g->worker->cell, 0);
	g->now_us = 1000000;
}

static void close_gateway(struct gate *g)
{
	publish_offline(g->worker->cell, 0);
	worker_fini(g->worker);
	free(g->worker);
	wire_close(g->ports);
	publisher_destroy(g->publisher);
	compiler_destroy(g->compiler);
}

/* The worker's turn, clocked. */
static __rte_noinline void measured_pass(struct gate *g)
{
	uint64_t start = rte_rdtsc();

	worker_pass(g->worker, g->now_us);
	g->cycles += rte_rdtsc() - start;
}

static void turn(struct gate *g, bool measured)
{
	peers_turn(g->peers, g->now_us, BURST);
	if (measured)
		measured_pass(g);
	else
		worker_pass(g->worker, g->now_us);
	g->now_us += PASS_US;
}

static void connect_clients(struct gate *g, unsigned clients, unsigned in_flight)
{
	g->peers = peers_create(&(struct peers_config){
		.wire = wire_ring(),
		.pool = g->pool,
		.gateway = &g->ports->ports[0].mac,
		.gateway_ip = WIRE_IP,
		.gateway_port = GATEWAY_PORT,
		.backend_port = BACKEND_PORT,
		.client_ip = CLIENT_IP,
		.n_clients = clients,
		.in_flight = in_flight,
		.request = request,
		.response = response,
	});
	for (unsigned i = 0; i < SETUP_PASSES && !peers_connected(g->peers); i++)
		turn(g, false);
	bench_require(peers_connected(g->peers), "all clients connect");
	peers_start(g->peers, g->now_us);
}

static uint64_t responses(const struct gate *g)
{
	return peers_counts(g->peers)->responses;
}

/* Turns until n more responses have come. */
static void serve(struct gate *g, uint64_t n, bool measured)
{
	uint64_t until = responses(g) + n;

	while (responses(g) < until)
		turn(g, measured);
}

/* One run: n responses, or as many as come in RUN_PASSES when n is 0. */
static void run(struct gate *g, uint64_t n, struct bench_samples *s)
{
	uint64_t before = responses(g);

	g->cycles = 0;
	if (n)
		serve(g, n, true);
	else
		for (unsigned i = 0; i < RUN_PASSES; i++)
			turn(g, true);
	bench_sample(s, g->cycles, responses(g) - before);
}

static void print(struct bench_samples *s, const struct peers_counts *before,
		  const struct peers_counts *after, const char *name)
{
	double n = (double)(after->responses - before->responses);
	char more[128];

	snprintf(more, sizeof(more),
		 "\"frames_in\": %.3f, \"frames_out\": %.3f, \"acks_out\": %.3f",
		 (double)(after->sent - before->sent) / n,
		 (double)(after->received - before->received) / n,
		 (double)(after->acks - before->acks) / n);
	bench_print(s, name, NULL, more);
}

static void measure(const char *name, const char *resources, unsigned clients, unsigned in_flight,
		    unsigned runs)
{
	static struct bench_samples samples;
	struct peers_counts before;
	struct gate g = {0};
	uint64_t warm = bench_is_smoke() ? SMOKE_REQUESTS : RTE_MAX(WARM_REQUESTS, clients);

	open_gateway(&g, resources);
	connect_clients(&g, clients, in_flight);
	serve(&g, warm, false);
	before = *peers_counts(g.peers);
	samples.n = 0;
	for (unsigned i = 0; i < runs; i++)
		run(&g, bench_requests(), &samples);
	print(&samples, &before, peers_counts(g.peers), name);
	bench_require(peers_counts(g.peers)->wrong == 0, "every response is right");
	peers_destroy(g.peers);
	close_gateway(&g);
}

int main(int argc, char **argv)
{
	bench_init(argc, argv, "gateway", "total", 256);
	if (bench_requests()) {
		measure("keepalive_64B", plain, 64, 64, 1);
	} else {
		measure("keepalive_64B", plain, 64, 64, bench_is_smoke() ? 2 : 400);
		measure("keepalive_64B_cold", plain, bench_is_smoke() ? 500 : 50000, 64,
			bench_is_smoke() ? 2 : 200);
		measure("keepalive_64B_mirrored", mirrored, 64, 64, bench_is_smoke() ? 2 : 400);
		/* The same bytes, which nobody looks at. */
		measure("tcp_route_64B", tcp_route, 64, 64, bench_is_smoke() ? 2 : 400);
	}
	return bench_exit();
}
