/* neigh.h - one worker's neighbours: next hops, their MAC addresses, and what waits for them.
 *
 * Knows no wire format and no device: requests and packets leave through neigh_ops, so that
 * tests need neither. Everything is bounded: entries, entries being resolved, entries made
 * by others' requests, and packets that wait. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include <base/wheel.h>
#include <weir/addr.h>
#include <weir/counters.h>

struct rte_mbuf;

#define NEIGH_MAX          4096
#define NEIGH_LEARNED_MAX  3072 /* beyond it, only our own output makes entries */
#define NEIGH_PENDING_MAX  512  /* being resolved: forged sources must not take the table */
#define NEIGH_WAITING_MAX  1024 /* packets, over all neighbours */
#define NEIGH_WAITING_EACH 256
#define NEIGH_TRIES        3
#define NEIGH_RETRY_US     1000000ull
#define NEIGH_REACHABLE_US 30000000ull
#define NEIGH_HEARD_US     5000000ull /* RFC 4861's DELAY_FIRST_PROBE_TIME */
#define NEIGH_FAILED_US    3000000ull
#define NEIGH_CONTEST_US                                                                           \
	200000ull /* for who is known to speak up when another claims its address */
#define NEIGH_NONE UINT16_MAX

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE, /* asked; packets wait */
	NEIGH_REACHABLE,
	NEIGH_PROBE,  /* its time is over and it is in use: asked again, still used */
	NEIGH_FAILED, /* nobody answered: packets fail at once until the entry is dropped */
	NEIGH_STATES
};

struct neigh {
	struct wheel_timer timer;
	struct ip_addr ip;
	struct rte_ether_addr mac; /* REACHABLE, PROBE */
	uint16_t port;
	uint64_t contest_us; /* no doubts before */
	uint32_t gen;        /* never 0; another one whenever the entry is given up */
	uint8_t state;       /* enum neigh_state */
	uint8_t tries;
	bool used;     /* something was sent since it was last confirmed */
	uint16_t next; /* in its hash chain or in the free list */
	uint16_t n_waiting;
	uint16_t first, last; /* of what waits */
};

struct neigh_ops {
	/* Ask for n: by unicast to n->mac, or by broadcast. */
	void (*solicit)(void *owner, const struct neigh *n, bool unicast);
	/* Takes m, which waited and can be sent now. */
	void (*send)(void *owner, const struct neigh *n, struct rte_mbuf *m);
	/* Takes m, which cannot be delivered to n. */
	void (*unreachable)(void *owner, const struct neigh *n, struct rte_mbuf *m);
};

struct neigh_table;

/* NULL when memory is short. Borrows its arguments. */
struct neigh_table *neigh_table_create(const struct neigh_ops *ops, void *owner,
				       struct counters *counters, uint64_t now_us);
void neigh_table_destroy(struct neigh_table *t);

/* The pass's clock: what happens from here on happens then. */
void neigh_set_now(struct neigh_table *t, uint64_t now_us);

/* The entry for ip on a port; makes one and asks when there is none. NULL when the table is
 * full. Valid until neigh_turn() or the next call that makes entries; keep index and gen. */
struct neigh *neigh_get(struct neigh_table *t, uint16_t port, const struct ip_addr *ip);
struct neigh *neigh_find(struct neigh_table *t, uint16_t port, const struct ip_addr *ip);

uint32_t neigh_index(const struct neigh_table *t, const struct neigh *n);
struct neigh *neigh_at(struct neigh_table *t, uint32_t index);

static inline bool neigh_usable(const struct neigh *n)
{
	return n->state == NEIGH_REACHABLE || n->state == NEIGH_PROBE;
}

/* Takes m for a neighbour that is not usable: it waits, or fails at once. */
void neigh_take_packet(struct neigh_table *t, struct neigh *n, struct rte_mbuf *m);

/* ip said that it is at mac, by ARP. create: also when nobody here asked for it. Who is known
 * to be elsewhere does not move at a word: it is asked first. */
void neigh_learn(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac, bool create);

/* A neighbour advertisement (RFC 4861 section 7.2.5) said that ip is at mac (NULL: it did not
 * say where). Never makes an entry. */
void neigh_advertised(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		      const struct rte_ether_addr *mac, bool solicited, bool override);
/* ip, who is asking for something, said that it is at mac (RFC 4861 section 7.2.3): not
 * believed for long before it is asked back. */
void neigh_heard(struct neigh_table *t, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac);

/* Retries, expiry. next: lower bound, UINT64_MAX when there is nothing. */
void neigh_turn(struct neigh_table *t);
uint64_t neigh_next_timer(const struct neigh_table *t);
