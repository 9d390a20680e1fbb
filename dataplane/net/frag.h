/* frag.h - datagrams that are put together from their fragments, of either family.
 *
 * Bytes are copied into one fresh mbuf a datagram, at their place: what is held is bounded by
 * the number of datagrams. Knows no wire format: frag_ip.c does. Two fragments that disagree
 * about a byte end their datagram, also for what arrives of it later (RFC 5722, RFC 1858). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <weir/addr.h>
#include <weir/counters.h>

struct rte_mbuf;
struct rte_mempool;

#define FRAG_DATAGRAMS   256 /* in progress; beyond it the oldest gives way */
#define FRAG_CLASSES     64  /* senders, by hash */
#define FRAG_PER_CLASS   32  /* datagrams of a class; beyond it its oldest gives way */
#define FRAG_PARTS       32  /* fragments of a datagram */
#define FRAG_TIMEOUT_US  30000000ull
#define FRAG_PAYLOAD_MAX 1920 /* bytes of a datagram that fit into an mbuf */
#define FRAG_HEAD_MAX    192  /* bytes of the headers in front of it */

/* A fragment, borrowed. Datagrams are told apart by src, dst, id and proto. */
struct frag_part {
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t proto;
	uint8_t ecn;
	uint8_t next;         /* protocol of what data is; the first fragment's counts */
	bool more;            /* it is not the last one */
	uint32_t offset, len; /* of data, bytes */
	const uint8_t *data;
	uint16_t next_off; /* IPv6: of the byte that names the fragment header */
	/* What the whole datagram is to begin with; that of the first fragment is taken. */
	const uint8_t *head;
	uint32_t head_len;
};

struct frag_table;

/* About a datagram that is whole, or will never be. */
struct frag_whole {
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t ecn, next;
	uint16_t head_len, next_off;
};

/* NULL when memory is short. Borrows its arguments. seed: not to be guessed by senders. */
struct frag_table *frag_table_create(struct rte_mempool *pool, struct counters *counters,
				     uint64_t seed);
void frag_table_destroy(struct frag_table *t);

/* Copies the part. The whole datagram (head and payload) when it was the last one missing: the
 * caller's, with *about filled. Whatever is given up is counted, a fragment each. */
struct rte_mbuf *frag_add(struct frag_table *t, uint64_t now_us, const struct frag_part *part,
			  struct frag_whole *about);

/* Gives up what waited for too long; cheap when nothing did. When the beginning of a datagram is
 * there, it comes back for its sender to be told with: its head and the bytes up to the first
 * hole, the caller's, with *about filled. To be called until it returns NULL. */
struct rte_mbuf *frag_expire(struct frag_table *t, uint64_t now_us, struct frag_whole *about);

/* When frag_expire() is due; UINT64_MAX: nothing waits. */
uint64_t frag_next_timer(const struct frag_table *t);

/* Datagrams in progress. */
unsigned frag_count(const struct frag_table *t);
