/* loop.c - the poll loop: one pass runs everything that has arrived to completion. */
#include <worker/worker.h>

#include <time.h>

#include <rte_cycles.h>
#include <rte_mempool.h>

#include <net/net.h>

/* Packets taken in one pass; bounds how long the others wait. */
#define PASS_BURST   64
#define SLEEP_MAX_US (100 * 1000ull)
#define EPOCH_US     1000000ull
/* Of what nobody waits for, at most so much is done at once while there is little of it. */
#define BACKGROUND_MIN 1u

/* Wall clock time is the worker's clock plus an offset, taken anew each second: the TSC's rate is
 * only known to some parts in 100,000, which would be seconds a day. */
static __rte_noinline void follow_wall_clock(struct worker *w, uint64_t now_us)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	proxy_set_epoch(w->proxy,
			(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - (int64_t)now_us);
	w->epoch_at_us = now_us;
}

static __rte_noinline void start_drain(struct worker *w)
{
	w->draining = true;
	proxy_drain(w->proxy);
}

static void follow_orders(struct worker *w)
{
	if (unlikely(__atomic_load_n(&w->orders->drain, __ATOMIC_RELAXED) && !w->draining))
		start_drain(w);
	if (unlikely(w->draining)) {
		uint32_t open = proxy_conns(w->proxy) + tcp_conns_unfinished(w->tcp);

		__atomic_store_n(&w->open, open, __ATOMIC_RELAXED);
	}
}

/* Buffers that this worker could allocate: others' caches are out of its reach. */
static uint32_t mbufs_left(struct rte_mempool *pool)
{
	const struct rte_mempool_cache *own = rte_mempool_default_cache(pool, rte_lcore_id());

	return rte_mempool_get_ops(pool->ops_index)->get_count(pool) + (own ? own->len : 0);
}

/* A quarter of all: what arrives meanwhile waits for little, and there is never much. */
static void do_part(struct worker *w)
{
	uint32_t answers = RTE_MAX(tcp_patient_events(w->tcp) / 4, BACKGROUND_MIN);
	uint32_t copies = RTE_MAX(proxy_copies(w->proxy) / 4, BACKGROUND_MIN);

	while (answers && tcp_next_patient_event(w->tcp))
		answers--;
	proxy_begin_copies(w->proxy, copies);
}

static void do_one(struct worker *w)
{
	if (!tcp_next_patient_event(w->tcp))
		proxy_begin_copies(w->proxy, 1);
}

static bool has_background(const struct worker *w)
{
	return tcp_patient_events(w->tcp) || proxy_copies(w->proxy);
}

static __rte_noinline bool background(struct worker *w, uint64_t now_us, bool busy)
{
	bool wanted = busy || proxy_requests(w->proxy);

	switch (background_turn(&w->background, has_background(w), wanted, now_us)) {
	case BACKGROUND_NOTHING:
		return false;
	case BACKGROUND_ONE:
		do_one(w);
		break;
	case BACKGROUND_PART:
		do_part(w);
		break;
	}
	tcp_flush(w->tcp);
	net_flush(w->net);
	return true;
}

bool worker_pass(struct worker *w, uint64_t now_us)
{
	struct rte_mbuf *pkts[PASS_BURST];
	bool work = false;
	unsigned n;

	proxy_set_now(w->proxy, now_us);
	proxy_adopt(w->proxy, publish_load(w->cell));
	tcp_set_now(w->tcp, now_us);
	tcp_set_memory(w->tcp, mbufs_left(w->pool), w->pool->size);
	proxy_set_scarcity(w->proxy, tcp_scarce_ms(w->tcp));
	follow_orders(w);
	if (unlikely(now_us - w->epoch_at_us >= EPOCH_US))
		follow_wall_clock(w, now_us);

	n = net_rx(w->net, now_us, pkts, PASS_BURST, &work);
	tcp_take_segments(w->tcp, pkts, n);
	wheel_turn(&w->tcp_wheel, now_us);
	proxy_turn(w->proxy);
	while (tcp_next_event(w->tcp))
		work = true;
	work |= proxy_settle(w->proxy);
	tcp_flush(w->tcp);
	net_timers(w->net, now_us);
	work |= net_flush(w->net);
	if (unlikely(has_background(w) || w->background.due_us))
		work |= background(w, now_us, work);
	publish_quiescent(w->cell, w->index);
	return work;
}

/* Until when nothing happens by itself. */
static uint64_t next_timer(const struct worker *w)
{
	uint64_t at = wheel_next(&w->tcp_wheel), other = proxy_next_timer(w->proxy);

	at = RTE_MIN(at, other);
	other = net_next_timer(w->net);
	at = RTE_MIN(at, other);
	return w->background.due_us ? RTE_MIN(at, w->background.due_us) : at;
}

/* Offline meanwhile: a publication does not wait for a sleeper, who will load the new
 * snapshot before anything else. */
static __rte_noinline void nap(struct worker *w, uint64_t now_us)
{
	uint64_t at = next_timer(w);

	if (at <= now_us)
		return;
	counter_inc(&w->counters, CTR_WORKER_SLEEPS);
	publish_offline(w->cell, w->index);
	net_wait(w->net, w->wake_fd, RTE_MIN(at - now_us, SLEEP_MAX_US));
	publish_online(w->cell, w->index);
}

int worker_main(void *arg)
{
	struct worker *w = arg;
	uint64_t before, after;

	before = rte_rdtsc();
	publish_online(w->cell, w->index);
	while (!__atomic_load_n(&w->orders->stop, __ATOMIC_RELAXED)) {
		uint64_t now_us = worker_clock_us(w, before);
		bool work = worker_pass(w, now_us);

		if (work)
			w->idle.since_us = now_us;
		else if (w->adaptive && idle_is_over(&w->idle, now_us))
			nap(w, now_us);
		after = rte_rdtsc();
		counter_add(&w->counters, work ? CTR_WORKER_CYCLES_BUSY : CTR_WORKER_CYCLES_IDLE,
			    (int64_t)(after - before));
		counter_inc(&w->counters, CTR_WORKER_PASSES);
		before = after;
		__atomic_store_n(&w->running, true, __ATOMIC_RELEASE);
	}
	publish_offline(w->cell, w->index);
	return 0;
}
