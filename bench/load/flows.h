/* flows.h - which connection a segment belongs to.
 *
 * A client chooses its addresses and ports, so that they name the record: slot i uses address
 * i % n and a port whose low bits are i / n; the high bits change with each new connection of
 * the slot. A backend finds its peers' connections in a hash table with linear probing. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <nmmintrin.h>

#include <rte_byteorder.h>

#include "conn.h"

#define FLOWS_PORT_MIN 1024u
#define FLOWS_NONE     UINT32_MAX

/* ---- by arithmetic ---- */

struct port_plan {
	uint32_t n_addrs;
	uint32_t n_conns;
	uint32_t slots;  /* of an address; a power of two */
	uint32_t cycles; /* ports that one slot has */
};

/* False when n_addrs addresses have too few ports below port_end for n_conns connections. */
static inline bool port_plan_init(struct port_plan *p, uint32_t n_conns, uint32_t n_addrs,
				  uint32_t port_end)
{
	uint32_t ports = port_end - FLOWS_PORT_MIN, each = (n_conns + n_addrs - 1) / n_addrs;

	p->n_addrs = n_addrs;
	p->n_conns = n_conns;
	p->slots = 1;
	while (p->slots < each)
		p->slots *= 2;
	p->cycles = ports / p->slots ? ports / p->slots : 1;
	return each <= ports;
}

static inline uint16_t port_plan_addr(const struct port_plan *p, uint32_t slot)
{
	return (uint16_t)(slot % p->n_addrs);
}

/* Host order. */
static inline uint16_t port_plan_port(const struct port_plan *p, uint32_t slot, uint32_t cycle)
{
	return (uint16_t)(FLOWS_PORT_MIN + cycle * p->slots + slot / p->n_addrs);
}

/* The port after `port`, the slot's last. */
static inline uint16_t port_plan_next(const struct port_plan *p, uint32_t slot, uint16_t port)
{
	uint32_t cycle = (port - FLOWS_PORT_MIN) / p->slots + 1;

	return port_plan_port(p, slot, cycle < p->cycles ? cycle : 0);
}

/* The slot that may be using a port of the addr-th address; not below n_conns: none is. */
static inline uint32_t port_plan_slot(const struct port_plan *p, uint32_t addr, uint16_t port)
{
	return ((port - FLOWS_PORT_MIN) & (p->slots - 1)) * p->n_addrs + addr;
}

/* ---- by hash ---- */

struct flow_entry {
	uint32_t hash;
	uint32_t conn; /* index + 1; 0: empty */
};

struct flow_table {
	struct flow_entry *at;
	uint32_t mask;
};

/* For at most n connections. False when there is no memory. */
bool flow_table_init(struct flow_table *t, uint32_t n);

static inline uint32_t flow_hash(uint32_t raddr, uint16_t rport, uint16_t addr)
{
	return (uint32_t)_mm_crc32_u64(0, (uint64_t)raddr << 32 | (uint32_t)rport << 16 | addr);
}

static inline void flow_prefetch(const struct flow_table *t, uint32_t hash)
{
	__builtin_prefetch(&t->at[hash & t->mask]);
}

static inline uint32_t flow_find(const struct flow_table *t, const struct conn *conns,
				 uint32_t hash, uint32_t raddr, uint16_t rport, uint16_t addr)
{
	for (uint32_t i = hash & t->mask; t->at[i].conn; i = (i + 1) & t->mask) {
		const struct conn *c = &conns[t->at[i].conn - 1];

		if (t->at[i].hash == hash && c->backend.raddr == raddr && c->port == rport &&
		    c->addr == addr)
			return t->at[i].conn - 1;
	}
	return FLOWS_NONE;
}

/* The record that flow_find() will probably look at. */
static inline uint32_t flow_guess(const struct flow_table *t, uint32_t hash)
{
	const struct flow_entry *e = &t->at[hash & t->mask];

	return e->conn ? e->conn - 1 : 0;
}

/* The key must not be in the table. */
void flow_insert(struct flow_table *t, uint32_t hash, uint32_t conn);
void flow_remove(struct flow_table *t, uint32_t hash, uint32_t conn);
