/* flow.h - five-tuple to connection: open addressing with a keyed hash.
 *
 * The hash is keyed because the peer chooses half of the tuple: without a secret it could
 * make all its connections probe the same slots. */
#pragma once
#include <tcp/siphash.h>
#include <tcp/tcp.h>

struct tcp_flow_slot {
	uint32_t tag;  /* the hash */
	uint32_t conn; /* index + 1; 0 = empty */
};

struct tcp_flow {
	struct siphash_key key;
	struct tcp_flow_slot *slots;
	uint32_t mask;
	uint32_t used;
	struct tcp_conn *conns; /* borrowed: what indices count in */
};

/* Room for max_conns, at most two thirds full. False when memory is short. */
bool tcp_flow_init(struct tcp_flow *f, const struct siphash_key *key, struct tcp_conn *conns,
		   uint32_t max_conns);
void tcp_flow_fini(struct tcp_flow *f);

uint32_t tcp_flow_hash(const struct tcp_flow *f, const struct tcp_tuple *t);
struct tcp_conn *tcp_flow_find(const struct tcp_flow *f, uint32_t hash, const struct tcp_tuple *t);

/* c->tuple is the key and must not be in the table. */
void tcp_flow_insert(struct tcp_flow *f, struct tcp_conn *c);
void tcp_flow_remove(struct tcp_flow *f, struct tcp_conn *c);

static inline void tcp_flow_prefetch(const struct tcp_flow *f, uint32_t hash)
{
	__builtin_prefetch(&f->slots[hash & f->mask]);
}

/* What tcp_flow_find() will look at first, or NULL; not touched, so that it can be prefetched. */
struct tcp_conn *tcp_flow_peek(const struct tcp_flow *f, uint32_t hash);
