/* neigh.c - the life of a neighbour entry: asked for, reachable, asked again, dropped.
 *
 * Packets wait in nodes of their own: their private area belongs to TCP's send queue, which
 * may hold the same mbuf. */
#include "neigh.h"

#include <stdlib.h>

#include <rte_mbuf.h>
#include <rte_random.h>

#define BUCKETS    NEIGH_MAX
#define EVICT_LOOK 64 /* entries looked at to find one that can go */

struct waiting {
	struct rte_mbuf *m;
	uint16_t next;
};

struct neigh_table {
	const struct neigh_ops *ops;
	void *owner;
	struct counters *counters;
	uint64_t now_us;
	uint64_t seed;
	uint16_t free_entry, free_node;
	uint16_t n_entries, n_pending;
	uint16_t hand; /* where the search for a victim goes on */
	struct wheel wheel;
	uint16_t buckets[BUCKETS];
	struct neigh entries[NEIGH_MAX];
	struct waiting nodes[NEIGH_WAITING_MAX];
};

static uint16_t *bucket(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	return &t->buckets[ip_addr_hash(ip, t->seed + port) % BUCKETS];
}

static void arm(struct neigh_table *t, struct neigh *n, uint64_t after_us)
{
	wheel_arm(&t->wheel, &n->timer, t->now_us + after_us);
}

static void set_state(struct neigh_table *t, struct neigh *n, enum neigh_state state)
{
	t->n_pending += (state == NEIGH_INCOMPLETE) - (n->state == NEIGH_INCOMPLETE);
	n->state = state;
	n->tries = 0;
}

static void solicit(struct neigh_table *t, struct neigh *n)
{
	bool unicast = n->state == NEIGH_PROBE && n->tries == 0;

	n->tries++;
	arm(t, n, NEIGH_RETRY_US);
	t->ops->solicit(t->owner, n, unicast);
}

static struct rte_mbuf *pop_waiting(struct neigh_table *t, struct neigh *n)
{
	uint16_t i = n->first;
	struct waiting *w;

	if (i == NEIGH_NONE)
		return NULL;
	w = &t->nodes[i];
	n->first = w->next;
	if (n->first == NEIGH_NONE)
		n->last = NEIGH_NONE;
	n->n_waiting--;
	w->next = t->free_node;
	t->free_node = i;
	return w->m;
}

static void push_waiting(struct neigh_table *t, struct neigh *n, struct rte_mbuf *m)
{
	uint16_t i = t->free_node;

	t->free_node = t->nodes[i].next;
	t->nodes[i] = (struct waiting){m, NEIGH_NONE};
	if (n->last == NEIGH_NONE)
		n->first = i;
	else
		t->nodes[n->last].next = i;
	n->last = i;
	n->n_waiting++;
}

static void fail_waiting(struct neigh_table *t, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = pop_waiting(t, n))) {
		counter_inc(t->counters, CTR_DROP_NEIGH_FAILED);
		t->ops->unreachable(t->owner, n, m);
	}
}

static void release(struct neigh_table *t, struct neigh *n)
{
	uint16_t *link = bucket(t, n->port, &n->ip);

	fail_waiting(t, n);
	while (&t->entries[*link] != n)
		link = &t->entries[*link].next;
	*link = n->next;
	wheel_cancel(&t->wheel, &n->timer);
	set_state(t, n, NEIGH_FREE);
	if (++n->gen == 0)
		n->gen = 1;
	n->next = t->free_entry;
	t->free_entry = (uint16_t)neigh_index(t, n);
	t->n_entries--;
}

static bool expendable(const struct neigh *n)
{
	return n->state == NEIGH_FAILED || (neigh_usable(n) && !n->used);
}

/* Makes room when the table is full, at the cost of one that nobody sends to. */
static bool evict(struct neigh_table *t)
{
	for (unsigned i = 0; i < EVICT_LOOK; i++) {
		struct neigh *n = &t->entries[t->hand];

		t->hand = (uint16_t)((t->hand + 1) % NEIGH_MAX);
		if (!expendable(n))
			continue;
		release(t, n);
		return true;
	}
	return false;
}

