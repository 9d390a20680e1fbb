/* punt_thread.c - owns the TAPs' descriptors. It may be slow, and may wait: nobody waits for
 * it. */
#include "punt_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <base/mbq.h>

#include "port.h"
#include "punt.h"
#include "tap.h"

#define BURST      32u
#define SLEEP_MS   1000
#define LIMITED_MS 5 /* until a bucket has tokens again, or a queue room */

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void refill(struct punt_bucket *b, uint64_t now_us)
{
	uint64_t depth = RTE_MAX(b->rate / 10, BURST);
	uint64_t fresh = (now_us - b->refill_us) * b->rate / 1000000;

	if (fresh > depth) { /* it is full: what would overflow does not count */
		b->tokens = depth;
		b->refill_us = now_us;
	} else if (fresh > 0) {
		b->tokens = RTE_MIN(b->tokens + fresh, depth);
		b->refill_us += fresh * 1000000 / b->rate;
	}
}

unsigned punt_bucket_take(struct punt_bucket *b, uint64_t now_us, unsigned max)
{
	unsigned n;

	refill(b, now_us);
	n = (unsigned)RTE_MIN(b->tokens, max);
	b->tokens -= n;
	return n;
}

void punt_wake(struct punt *p)
{
	/* Pairs with the fence in sleep_on(): either we see the flag, or it sees the frame. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&p->asleep, __ATOMIC_RELAXED))
		eventfd_write(p->wake_fd, 1);
}

/* A TAP that is down or gone refuses: its frames are lost, as on a cable that is unplugged. */
static unsigned to_kernel(struct punt *p, struct punt_port *port, uint64_t now_us)
{
	struct rte_mbuf *m[BURST];
	unsigned want = RTE_MIN(rte_ring_count(port->up), BURST);
	unsigned n = punt_bucket_take(&port->to_kernel, now_us, want);

	n = rte_ring_sc_dequeue_burst(port->up, (void **)m, n, NULL);
	for (unsigned i = 0; i < n; i++) {
		if (write(port->fd, rte_pktmbuf_mtod(m[i], void *), m[i]->data_len) < 0)
			__atomic_add_fetch(&p->lost, 1, __ATOMIC_RELAXED);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

/* False: nothing to read. */
static bool read_one(struct punt *p, unsigned i)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->owner->pool);
	ssize_t n;

	if (!m)
		return false;
	n = read(p->ports[i].fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
	if (n < RTE_ETHER_HDR_LEN) {
		rte_pktmbuf_free(m);
		return false;
	}
	rte_pktmbuf_append(m, (uint16_t)n);
	pkt_priv(m)->port = (uint16_t)i;
	if (rte_ring_sp_enqueue(p->down, m) == 0)
		return true;
	__atomic_add_fetch(&p->lost, 1, __ATOMIC_RELAXED); /* room was seen before */
	rte_pktmbuf_free(m);
	return false;
}

static unsigned from_kernel(struct punt *p, unsigned i, uint64_t now_us)
{
	struct punt_bucket *b = &p->ports[i].from_kernel;
	unsigned n = punt_bucket_take(b, now_us, RTE_MIN(rte_ring_free_count(p->down), BURST));
	unsigned done = 0;

	while (done < n && read_one(p, i))
		done++;
	b->tokens += n - done;
	if (done)
		port_wake_worker(p->owner, 0);
	return done;
}

/* Whether frames of the port wait for tokens or room: then there is nothing to be woken for. */
static bool is_limited(struct punt *p, struct punt_port *port, struct pollfd *fd, uint64_t now_us)
{
	bool may_read;

	refill(&port->from_kernel, now_us);
	may_read = port->from_kernel.tokens && rte_ring_free_count(p->down);
	*fd = (struct pollfd){.fd = may_read ? port->fd : -1, .events = POLLIN};
	return port->fd >= 0 && (!may_read || !rte_ring_empty(port->up));
}

/* Until a frame comes; from a TAP only when it may be read at all. */
static void sleep_on(struct punt *p, uint64_t now_us)
{
	struct pollfd fds[1 + WEIR_PORTS_MAX] = {{.fd = p->wake_fd, .events = POLLIN}};
	bool limited = false;
	eventfd_t count;

	__atomic_store_n(&p->asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < p->n; i++)
		limited |= is_limited(p, &p->ports[i], &fds[1 + i], now_us);
	if (limited)
		__atomic_store_n(&p->asleep, 0, __ATOMIC_RELAXED);
	if (poll(fds, 1 + p->n, limited ? LIMITED_MS : SLEEP_MS) > 0 && fds[0].revents)
		eventfd_read(p->wake_fd, &count);
	__atomic_store_n(&p->asleep, 0, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct punt *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
		uint64_t now_us = clock_us();
		unsigned moved = 0;

		for (unsigned i = 0; i < p->n; i++) {
			if (p->ports[i].fd < 0)
				continue;
			moved += to_kernel(p, &p->ports[i], now_us);
			moved += from_kernel(p, i, now_us);
		}
		if (!moved)
			sleep_on(p, now_us);
	}
	return NULL;
}

static struct rte_ring *make_ring(const char *kind, unsigned i, unsigned flags)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "weir_punt_%s_%u", kind, i);
	return rte_ring_create(name, PUNT_QUEUE, SOCKET_ID_ANY, flags | RING_F_EXACT_SZ);
}

