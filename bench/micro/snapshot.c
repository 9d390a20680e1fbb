/* snapshot.c - cycles that the snapshot costs: a request's pin, a pass's look and its report of
 * quiescence; and what counting costs. */
#include <rte_common.h>

#include <snapshot/publisher.h>
#include <weir/counters.h>

#include "bench.h"
#include "config.h"

#define BATCH 256

static const char resources[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: public}\n"
	"spec:\n"
	"  selector: {istio: ingressgateway}\n"
	"  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n";

struct reader {
	struct counters counters;
	struct publish_cell *cell;
	struct snapshot *snapshot;
	uint64_t seen;
};

static void pin_unpin(void *arg, unsigned n)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < n; i++) {
		snapshot_pin(r->snapshot, 0);
		snapshot_unpin(r->snapshot, 0);
	}
}

static void load_quiesce(void *arg, unsigned n)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < n; i++) {
		r->seen += publish_load(r->cell)->generation;
		publish_quiescent(r->cell, 0);
	}
}

/* Different ones, as on the data path: consecutive increments of one would wait for each other. */
static void count(void *arg, unsigned n)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < n; i++)
		counter_inc(&r->counters, (enum counter_id)(i % 8));
}

static void measure(struct reader *r, const char *name, void (*run)(void *, unsigned))
{
	bench_measure(&(struct bench_case){.name = name, .run = run, .arg = r, .batch = BATCH});
}

int main(int argc, char **argv)
{
	struct compiler *compiler;
	struct publisher *publisher;
	struct reader r = {0};

	bench_init(argc, argv, "snapshot", "other", BENCH_EAL_MIB);
	compiler = config_create_compiler();
	publisher = publisher_create(compiler, 1);
	publisher_publish(publisher, config_compile(compiler, resources), NULL, NULL);
	r.cell = publisher_cell(publisher);
	r.snapshot = publish_load(r.cell);
	publish_online(r.cell, 0);
	measure(&r, "pin_unpin", pin_unpin);
	measure(&r, "load_quiesce", load_quiesce);
	measure(&r, "count", count);
	publish_offline(r.cell, 0);
	publisher_destroy(publisher);
	compiler_destroy(compiler);
	return bench_exit();
}