static struct neigh *make_entry(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	uint16_t *head = bucket(t, port, ip), i = t->free_entry;
	struct neigh *n = &t->entries[i];

	t->free_entry = n->next;
	t->n_entries++;
	n->ip = *ip;
	n->port = port;
	n->used = false;
	n->contest_us = 0;
	n->next = *head;
	*head = i;
	return n;
}

struct neigh *neigh_find(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	for (uint16_t i = *bucket(t, port, ip); i != NEIGH_NONE; i = t->entries[i].next)
		if (t->entries[i].port == port && ip_addr_eq(&t->entries[i].ip, ip))
			return &t->entries[i];
	return NULL;
}

struct neigh *neigh_get(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	struct neigh *n = neigh_find(t, port, ip);

	if (n)
		return n;
	if (t->n_pending == NEIGH_PENDING_MAX || (t->n_entries == NEIGH_MAX && !evict(t))) {
		counter_inc(t->counters, CTR_DROP_NEIGH_TABLE);
		return NULL;
	}
	n = make_entry(t, port, ip);
	set_state(t, n, NEIGH_INCOMPLETE);
	solicit(t, n);
	return n;
}

uint32_t neigh_index(const struct neigh_table *t, const struct neigh *n)
{
	return (uint32_t)(n - t->entries);
}

struct neigh *neigh_at(struct neigh_table *t, uint32_t index)
{
	return &t->entries[index];
}

/* The latest packets are kept (RFC 1122 section 2.3.2.2). */
void neigh_take_packet(struct neigh_table *t, struct neigh *n, struct rte_mbuf *m)
{
	if (n->state == NEIGH_FAILED) {
		counter_inc(t->counters, CTR_DROP_NEIGH_FAILED);
		t->ops->unreachable(t->owner, n, m);
		return;
	}
	if (n->n_waiting == NEIGH_WAITING_EACH || t->free_node == NEIGH_NONE) {
		struct rte_mbuf *oldest = pop_waiting(t, n);

		counter_inc(t->counters, CTR_DROP_NEIGH_QUEUE);
		rte_pktmbuf_free(oldest ? oldest : m);
		if (!oldest)
			return;
	}
	push_waiting(t, n, m);
}

/* n is at mac; what waited for that goes out. */
static void settle(struct neigh_table *t, struct neigh *n, const struct rte_ether_addr *mac,
		   uint64_t for_us)
{
	struct rte_mbuf *m;

	n->mac = *mac;
	n->used = false;
	set_state(t, n, NEIGH_REACHABLE);
	arm(t, n, for_us);
	while ((m = pop_waiting(t, n))) {
		n->used = true;
		t->ops->send(t->owner, n, m);
	}
}

static bool moved(const struct neigh *n, const struct rte_ether_addr *mac)
{
	return mac && neigh_usable(n) && !rte_is_same_ether_addr(&n->mac, mac);
}

/* Another one says that it is n. Anybody can say so: who is known is asked, and only when it is
 * silent is everybody, the other one included. Once a second at most, for each makes us speak. */
static void contest(struct neigh_table *t, struct neigh *n)
{
	if (n->state != NEIGH_REACHABLE || t->now_us < n->contest_us)
		return;
	n->contest_us = t->now_us + NEIGH_RETRY_US;
	set_state(t, n, NEIGH_PROBE);
	solicit(t, n);
	arm(t, n, NEIGH_CONTEST_US);
}

/* Is n waiting for an answer by whoever it may be? */
static bool asked_everybody(const struct neigh *n)
{
	return n->state == NEIGH_PROBE && n->tries > 1;
}

void neigh_learn(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac, bool create)
{
	struct neigh *n = neigh_find(t, port, ip);

	if (!n) {
		if (!create || t->n_entries >= NEIGH_LEARNED_MAX)
			return;
		n = make_entry(t, port, ip);
	}
	if (moved(n, mac) && !asked_everybody(n))
		contest(t, n);
	else
		settle(t, n, mac, NEIGH_REACHABLE_US);
}