static bool open_port(struct punt *p, unsigned i, int fd, uint32_t rate)
{
	struct punt_port *port = &p->ports[i];

	port->fd = fd;
	if (fd < 0)
		return true;
	port->to_kernel = port->from_kernel =
		(struct punt_bucket){.rate = rate, .refill_us = clock_us() - 1000000};
	port->up = make_ring("up", i, RING_F_SC_DEQ);
	p->owner->ports[i].punted = true;
	return port->up != NULL;
}

/* ports->punt owns everything from its first line on: punt_close() undoes what there is. */
int punt_start(struct net_ports *ports, const int *fds, const uint32_t *rates)
{
	struct punt *p = calloc(1, sizeof(*p));
	bool ok = p != NULL;

	if (!p) {
		for (unsigned i = 0; i < ports->n_ports; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return -ENOMEM;
	}
	ports->punt = p;
	p->owner = ports;
	p->n = ports->n_ports;
	p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->down = make_ring("down", 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	for (unsigned i = 0; i < p->n; i++)
		ok &= open_port(p, i, fds[i], rates[i]);
	if (!ok || !p->down || p->wake_fd < 0)
		return -ENOMEM;
	p->started = rte_ctrl_thread_create(&p->thread, "weir-punt", NULL, run, p) == 0;
	return p->started ? 0 : -EAGAIN;
}

int punt_open(struct net_ports *ports, const struct dataplane_config *cfg, char *err,
	      size_t err_len)
{
	uint32_t rates[WEIR_PORTS_MAX] = {0};
	int fds[WEIR_PORTS_MAX], rc = 0;
	bool any = false;

	for (unsigned i = 0; i < ports->n_ports; i++) {
		fds[i] = -1;
		if (cfg->ifaces[i].punt != IFACE_PUNT_TAP || rc < 0)
			continue;
		rates[i] = cfg->ifaces[i].punt_rate;
		fds[i] = tap_open(&cfg->ifaces[i], &ports->ports[i].mac, err, err_len);
		rc = RTE_MIN(fds[i], 0);
		any = true;
	}
	if (rc < 0) {
		for (unsigned i = 0; i < ports->n_ports; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return rc;
	}
	rc = any ? punt_start(ports, fds, rates) : 0;
	if (rc < 0)
		snprintf(err, err_len,
			 "cannot start the way to the kernel (punt): %s; raise "
			 "dataplane.memory",
			 strerror(-rc));
	return rc;
}

static void free_ring(struct rte_ring *ring)
{
	void *m;

	while (ring && rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void punt_close(struct net_ports *ports)
{
	struct punt *p = ports->punt;

	if (!p)
		return;
	__atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
	if (p->started) {
		eventfd_write(p->wake_fd, 1);
		pthread_join(p->thread, NULL);
	}
	for (unsigned i = 0; i < p->n; i++) {
		ports->ports[i].punted = false;
		if (p->ports[i].fd >= 0)
			close(p->ports[i].fd);
		free_ring(p->ports[i].up);
	}
	free_ring(p->down);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	ports->punt = NULL;
	free(p);
}
