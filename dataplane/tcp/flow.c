/* flow.c - owns the table from tuple to connection. Linear probing; removal moves later
 * entries back, so that there are no tombstones and a miss stays short. */
#include <tcp/flow.h>

#include <base/region.h>
#include <tcp/conn.h>

bool tcp_flow_init(struct tcp_flow *f, const struct siphash_key *key, struct tcp_conn *conns,
		   uint32_t max_conns)
{
	uint64_t size = 16;

	while (size < max_conns + max_conns / 2ull)
		size *= 2;
	f->slots = region_map(size * sizeof(*f->slots));
	f->key = *key;
	f->mask = (uint32_t)(size - 1);
	f->used = 0;
	f->conns = conns;
	return f->slots != NULL;
}

void tcp_flow_fini(struct tcp_flow *f)
{
	region_unmap(f->slots, (f->mask + 1ull) * sizeof(*f->slots));
	f->slots = NULL;
}

/* Both IPv4: the addresses in one word. The number of words is part of what is hashed. */
uint32_t tcp_flow_hash(const struct tcp_flow *f, const struct tcp_tuple *t)
{
	uint64_t ports = (uint64_t)t->local.port << 16 | t->remote.port;

	if (likely(ip_addr_is_v4(&t->local.ip) && ip_addr_is_v4(&t->remote.ip))) {
		uint64_t w[2] = {(uint64_t)ip_addr_to_v4(&t->local.ip) << 32 |
					 ip_addr_to_v4(&t->remote.ip),
				 ports};

		return (uint32_t)siphash13(&f->key, w, 2);
	}
	uint64_t w[5] = {t->local.ip.q[0], t->local.ip.q[1], t->remote.ip.q[0], t->remote.ip.q[1],
			 ports};

	return (uint32_t)siphash13(&f->key, w, 5);
}

static bool same(const struct tcp_tuple *a, const struct tcp_tuple *b)
{
	return a->remote.port == b->remote.port && a->local.port == b->local.port &&
	       ip_addr_eq(&a->remote.ip, &b->remote.ip) && ip_addr_eq(&a->local.ip, &b->local.ip);
}

struct tcp_conn *tcp_flow_peek(const struct tcp_flow *f, uint32_t hash)
{
	for (uint32_t i = hash & f->mask; f->slots[i].conn; i = (i + 1) & f->mask)
		if (f->slots[i].tag == hash)
			return &f->conns[f->slots[i].conn - 1];
	return NULL;
}

struct tcp_conn *tcp_flow_find(const struct tcp_flow *f, uint32_t hash, const struct tcp_tuple *t)
{
	for (uint32_t i = hash & f->mask; f->slots[i].conn; i = (i + 1) & f->mask) {
		struct tcp_conn *c;

		if (f->slots[i].tag != hash)
			continue;
		c = &f->conns[f->slots[i].conn - 1];
		if (same(&c->tuple, t))
			return c;
	}
	return NULL;
}

void tcp_flow_insert(struct tcp_flow *f, struct tcp_conn *c)
{
	uint32_t hash = tcp_flow_hash(f, &c->tuple);
	uint32_t i = hash & f->mask;

	assert(f->used < f->mask);
	while (f->slots[i].conn)
		i = (i + 1) & f->mask;
	f->slots[i] = (struct tcp_flow_slot){hash, (uint32_t)(c - f->conns) + 1};
	f->used++;
}

static uint32_t slot_of(const struct tcp_flow *f, const struct tcp_conn *c)
{
	uint32_t want = (uint32_t)(c - f->conns) + 1;
	uint32_t i = tcp_flow_hash(f, &c->tuple) & f->mask;

	while (f->slots[i].conn != want) {
		assert(f->slots[i].conn);
		i = (i + 1) & f->mask;
	}
	return i;
}

void tcp_flow_remove(struct tcp_flow *f, struct tcp_conn *c)
{
	uint32_t hole = slot_of(f, c);

	for (uint32_t i = (hole + 1) & f->mask; f->slots[i].conn; i = (i + 1) & f->mask) {
		uint32_t from_home = (i - f->slots[i].tag) & f->mask;

		/* An entry may move back to the hole unless its home lies behind it. */
		if (from_home < ((i - hole) & f->mask))
			continue;
		f->slots[hole] = f->slots[i];
		hole = i;
	}
	f->slots[hole].conn = 0;
	f->used--;
}