/* STALE, of which the next use would make DELAY: here the entry stays usable, and is asked
 * when it was used in the meantime. */
static void doubt(struct neigh_table *t, struct neigh *n)
{
	if (n->state == NEIGH_REACHABLE)
		arm(t, n, NEIGH_HEARD_US);
}

void neigh_advertised(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		      const struct rte_ether_addr *mac, bool solicited, bool override)
{
	struct neigh *n = neigh_find(t, port, ip);

	if (!n || (!mac && !neigh_usable(n)))
		return;
	if (moved(n, mac) && !override)
		doubt(t, n);
	else if (solicited)
		settle(t, n, mac ? mac : &n->mac, NEIGH_REACHABLE_US);
	else if (mac && (!neigh_usable(n) || moved(n, mac)))
		settle(t, n, mac, NEIGH_HEARD_US);
}

void neigh_heard(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac)
{
	struct neigh *n = neigh_find(t, port, ip);

	if (n && neigh_usable(n) && !moved(n, mac))
		return;
	if (!n) {
		if (t->n_entries >= NEIGH_LEARNED_MAX)
			return;
		n = make_entry(t, port, ip);
	}
	settle(t, n, mac, NEIGH_HEARD_US);
}

static void retry(struct neigh_table *t, struct neigh *n)
{
	if (n->tries < NEIGH_TRIES) {
		solicit(t, n);
		return;
	}
	set_state(t, n, NEIGH_FAILED);
	fail_waiting(t, n);
	arm(t, n, NEIGH_FAILED_US);
}

static void refresh(struct neigh_table *t, struct neigh *n)
{
	if (!n->used) {
		release(t, n);
		return;
	}
	set_state(t, n, NEIGH_PROBE);
	solicit(t, n);
}

static void (*const on_timer[NEIGH_STATES])(struct neigh_table *t, struct neigh *n) = {
	[NEIGH_INCOMPLETE] = retry,
	[NEIGH_REACHABLE] = refresh,
	[NEIGH_PROBE] = retry,
	[NEIGH_FAILED] = release,
};

static void fire(void *arg, struct wheel_timer *timer)
{
	struct neigh *n = (struct neigh *)((char *)timer - offsetof(struct neigh, timer));

	on_timer[n->state](arg, n);
}

void neigh_set_now(struct neigh_table *t, uint64_t now_us)
{
	t->now_us = now_us;
}

void neigh_turn(struct neigh_table *t)
{
	if (t->wheel.armed)
		wheel_turn(&t->wheel, t->now_us);
}

uint64_t neigh_next_timer(const struct neigh_table *t)
{
	return wheel_next(&t->wheel);
}

struct neigh_table *neigh_table_create(const struct neigh_ops *ops, void *owner,
				       struct counters *counters, uint64_t now_us)
{
	struct neigh_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ops = ops;
	t->owner = owner;
	t->counters = counters;
	t->now_us = now_us;
	t->seed = rte_rand();
	wheel_init(&t->wheel, now_us, fire, t);
	for (unsigned i = 0; i < BUCKETS; i++)
		t->buckets[i] = NEIGH_NONE;
	for (unsigned i = 0; i < NEIGH_MAX; i++) {
		struct neigh *n = &t->entries[i];

		n->gen = 1;
		n->first = n->last = NEIGH_NONE;
		n->next = (uint16_t)(i + 1 < NEIGH_MAX ? i + 1 : NEIGH_NONE);
	}
	for (unsigned i = 0; i < NEIGH_WAITING_MAX; i++)
		t->nodes[i].next = (uint16_t)(i + 1 < NEIGH_WAITING_MAX ? i + 1 : NEIGH_NONE);
	return t;
}

void neigh_table_destroy(struct neigh_table *t)
{
	struct rte_mbuf *m;

	if (!t)
		return;
	for (unsigned i = 0; i < NEIGH_MAX; i++)
		while ((m = pop_waiting(t, &t->entries[i])))
			rte_pktmbuf_free(m);
	free(t);
}
