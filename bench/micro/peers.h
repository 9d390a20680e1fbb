/* peers.h - canned clients and backends on the far side of a net_ring device.
 *
 * Just enough TCP over a wire that loses nothing: they open connections, and from then on each
 * segment with data is a whole request or a whole response, answered at once with one segment
 * that acknowledges it. What the gateway sends is checked for its shape and counted. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct peers;
struct rte_ether_addr;
struct rte_mempool;
struct rte_ring;

struct peers_config {
	struct rte_ring *wire;                /* both directions of the device's queue 0 */
	struct rte_mempool *pool;             /* frames come from here */
	const struct rte_ether_addr *gateway; /* its MAC address */
	uint32_t gateway_ip;                  /* host order, as below */
	uint16_t gateway_port;
	uint16_t backend_port;
	uint32_t client_ip; /* the first; there are as many as the clients need */
	unsigned n_clients;
	unsigned in_flight; /* requests at a time; clients take turns in random order */
	const char *request;
	const char *response;
};

struct peers *peers_create(const struct peers_config *cfg);
/* Frees what waits; what lies in the ring is the device's. */
void peers_destroy(struct peers *p);

/* Takes what the gateway has sent and puts its next burst, at most `max` frames, onto the wire.
 * The gateway must have emptied its side before. */
void peers_turn(struct peers *p, uint64_t now_us, unsigned max);

/* All clients are connected. Requests flow from peers_start() on. */
bool peers_connected(const struct peers *p);
void peers_start(struct peers *p, uint64_t now_us);

struct peers_counts {
	uint64_t responses;
	uint64_t wrong;          /* responses or requests that are not what they should be */
	uint64_t sent, received; /* frames, seen from here */
	uint64_t acks;           /* received segments without data */
};

const struct peers_counts *peers_counts(const struct peers *p);
