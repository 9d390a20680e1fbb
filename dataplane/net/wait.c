/* wait.c - sleeping until something may have happened. */
#include "context.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "punt.h"

#define WAIT_FDS     64
#define BLIND_US     100   /* the longest sleep when a device cannot wake us */
#define INTR_LOOK_US 10000 /* when a device cannot say whether its interrupt came too early */

struct waiter {
	struct pollfd fds[WAIT_FDS];
	unsigned n;
	uint64_t timeout_us;
};

static void limit(struct waiter *w, uint64_t us)
{
	w->timeout_us = RTE_MIN(w->timeout_us, us);
}

static void watch(struct waiter *w, int fd)
{
	if (w->n < WAIT_FDS)
		w->fds[w->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	else
		limit(w, BLIND_US);
}

/* A frame that came between the last poll and here raised no interrupt. */
static void watch_interrupt(struct waiter *w, const struct port *port, uint16_t queue)
{
	int waiting;

	if (rte_eth_dev_rx_intr_enable(port->id, queue) != 0) {
		limit(w, BLIND_US);
		return;
	}
	watch(w, port->queue_fd[queue]);
	waiting = rte_eth_rx_queue_count(port->id, queue);
	if (waiting != 0)
		limit(w, waiting > 0 ? 0 : INTR_LOOK_US);
}

static void watch_port(struct net *net, const struct port *port, struct waiter *w)
{
	for (unsigned q = net->worker; q < port->n_rxq; q += net->ports->n_workers) {
		if (port->wake[q] == PORT_WAKE_FD)
			watch(w, port->queue_fd[q]);
		else if (port->wake[q] == PORT_WAKE_INTR)
			watch_interrupt(w, port, (uint16_t)q);
		else
			limit(w, BLIND_US);
	}
}

static void silence_port(struct net *net, const struct port *port)
{
	for (unsigned q = net->worker; q < port->n_rxq; q += net->ports->n_workers) {
		uint64_t count;

		if (port->wake[q] != PORT_WAKE_INTR)
			continue;
		rte_eth_dev_rx_intr_disable(port->id, (uint16_t)q);
		while (read(port->queue_fd[q], &count, sizeof(count)) > 0)
			;
	}
}

static struct timespec timespec_of(uint64_t us)
{
	return (struct timespec){.tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000};
}

/* A socket in error (its interface went down) is ready for ever: without the nap the worker
 * would spin. */
static void nap_on_error(const struct waiter *w)
{
	struct timespec nap = timespec_of(BLIND_US);

	for (unsigned i = 1; i < w->n; i++) {
		if ((w->fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) &&
		    !(w->fds[i].revents & POLLIN)) {
			nanosleep(&nap, NULL);
			return;
		}
	}
}

static void sleep_on(struct net *net, int wake_fd, uint64_t timeout_us)
{
	struct waiter w = {.timeout_us = RTE_MIN(timeout_us, UINT32_MAX)};
	struct timespec ts;
	uint64_t count;

	watch(&w, wake_fd);
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		watch_port(net, &net->ports->ports[i], &w);
	ts = timespec_of(w.timeout_us);
	if (ppoll(w.fds, w.n, &ts, NULL) > 0) {
		if (w.fds[0].revents & POLLIN)
			(void)!read(wake_fd, &count, sizeof(count));
		nap_on_error(&w);
	}
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		silence_port(net, &net->ports->ports[i]);
}

static bool has_mail(const struct net *net)
{
	return net->ops->mail && net->ops->mail(net->owner);
}

void net_wait(struct net *net, int wake_fd, uint64_t timeout_us)
{
	struct port_sleeper *s = &net->ports->sleepers[net->worker];

	__atomic_store_n(&s->asleep, 1, __ATOMIC_RELAXED);
	/* Pairs with the fence in steer_wake(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!steer_pending(net) && !punt_pending(net) && !has_mail(net))
		sleep_on(net, wake_fd, timeout_us);
	__atomic_store_n(&s->asleep, 0, __ATOMIC_RELAXED);
}

void net_set_wake_fd(struct net_ports *ports, unsigned worker, int fd)
{
	ports->sleepers[worker].wake_fd = fd;
}

void net_wake(const struct net *net, unsigned worker)
{
	steer_wake(net, worker);
}
